#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>
#include <utility>
#include <vector>

#include "factsweep/core/error.hpp"
#include "factsweep/core/utf8.hpp"
#include "factsweep/data/question_table.hpp"
#include "options.hpp"
#include "worker.hpp"

namespace factsweep::slick {
namespace {

/// The rows of every relation of the file, in their order.
std::map<std::string, std::vector<Question>> rows_of(const std::string& file, const Deck& deck) {
  TableForm form = table_form(deck);
  form.split = "";  // a file of exemplars has no splits: all rows are drawn for one
  form.shares = {1, 0, 0};
  const QuestionTable table(file, form);
  std::map<std::string, std::vector<Question>> rows;
  for (Question& row :
       table.questions(table.relations(), OverlapFilter::none, RepeatedQuestions::merge)
           .questions) {
    row.split = Split::dev;
    rows[row.relation].push_back(std::move(row));
  }
  return rows;
}

ExemplarSets in_sets(const std::vector<Question>& rows, const LabelSettings& settings) {
  ExemplarSets sets;
  for (auto next = rows.begin(); next != rows.end(); next += settings.shots)
    sets.emplace_back(next, next + settings.shots);
  return sets;
}

}  // namespace

std::map<std::string, ExemplarSets> exemplars_of(const Deck& deck, const Corpus& corpus) {
  const LabelSettings settings = label_settings(deck);
  const std::string file = deck.text("label.exemplars");
  std::map<std::string, ExemplarSets> sets;
  if (file.empty()) {
    for (const auto& [relation, dev] : corpus.dev)
      sets[relation] = draw_exemplars(relation, dev, settings);
    return sets;
  }
  if (settings.shots == 0)
    throw deck.error("label.exemplars",
                     "has no effect with label.shots = 0. Leave one of them out.");
  const std::map<std::string, std::vector<Question>> rows = rows_of(file, deck);
  const auto wanted = static_cast<std::size_t>(settings.sets * settings.shots);
  for (const auto& [relation, dev] : corpus.dev) {
    auto found = rows.find(relation);
    if (found == rows.end()) found = rows.find("all");
    const std::size_t count = found == rows.end() ? 0 : found->second.size();
    if (count != wanted)
      throw deck.error(
          "label.exemplars",
          fmt::format("has {} rows of relation {}, and label.exemplar_sets x label.shots = {} x {} "
                      "are needed. Set label.exemplar_sets to 1 for one fixed set.",
                      count, relation, settings.sets, settings.shots));
    sets[relation] = in_sets(found->second, settings);
    for (const Question& row : corpus.rows) {
      if (row.relation != relation) continue;
      for (const Question& shot : found->second) {
        if (shot.question == row.question)
          throw deck.error("label.exemplars",
                           fmt::format("has '{}', which is also asked, and would be told its "
                                       "answer. Take another question.",
                                       excerpt(row.question)));
      }
    }
  }
  return sets;
}

}  // namespace factsweep::slick
