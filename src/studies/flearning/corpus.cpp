#include "corpus.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <set>

#include "factsweep/core/console.hpp"
#include "factsweep/core/random.hpp"
#include "factsweep/data/prompts.hpp"
#include "factsweep/data/trim.hpp"
#include "factsweep/label/probe.hpp"
#include "factsweep/label/text_lengths.hpp"
#include "factsweep/stage/table.hpp"
#include "factsweep/studies/support/counts.hpp"
#include "factsweep/studies/support/lists.hpp"
#include "factsweep/studies/support/models.hpp"

namespace factsweep::flearning {
namespace {

/// A text of a record, and its dataset in /records.
struct Text {
  const char* name;
  std::string (*of)(const EditRecord&);
  const char* long_name;
};

using Record = const EditRecord&;

constexpr Text kTexts[] = {
    {"subject", [](Record r) { return r.subject; }, "subject"},
    {"prompt", [](Record r) { return r.prompt; }, "question"},
    {"target_old", [](Record r) { return r.target_old; }, "old answer"},
    {"target_new", [](Record r) { return r.target_new; }, "new answer"},
    {"rephrase", [](Record r) { return r.rephrasings.empty() ? "" : r.rephrasings.front(); },
     "rephrased question"},
    {"locality_prompt", [](Record r) { return r.unrelated.empty() ? "" : r.unrelated.front().prompt; },
     "unrelated question"},
    {"locality_answer",
     [](Record r) { return r.unrelated.empty() ? "" : r.unrelated.front().answers.front(); },
     "its answer"}};

/// What a record asks, or accepts, beyond these.
struct Further {
  std::int64_t record = 0;
  std::string kind, prompt, answer;
};

std::vector<Further> further(std::span<const EditRecord> records) {
  std::vector<Further> list;
  std::int64_t at = 0;
  const auto add = [&](const char* kind, const std::string& prompt, const std::string& answer) {
    list.push_back({at, kind, prompt, answer});
  };
  const auto add_questions = [&](const char* kind, std::span<const EditQuestion> questions) {
    for (const EditQuestion& question : questions) {
      for (const std::string& answer : question.answers) add(kind, question.prompt, answer);
    }
  };
  for (const EditRecord& record : records) {
    for (const std::string& answer : record.old_aliases) add("old answer", record.prompt, answer);
    for (const std::string& answer : record.new_aliases) add("new answer", record.prompt, answer);
    for (std::size_t i = 1; i < record.rephrasings.size(); ++i)
      add("rephrasing", record.rephrasings[i], "");
    if (!record.unrelated.empty())
      add_questions("unrelated", std::span(record.unrelated).subspan(1));
    add_questions("portability", record.portability);
    ++at;
  }
  return list;
}

EditSettings edit_settings(const Deck& deck) {
  EditSettings settings{.form = deck.text("data.form"),
                        .separator = deck.text("data.separator"),
                        .bad_records = deck.real("data.bad_records"),
                        .repeated = deck.text("data.repeated") == "drop" ? RepeatedEdits::drop
                                                                         : RepeatedEdits::keep};
  for (const std::string& name : edit_columns()) {
    const std::string column = deck.text("data." + name);
    if (!column.empty()) settings.columns[name] = nfc(column);
  }
  return settings;
}

bool holds_subject(const EditRecord& record) {
  return place_of_subject(record) != std::string::npos;
}

/// Why a method that looks the subject up cannot; empty: it can.
std::string why_no_subject(const EditRecord& record) {
  if (holds_subject(record)) return {};
  if (record.subject.empty()) return "no subject, and a method looks it up";
  const bool is_there = record.prompt.find(record.subject) != std::string::npos;
  return is_there ? "the subject is in the prompt as a part of a longer word alone"
                  : "the subject is not in the prompt";
}

std::string filled(const Deck& deck, const std::string& key, const std::string& question) {
  static constexpr std::string_view kPlace = "{prompt}";
  std::string text = with_line_breaks(deck.text(key));
  const std::size_t at = text.find(kPlace);
  if (at == std::string::npos)
    throw deck.error(key, "has no {prompt}, where the question would stand.");
  return text.replace(at, kPlace.size(), question);
}

/// Leaves out what some method of the deck cannot use, where others can be used. InputError: it is
/// more than data.bad_records allows.
void leave_out(const Deck& deck, EditFile& file, EditCorpus& corpus) {
  const std::vector<std::string> chosen = deck.text_list("grid.method");
  const auto any_method = [&](bool (Method::*needs)() const) {
    return std::any_of(chosen.begin(), chosen.end(),
                       [&](const std::string& name) { return (method(name).*needs)(); });
  };
  const auto any_record = [&](const auto& has) {
    return std::any_of(file.records.begin(), file.records.end(), has);
  };
  const auto has_old = [](const EditRecord& record) { return !record.target_old.empty(); };
  RecordCounts lacking = file.bad;
  const std::int64_t edits = static_cast<std::int64_t>(file.records.size()) + file.bad.records();
  const auto leave_out = [&](const std::function<std::string(const EditRecord&)>& reason) {
    factsweep::leave_out(file, [&](const EditRecord& record) {
      const std::string why = reason(record);
      if (!why.empty()) lacking.add(why, record.where);
      return why;
    });
  };
  corpus.has_old = any_record(has_old);
  if (corpus.has_old && any_method(&Method::has_lambda))
    leave_out([&](const EditRecord& record) {
      return has_old(record) ? "" : "no old answer, and a method forgets it";
    });
  corpus.has_subjects = any_record(holds_subject);
  if (corpus.has_subjects && any_method(&Method::needs_subject)) leave_out(why_no_subject);
  if (lacking.records() > file.bad.records())
    check_bad_records(lacking, corpus.path.string(), edits, deck.real("data.bad_records"),
                      "Correct them, leave out of grid.method what needs what they lack, or raise "
                      "data.bad_records.");
}

/// What a model is asked or taught of a record: prompt and answer.
using Texts = std::vector<std::pair<std::string, std::string>>;

Texts texts_of(const Deck& deck, const EditRecord& record) {
  Texts texts;
  std::vector<std::string> answers = {record.target_new};
  for (const auto* more : {&record.new_aliases, &record.old_aliases})
    answers.insert(answers.end(), more->begin(), more->end());
  if (!record.target_old.empty()) answers.push_back(record.target_old);
  for (const std::string& answer : answers) {
    texts.emplace_back(training_prompt(deck, record.prompt), answer);
    texts.emplace_back(evaluation_prompt(deck, record.prompt), answer);
    for (const std::string& question : record.rephrasings)
      texts.emplace_back(evaluation_prompt(deck, question), answer);
  }
  for (const auto* questions : {&record.unrelated, &record.portability}) {
    for (const EditQuestion& question : *questions) {
      for (const std::string& answer : question.answers)
        texts.emplace_back(evaluation_prompt(deck, question.prompt), answer);
    }
  }
  return texts;
}

/// Records that are longer than a model's positions: left out where it cannot read them, else counted.
void look_at_lengths(const Deck& deck, std::span<const TextLengths> models, EditFile& file,
                     EditCorpus& corpus) {
  factsweep::leave_out(file, [&](const EditRecord& record) {
    const Texts texts = texts_of(deck, record);
    for (const TextLengths& lengths : models) {
      for (const auto& [prompt, answer] : texts) {
        const std::string why = lengths.excess(prompt, " " + answer, 1);
        if (why.empty()) continue;
        if (lengths.are_bounded()) return why;
        corpus.too_long.add(why, record.where);
        break;
      }
    }
    return std::string();
  });
}

/// Leaves out the unrelated questions that are the prompt of a chosen record.
void ask_no_edit(EditCorpus& corpus) {
  const auto lacking = [&] {
    return std::count_if(corpus.records.begin(), corpus.records.end(),
                         [](const EditRecord& record) { return record.unrelated.empty(); });
  };
  const std::int64_t before = lacking();
  corpus.questions.add(leave_out_edited(corpus.records));
  const std::int64_t lost = lacking() - before;
  if (lost > 0) corpus.not_measured["no locality prompt that can be used"] += lost;
}

}  // namespace

std::vector<EditCorpus> EditCorpus::read(const Deck& deck) {
  std::vector<EditCorpus> corpora;
  std::set<std::string> names;
  std::vector<TextLengths> models;
  for (const std::string& directory : model_directories(deck)) models.emplace_back(directory);
  for (const std::string& path : deck.path_list("data.edits")) {
    EditFile file = read_edits(path, edit_settings(deck));
    EditCorpus corpus;
    corpus.path = path;
    flearning::leave_out(deck, file, corpus);
    look_at_lengths(deck, models, file, corpus);
    const std::string whole = corpus.path.filename().string();
    corpus.name = whole.substr(0, whole.find('.'));
    if (!names.insert(corpus.name).second)
      throw deck.error("data.edits", fmt::format("names two files '{}'. Rename one: the name "
                                                 "becomes a value of the axis data_set.",
                                                 corpus.name));
    corpus.left_out = std::move(file.left_out);
    corpus.left_out.add(file.bad);
    corpus.repeated = std::move(file.repeated);
    corpus.not_measured = std::move(file.not_measured);
    corpus.not_used = std::move(file.not_used);
    corpus.questions = std::move(file.questions);
    const auto wanted = static_cast<std::size_t>(deck.integer("data.records"));
    const auto order = permutation(
        static_cast<std::int64_t>(file.records.size()),
        CounterRandom(hash_words(
            {hash_text("edits"), static_cast<std::uint64_t>(deck.integer("data.seed"))})));
    for (const std::int64_t i : order) {
      if (wanted > 0 && corpus.records.size() == wanted) break;
      corpus.records.push_back(file.records[static_cast<std::size_t>(i)]);
    }
    if (corpus.records.empty() || corpus.records.size() < wanted)
      throw deck.error(
          "data.records",
          fmt::format(": {} has {}.", path,
                      console::counted(std::int64_t(file.records.size()), "usable record")));
    ask_no_edit(corpus);
    corpora.push_back(std::move(corpus));
  }
  if (corpora.empty()) throw deck.error("data.edits", "names no file.");
  return corpora;
}

std::string EditCorpus::fingerprint(std::size_t count) const {
  std::uint64_t hash = count;
  const auto asked = std::span(records).first(count);
  const auto add = [&](const std::string& text) { hash = hash_words({hash, hash_text(text)}); };
  for (const EditRecord& record : asked) {
    for (const Text& text : kTexts) add(text.of(record));
  }
  for (const Further& more : further(asked)) {
    hash = hash_words({hash, static_cast<std::uint64_t>(more.record)});
    for (const std::string* text : {&more.kind, &more.prompt, &more.answer}) add(*text);
  }
  return hex(hash);
}

bool EditCorpus::has_portability() const {
  return std::any_of(records.begin(), records.end(),
                     [](const EditRecord& record) { return !record.portability.empty(); });
}

bool EditCorpus::fits(const Method& method) const {
  return (has_old || !method.has_lambda()) && (has_subjects || !method.needs_subject());
}

std::vector<std::string> EditCorpus::notes() const {
  std::vector<std::string> list = notes_of({{path.string(), "left out", left_out}});
  const auto used = [&](const RecordCounts& counts, const char* key) {
    for (const auto& [why, reason] : counts.reasons())
      list.push_back(fmt::format("{}: {} {} used though {}{}", path.string(),
                                 console::counted(reason.records, "record"),
                                 reason.records == 1 ? "is" : "are", told(why, reason), key));
  };
  used(repeated, " (data.repeated)");
  used(too_long, "");
  for (const auto& [why, reason] : questions.reasons())
    list.push_back(fmt::format(
        "{}: {} left out: {}", path.string(),
        reason.records == 1 ? "1 question is" : fmt::format("{} questions are", reason.records),
        told(why, reason)));
  if (!has_old)
    list.push_back(fmt::format("{}: no record has an old answer: the original model is the model as "
                               "it is, and methods that forget are left out",
                               path.string()));
  if (!has_subjects)
    list.push_back(fmt::format("{}: no prompt holds its record's subject: methods that look it up "
                               "(rome, rome_reset, memit) are left out",
                               path.string()));
  const auto having = [](std::int64_t count) {
    return count == 1 ? std::string("1 record has") : fmt::format("{} records have", count);
  };
  for (const auto& [missing, count] : not_measured)
    list.push_back(fmt::format("{}: {} {}: {} used, and that is not measured", path.string(),
                               having(count), missing, count == 1 ? "it is" : "they are"));
  for (const auto& [what, count] : not_used)
    list.push_back(fmt::format("{}: not used of {}: {}", path.string(),
                               console::counted(count, "record"), what));
  return list;
}

namespace {

void fill_further(PlanBuilder& builder, const std::string& base,
                  std::span<const EditRecord> records) {
  const std::vector<Further> list = further(records);
  if (list.empty()) return;
  builder.dimension(base + "question", list.size());
  const auto text = [&](const char* name, const char* long_name) {
    return column<std::string>(base + "question_" + name, {"question"}, "", long_name);
  };
  fill(builder,
       Table<Further>{{column<std::int64_t>(base + "question_record", {"question"}, "1",
                                            "row of the record that it is of"),
                       &Further::record},
                      {text("kind", "what further is asked, or accepted"), &Further::kind},
                      {text("prompt", "question"), &Further::prompt},
                      {text("answer", "its answer"), &Further::answer}},
       list);
}

}  // namespace

void fill_records(PlanBuilder& builder, const EditCorpus& corpus) {
  const std::string base = "/records/" + corpus.name + "/";
  builder.dimension(base + "record", corpus.records.size());
  builder.fill(column<std::int64_t>(base + "row", {"record"}, "1", "record of the file, from 0"),
               each(corpus.records, &EditRecord::row));
  for (const Text& text : kTexts)
    builder.fill(column<std::string>(base + text.name, {"record"}, "", text.long_name),
                 each(corpus.records, text.of));
  fill_further(builder, base, corpus.records);
  fill_counts(builder, base + "left_out", "reason", corpus.left_out, "why records were left out",
              "records left out");
  fill_counts(builder, base + "questions_left_out", "fault", corpus.questions,
              "why questions of used records were left out", "questions left out");
  fill_counts(builder, base + "repeated", "again", corpus.repeated,
              "what used records have of others", "used records that have it");
  fill_counts(builder, base + "not_measured", "missing", corpus.not_measured,
              "what used records lack, so that it is not measured", "used records that lack it");
  fill_counts(builder, base + "not_used", "further", corpus.not_used,
              "what used records have that is not used", "used records that have it");
}

std::vector<Example> training_examples(const Deck& deck, const Model& model,
                                       std::span<const EditRecord> records, Answer answer) {
  const std::string end = deck.text("flearning.answer_end");
  if (end == "eos" && model.eos.empty())
    throw deck.error("flearning.answer_end", ": the model has no EOS token. Use newline.");
  std::vector<Example> examples;
  for (const EditRecord& record : records) {
    const std::string& text = answer == Answer::old_one ? record.target_old : record.target_new;
    if (text.empty()) continue;
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
