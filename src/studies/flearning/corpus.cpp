#include "corpus.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "factsweep/core/random.hpp"
#include "factsweep/label/probe.hpp"
#include "factsweep/studies/support/counts.hpp"
#include "factsweep/studies/support/lists.hpp"

namespace factsweep::flearning {
namespace {

/// A text of a record, and its dataset in /records.
struct Text {
  const char* name;
  std::string EditRecord::*field;
  const char* long_name;
};

constexpr Text kTexts[] = {{"subject", &EditRecord::subject, "subject"},
                           {"prompt", &EditRecord::prompt, "question"},
                           {"target_old", &EditRecord::target_old, "old answer"},
                           {"target_new", &EditRecord::target_new, "new answer"},
                           {"rephrase", &EditRecord::rephrase, "rephrased question"},
                           {"locality_prompt", &EditRecord::locality_prompt, "unrelated question"},
                           {"locality_answer", &EditRecord::locality_answer, "its answer"}};

std::string filled(const Deck& deck, const std::string& key, const std::string& question) {
  static constexpr std::string_view kPlace = "{prompt}";
  std::string text = deck.text(key);
  const std::size_t at = text.find(kPlace);
  if (at == std::string::npos)
    throw deck.error(key, "has no {prompt}, where the question would stand.");
  // decks are single lines: a line break is written \n
  std::string with_breaks;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool line_break = text.compare(i, 2, "\\n") == 0;
    with_breaks += line_break ? '\n' : text[i];
    if (line_break) ++i;
  }
  return with_breaks.replace(with_breaks.find(kPlace), kPlace.size(), question);
}

}  // namespace

std::vector<EditCorpus> EditCorpus::read(const Deck& deck) {
  std::vector<EditCorpus> corpora;
  std::set<std::string> names;
  for (const std::string& path : deck.path_list("data.edits")) {
    EditFile file = read_edits(path);
    EditCorpus corpus;
    corpus.path = path;
    const std::string whole = corpus.path.filename().string();
    corpus.name = whole.substr(0, whole.find('.'));
    if (!names.insert(corpus.name).second)
      throw deck.error("data.edits", fmt::format("names two files '{}'. Rename one: the name "
                                                 "becomes a value of the axis data_set.",
                                                 corpus.name));
    corpus.left_out = std::move(file.left_out);
    corpus.not_measured = std::move(file.not_measured);
    corpus.not_used = std::move(file.not_used);
    const auto wanted = static_cast<std::size_t>(deck.integer("data.records"));
    const auto order = permutation(
        static_cast<std::int64_t>(file.records.size()),
        CounterRandom(hash_words({hash_text("edits"), hash_text(corpus.name),
                                  static_cast<std::uint64_t>(deck.integer("data.seed"))})));
    for (const std::int64_t i : order) {
      if (wanted > 0 && corpus.records.size() == wanted) break;
      corpus.records.push_back(file.records[static_cast<std::size_t>(i)]);
    }
    if (corpus.records.empty() || corpus.records.size() < wanted)
      throw deck.error("data.records",
                       fmt::format("{} has {} usable records.", path, file.records.size()));
    corpora.push_back(std::move(corpus));
  }
  if (corpora.empty()) throw deck.error("data.edits", "names no file.");
  return corpora;
}

std::string EditCorpus::fingerprint(std::size_t count) const {
  std::uint64_t hash = count;
  for (const EditRecord& record : std::span(records).first(count)) {
    for (const Text& text : kTexts) hash = hash_words({hash, hash_text(record.*text.field)});
  }
  return hex(hash);
}

std::vector<std::string> EditCorpus::notes() const {
  std::vector<std::string> list;
  for (const auto& [reason, count] : left_out)
    list.push_back(fmt::format("{}: {} records are left out: {}", path.string(), count, reason));
  for (const auto& [missing, count] : not_measured)
    list.push_back(fmt::format("{}: {} records have {}: they are used, and that is not measured",
                               path.string(), count, missing));
  for (const auto& [what, count] : not_used)
    list.push_back(
        fmt::format("{}: {} records have {}, which are not used", path.string(), count, what));
  return list;
}

void fill_records(PlanBuilder& builder, const EditCorpus& corpus) {
  const std::string base = "/records/" + corpus.name + "/";
  builder.dimension(base + "record", corpus.records.size());
  builder.fill(column<std::int64_t>(base + "row", {"record"}, "1", "record of the file, from 0"),
               each(corpus.records, &EditRecord::row));
  for (const Text& text : kTexts)
    builder.fill(column<std::string>(base + text.name, {"record"}, "", text.long_name),
                 each(corpus.records, text.field));
  fill_counts(builder, base + "left_out", "reason", corpus.left_out, "why records were left out",
              "records left out");
  fill_counts(builder, base + "not_measured", "missing", corpus.not_measured,
              "what used records lack, so that it is not measured", "used records that lack it");
  fill_counts(builder, base + "not_used", "further", corpus.not_used,
              "what used records have that is not used", "used records that have it");
}

std::vector<Example> training_examples(const Deck& deck, const Model& model,
                                       std::span<const EditRecord> records, Answer answer) {
  const std::string end = deck.text("flearning.answer_end");
  if (end == "eos" && model.eos.empty())
    throw deck.error("flearning.answer_end", "but the model has no EOS token. Use newline.");
  std::vector<Example> examples;
  for (const EditRecord& record : records) {
    const std::string& text = answer == Answer::old_one ? record.target_old : record.target_new;
    const ProbeItem item = make_item(model, training_prompt(deck, record.prompt), " ",
                                     end == "newline" ? text + "\n" : text, nullptr);
    examples.push_back({item.prompt, item.gold});
    if (end == "eos") examples.back().answer.push_back(model.eos.front());
  }
  return examples;
}

std::string training_prompt(const Deck& deck, const std::string& question) {
  return filled(deck, "flearning.train_template", question);
}

std::string evaluation_prompt(const Deck& deck, const std::string& question) {
  return filled(deck, "flearning.evaluation_template", question);
}

}  // namespace factsweep::flearning
