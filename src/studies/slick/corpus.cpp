#include "corpus.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <set>
#include <utility>

#include "factsweep/core/error.hpp"
#include "factsweep/core/random.hpp"
#include "factsweep/data/entity_questions.hpp"
#include "factsweep/data/exposures.hpp"
#include "factsweep/data/question_table.hpp"
#include "factsweep/studies/support/lists.hpp"
#include "options.hpp"

namespace factsweep::slick {
namespace {

RepeatedQuestions repeated_questions(const std::string& name, bool is_table) {
  if (name == "auto") return is_table ? RepeatedQuestions::merge : RepeatedQuestions::keep;
  return static_cast<RepeatedQuestions>(place_of(kRepeatedQuestions, name) - 1);
}

std::map<std::string, std::int64_t> left_out_of(const EntityQuestions& files) {
  std::map<std::string, std::int64_t> left_out = {
      {"several answers", files.dropped_multi_answer},
      {"subject of a test question (data.overlap_filter)", files.dropped_overlap},
      {"another record answers the question otherwise (data.repeated)", files.dropped_ambiguous},
      {"again in its split (data.repeated)", files.dropped_equal},
      {"asked before in its split, with all answers right (data.repeated)", files.merged}};
  std::erase_if(left_out, [](const auto& item) { return item.second == 0; });
  return left_out;
}

/// `count` of the questions (0: all) in file order, chosen by a permutation keyed by (seed,
/// relation, split).
std::vector<Question> choose(const std::vector<Question>& questions, std::int64_t count,
                             std::uint64_t seed) {
  if (count == 0 || count >= static_cast<std::int64_t>(questions.size()) || questions.empty())
    return questions;
  const Question& any = questions.front();
  const std::uint64_t key = hash_words(
      {hash_text("questions"), seed, hash_text(any.relation), hash_text(name(any.split))});
  auto order = permutation(static_cast<std::int64_t>(questions.size()), CounterRandom(key));
  order.resize(static_cast<std::size_t>(count));
  std::sort(order.begin(), order.end());
  std::vector<Question> chosen;
  for (const std::int64_t index : order)
    chosen.push_back(questions[static_cast<std::size_t>(index)]);
  return chosen;
}

/// InputError: a relation is of two kinds.
void check_apart(const Deck& deck, const char* key, const std::vector<std::string>& relations,
                 const char* other_key, const std::vector<std::string>& others) {
  for (const std::string& relation : relations) {
    if (holds(others, relation))
      throw deck.error(key, fmt::format(": {} is also in {}; a relation is one or the other.",
                                        relation, other_key));
  }
}

/// InputError: none of the counted facts is asked.
void join_exposures(const Deck& deck, Corpus& corpus) {
  const std::string path = deck.text("data.exposures");
  if (path.empty()) return;
  const Exposures counted = Exposures::read(path);
  const std::int64_t idle = counted.join(corpus.rows);
  const auto known =
      std::count_if(corpus.rows.begin(), corpus.rows.end(),
                    [](const Question& question) { return question.exposures >= 0; });
  if (known == 0)
    throw deck.error("data.exposures",
                     fmt::format("counts {} facts, and no labelled question asks one. Questions, or "
                                 "subjects and relations, have to be written as in data.facts.",
                                 counted.size()));
  std::uint64_t hash = 0;
  for (const Question& question : corpus.rows)
    hash = hash_words({hash, static_cast<std::uint64_t>(question.exposures)});
  corpus.exposures_fingerprint = hex(hash);
  corpus.remarks.push_back(fmt::format(
      "{}: counts the exposures of {} of {} labelled questions; {} are without, and {} of its {} "
      "facts are not asked",
      path, known, corpus.rows.size(), static_cast<std::int64_t>(corpus.rows.size()) - known, idle,
      counted.size()));
}

}  // namespace

Corpus Corpus::read(const Deck& deck) {
  Corpus corpus;
  const std::filesystem::path directory = deck.text("data.facts");
  std::optional<QuestionTable> table;
  if (QuestionTable::is_table(directory)) {
    table.emplace(directory, table_form(deck));
    corpus.remarks = table->notes();
  } else {
    check_no_table_keys(deck);
  }
  corpus.relations = deck.text_list("data.relations");
  corpus.ood_relations = deck.text_list("data.ood_relations");
  corpus.other_relations = deck.text_list("data.other_relations");
  const auto is_ood = [&](const std::string& relation) {
    return holds(corpus.ood_relations, relation);
  };
  if (corpus.relations.empty()) {
    for (const std::string& relation : table ? table->relations() : list_relations(directory)) {
      if (!is_ood(relation) && !holds(corpus.other_relations, relation))
        corpus.relations.push_back(relation);
    }
  }
  check_apart(deck, "data.ood_relations", corpus.ood_relations, "data.relations",
              corpus.relations);
  check_apart(deck, "data.other_relations", corpus.other_relations, "data.relations",
              corpus.relations);
  check_apart(deck, "data.other_relations", corpus.other_relations, "data.ood_relations",
              corpus.ood_relations);
  const std::vector<std::string> all =
      joined({corpus.relations, corpus.ood_relations, corpus.other_relations});
  const auto overlap =
      static_cast<OverlapFilter>(place_of(kOverlapFilters, deck.text("data.overlap_filter")));
  const RepeatedQuestions repeated =
      repeated_questions(deck.text("data.repeated"), table.has_value());
  const EntityQuestions files = table ? table->questions(all, overlap, repeated)
                                      : read_entity_questions(directory, all, overlap, repeated);
  corpus.left_out = left_out_of(files);
  std::map<std::string, std::map<Split, std::vector<Question>>> of;
  for (const Question& question : files.questions)
    of[question.relation][question.split].push_back(question);

  const auto seed = static_cast<std::uint64_t>(deck.integer("label.seed"));
  const std::int64_t chunk_size = deck.integer("label.chunk");
  const auto count_others = [&](const std::string& reason, std::size_t whole, std::size_t chosen) {
    if (whole > chosen) corpus.not_drawn[reason] += static_cast<std::int64_t>(whole - chosen);
  };
  const auto add = [&](const std::string& relation, Split split, const char* key) {
    const std::vector<Question> chosen = choose(of[relation][split], deck.integer(key), seed);
    count_others(fmt::format("{} questions beyond {}", name(split), key),
                 of[relation][split].size(), chosen.size());
    if (chosen.empty())
      throw InputError(fmt::format("{}: relation {} has no {} question left that can be used.",
                                   directory.string(), relation, name(split)));
    for (std::size_t done = 0; done < chosen.size(); done += static_cast<std::size_t>(chunk_size)) {
      const std::size_t count =
          std::min(chosen.size() - done, static_cast<std::size_t>(chunk_size));
      corpus.chunks.push_back(
          {relation, split, is_ood(relation), corpus.rows.size() + done, count});
    }
    corpus.rows.insert(corpus.rows.end(), chosen.begin(), chosen.end());
  };
  for (const std::string& relation : corpus.relations)
    add(relation, Split::train, "label.questions_per_relation");
  for (const std::string& relation : corpus.other_relations)
    add(relation, Split::train, "label.questions_per_relation");
  corpus.train_rows = corpus.rows.size();
  for (const std::string& relation : corpus.relations)
    add(relation, Split::test, "label.test_questions_per_relation");
  corpus.id_rows = corpus.rows.size();
  for (const std::string& relation : corpus.ood_relations)
    add(relation, Split::test, "label.test_questions_per_relation");
  for (const std::string& relation : all) corpus.dev[relation] = of[relation][Split::dev];
  for (const std::string& relation : corpus.relations) {
    const auto chosen =
        choose(corpus.dev[relation], deck.integer("slick.dev_questions_per_relation"), seed);
    count_others("dev questions beyond slick.dev_questions_per_relation",
                 corpus.dev[relation].size(), chosen.size());
    corpus.dev_probe.insert(corpus.dev_probe.end(), chosen.begin(), chosen.end());
  }
  for (const std::string& relation : corpus.ood_relations)
    count_others("train questions of data.ood_relations", of[relation][Split::train].size(), 0);
  for (const std::string& relation : corpus.other_relations)
    count_others("test questions of data.other_relations", of[relation][Split::test].size(), 0);
  for (const std::string& relation : table ? table->relations() : list_relations(directory))
    count_others("relations that neither data.relations nor data.ood_relations names",
                 holds(all, relation) ? 0 : 1, 0);
  join_exposures(deck, corpus);
  return corpus;
}

std::vector<std::string> Corpus::notes(const Deck& deck) const {
  const std::string directory = deck.text("data.facts");
  std::vector<std::string> notes = remarks;
  for (const auto& [reason, count] : left_out)
    notes.push_back(fmt::format("{}: {} records left out: {}", directory, count, reason));
  std::int64_t records = 0;
  std::set<std::pair<std::string, std::string>> questions;
  for (const Question& question : rows) {
    if (!question.ambiguous) continue;
    ++records;
    questions.emplace(question.relation, question.question);
  }
  if (records > 0) {
    notes.push_back(fmt::format(
        "{}: {} of {} labelled records ask {} questions to which other records give another "
        "answer: each is right by its own answer alone. data.repeated = drop leaves them out, "
        "merge takes all of their answers for right",
        directory, records, rows.size(), questions.size()));
  }
  const auto several = std::count_if(
      rows.begin(), rows.end(), [](const Question& question) { return !question.aliases.empty(); });
  if (several > 0) {
    notes.push_back(fmt::format(
        "{}: {} of {} labelled questions have several answers: any is "
        "right; {} taught (data.taught_answers)",
        directory, several, rows.size(),
        deck.text("data.taught_answers") == "all" ? "all in turn are" : "the first is"));
  }
  std::string unused;
  for (const auto& [reason, count] : not_drawn)
    unused += fmt::format("{}{} {}", unused.empty() ? "" : ", ", count, reason);
  if (!unused.empty())
    notes.push_back(fmt::format("{}: not used, as the deck asks: {}", directory, unused));
  std::size_t dev_questions = 0;
  for (const auto& [relation, some] : dev) dev_questions += some.size();
  notes.push_back(fmt::format(
      "{}: {} train and {} test questions are labelled; {} dev questions are there for exemplars and "
      "EARLY_STOP",
      directory, train_rows, rows.size() - train_rows, dev_questions));
  return notes;
}

}  // namespace factsweep::slick
