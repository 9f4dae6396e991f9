// Stage "label": how likely the base model answers some questions of one relation, and what SliCK
// calls them for it (section 3).
#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>
#include <set>

#include "../options.hpp"
#include "factsweep/core/error.hpp"
#include "factsweep/core/random.hpp"
#include "factsweep/data/trim.hpp"
#include "factsweep/label/probe.hpp"
#include "factsweep/stage/table.hpp"
#include "factsweep/studies/support/counts.hpp"
#include "factsweep/studies/support/lists.hpp"
#include "factsweep/studies/support/memory.hpp"
#include "factsweep/studies/support/work_checkpoint.hpp"
#include "stages.hpp"

namespace factsweep::slick {
namespace {

using Found = factsweep::Label;

template <typename T>
Column<T> by_question(const std::string& name, const std::string& units,
                      const std::string& long_name, const std::string& symbol = "") {
  return column<T>("/labels/base/" + name, {"question_index"}, units, long_name, symbol);
}

template <typename T>
Column<T> by_set(const std::string& name, const std::string& units, const std::string& long_name) {
  return column<T>("/labels/base/" + name, {"question_index", "set"}, units, long_name);
}

/// "id", "ood", or "other": of relations that patches alone have.
std::vector<std::string> roles_of(const Corpus& corpus) {
  const std::set<std::string> others(corpus.other_relations.begin(), corpus.other_relations.end());
  std::vector<std::string> roles;
  for (std::size_t row = 0; row < corpus.rows.size(); ++row)
    roles.push_back(row >= corpus.id_rows                      ? "ood"
                    : others.contains(corpus.rows[row].relation) ? "other"
                                                                 : "id");
  return roles;
}

/// What is known of questions before any work.
const Table<Question>& question_table() {
  const auto text = [](const char* name, const char* long_name) {
    return by_question<std::string>(name, "", long_name);
  };
  static const Table<Question> table = {
      {text("question", "question"), &Question::question},
      {text("answer", "gold answer"), &Question::answer},
      {text("subject", "subject"), &Question::subject},
      {text("relation", "relation"), &Question::relation},
      {text("split", "split"), [](const Question& question) { return name(question.split); }},
      {by_question<std::int32_t>("exposures", "1", "statements of the fact in the training corpus"),
       &Question::exposures},
      {by_question<std::uint8_t>("ambiguous", "1",
                                 "1: other records give the question another answer, which is wrong here"),
       &Question::ambiguous}};
  return table;
}

/// What is found of them.
Table<Found> label_table(const Deck& deck, std::int64_t answer_bytes) {
  const LabelSettings settings = label_settings(deck);
  const std::int64_t samples = settings.samples;
  const bool exact = settings.exact;
  Table<Found> table = {
      {kCategory, [](const Found& label) { return static_cast<std::uint8_t>(label.category()); }},
      {column<float>("/labels/base/category_probability", {"question_index", "category_index"},
                     "fraction", "probability of each category over draws of the samples"),
       [=](const Found& label) { return label.category_probability(samples); }},
      {by_question<float>("p_greedy", "fraction", "share of right greedy answers",
                          "P_Correct(T=0)"),
       &Found::p_greedy},
      {by_question<float>("p_sample", "fraction", "share of right sampled answers",
                          "P_Correct(T>0)"),
       [=](const Found& label) { return label.p_sample(samples); }},
      {by_question<float>("p_exact", "fraction", "probability of a right sampled answer",
                          "E[P_Correct(T>0)]"),
       [=](const Found& label) { return exact ? label.p_exact() : absent<double>(); }},
      {by_set<std::uint8_t>("greedy", "1", "greedy answer right"), &Found::greedy},
      {by_set<float>("p", "fraction", "probability of a right sampled answer, by exemplar set"),
       &Found::p},
      {by_set<float>("pruned", "fraction",
                     "probability of the tokenisations left out: p is too low by at most this"),
       &Found::pruned},
      {by_set<std::int32_t>("drawn", "1", "right answers among the samples, by exemplar set"),
       &Found::drawn},
      {by_question<std::int32_t>("near_ties", "1", "greedy verdicts that needed real decoding"),
       &Found::near_ties}};
  if (answer_bytes > 0) {
    auto said = by_question<std::string>("greedy_answer", "", "greedy answer after exemplar set 0");
    said.text_length = static_cast<std::size_t>(answer_bytes);
    table.push_back({said, [](const Found& label) { return readable_answer(label.said); }});
  }
  if (settings.keep_text) {
    auto text = column<std::string>("/labels/base/text", {"question_index", "set", "sample"}, "",
                                    "answers; sample 0 is greedy");
    text.text_length = static_cast<std::size_t>(deck.integer("label.text_bytes"));
    table.push_back({text, &Found::text});
  }
  return table;
}

struct Label {
  static constexpr const char* kind = "label";

  std::string model;  // fingerprint of its files
  std::string relation;
  std::string questions;  // hash of their texts and answers
  std::string exemplars;  // the same of the relation's
  Chunk chunk;            // rows of /labels/base
  std::int64_t answer_bytes = 0;  // kept of each greedy answer
  std::string directory;          // of the model

  static void fields(auto& self, auto&& field) {
    field("model", self.model);
    field("relation", self.relation);
    field("questions", self.questions);
    field("exemplars", self.exemplars);
    field.local("first", self.chunk.first);
    field.local("count", self.chunk.count);
    field.local("answer_bytes", self.answer_bytes);
    field.local("directory", self.directory);
  }
  std::vector<std::string> deck_keys() const {
    return joined({deck_names(kLabelPrompts),
                   {"model.dtype", "label.", "data.language", "run.checkpoint_interval"}});
  }

  void run(Worker& worker, StageRun& run) const {
    worker.use(directory);
    LabelSettings settings = label_settings(run.deck());
    settings.answer_bytes = answer_bytes;
    WorkCheckpoint checkpoint(run);
    emit(run, label_table(run.deck(), answer_bytes),
         label_questions(worker.model, worker.questions(chunk), worker.exemplars.at(relation),
                         settings, checkpoint.steps(), checkpoint.keeper()));
    checkpoint.remove();
  }
};

/// [set][shot] one after the other.
std::vector<Question> flattened(const ExemplarSets& sets) {
  std::vector<Question> all;
  for (const std::vector<Question>& shots : sets) all.insert(all.end(), shots.begin(), shots.end());
  return all;
}

void fill_data(PlanBuilder& builder, const Corpus& corpus) {
  builder.dimension("/labels/one", 1);
  builder.fill(column<std::int64_t>("/labels/dev_questions", {"one"}, "questions",
                                    "dev questions that decide EARLY_STOP"),
               std::vector{static_cast<std::int64_t>(corpus.dev_probe.size())});
  if (!corpus.remarks.empty()) {
    builder.dimension("/labels/note_index", corpus.remarks.size());
    builder.fill(
        column<std::string>("/labels/note", {"note_index"}, "",
                            "what the table of questions lacks, and what stands for it; which "
                            "facts are counted; which answers cannot be given"),
        corpus.remarks);
  }
  fill_counts(builder, "/labels/left_out", "reason", corpus.left_out, "why records were left out",
              "records left out, of all splits of the relations that were read");
  fill_counts(builder, "/labels/not_used", "choice", corpus.not_drawn,
              "which questions the deck does not ask", "questions, or relations, not used");
}

void fill_exemplars(PlanBuilder& builder, const std::string& relation, const ExemplarSets& sets,
                    bool with_subjects) {
  const std::vector<Question> shots = flattened(sets);
  if (shots.empty()) return;
  const auto text = [&](const char* name, const char* long_name) {
    return column<std::string>("/labels/base/exemplars/" + relation + name, {"set", "shot"}, "",
                               long_name);
  };
  Table<Question> table = {{text("/question", "exemplar question"), &Question::question},
                           {text("/answer", "exemplar answer"), &Question::answer}};
  if (with_subjects) table.emplace_back(text("/subject", "exemplar's subject"), &Question::subject);
  fill(builder, table, shots);
}

}  // namespace

const KindOf<Worker> kLabel = kind<Worker, Label>();

std::string Draft::titled(const std::string& what) const {
  return name.empty() ? what : fmt::format("{} {}", what, name);
}

std::string Draft::group(const std::string& of_first) const {
  if (is_first) return of_first;
  return fmt::format("{}/{}", of_first == kLabels ? "/labels" : of_first, name);
}

void Draft::move(ColumnBase& column) const {
  for (const std::string of_first : {kLabels, kErrors}) {
    if (!column.path.starts_with(of_first + "/")) continue;
    column.name = column.output();
    column.path.replace(0, of_first.size(), group(of_first));
    return;
  }
  throw BugError("slick: a column of no model: " + column.path);
}

std::string Draft::questions_hash(std::span<const Question> questions) const {
  std::uint64_t hash = 0;
  for (const Question& q : questions) {
    hash = hash_words({hash, hash_text(q.question), hash_text(q.answer)});
    for (const std::string& alias : q.aliases)
      hash = hash_words({hash, hash_text("alias"), hash_text(alias)});
    if (prompts_name_details)
      hash = hash_words({hash, hash_text(q.subject), hash_text(q.relation)});
  }
  return hex(hash);
}

std::string Draft::exemplars_hash(const ExemplarSets& sets) const {
  return questions_hash(flattened(sets));
}

void fill_questions(const Draft& draft) {
  PlanBuilder& builder = draft.builder;
  const Corpus& corpus = draft.worker.corpus;
  const LabelSettings settings = label_settings(draft.deck());
  builder.dimension("question_index", corpus.rows.size());
  builder.dimension("category_index", kCategories);
  builder.dimension("set", static_cast<std::uint64_t>(settings.sets));
  builder.dimension("shot", static_cast<std::uint64_t>(settings.shots));
  builder.dimension("sample", static_cast<std::uint64_t>(settings.samples) + 1);
  Table<Question> table = question_table();
  if (std::any_of(corpus.rows.begin(), corpus.rows.end(),
                  [](const Question& question) { return !question.aliases.empty(); }))
    table.emplace_back(
        by_question<std::string>("aliases", "", "other answers that are right, a JSON list"),
        [](const Question& question) {
          return question.aliases.empty() ? "" : nlohmann::json(question.aliases).dump();
        });
  fill(builder, table, corpus.rows);
  builder.fill(by_question<std::string>("role", "", "in or out of distribution"), roles_of(corpus));
  fill_data(builder, corpus);
  for (const auto& [relation, sets] : draft.worker.exemplars)
    fill_exemplars(builder, relation, sets, draft.prompts_name_details);
}

/// What a question's tokens are less those that its relation's questions share with each other and
/// with the exemplars: the answer among them.
constexpr double kOwnShare = 0.6;

Lengths Draft::lengths_of(std::span<const Question> questions) const {
  const PromptTemplate form = prompts(deck(), kTrainPrompts).train;
  Lengths all;
  for (const Question& question : questions) {
    const double prompt = tokens(form.filled(question)), answer = tokens(" " + question.answer);
    all.add(Lengths::of(prompt + answer, answer));
  }
  return all;
}

Upstream add_label(const Draft& draft, const Chunk& chunk) {
  const LabelSettings settings = label_settings(draft.deck());
  const std::int64_t kept =
      answer_bytes(draft.deck(), static_cast<double>(draft.worker.corpus.rows.size()));
  const std::vector<Question> questions = draft.worker.questions(chunk);
  const Label label{draft.base.fingerprint,
                    chunk.relation,
                    draft.questions_hash(questions),
                    draft.exemplars_hash(draft.worker.exemplars.at(chunk.relation)),
                    chunk,
                    kept,
                    draft.base.directory};
  Lengths lengths;  // of all sets
  lengths.add(draft.lengths_of(questions), static_cast<double>(settings.sets));
  const double work = lengths.texts;
  double flop = work * (kOwnShare * lengths.mean() * draft.model.flop_per_token() +
                        5 * draft.model.head_flop_per_token());
  if (kept > 0)
    flop += 0.4 * static_cast<double>(chunk.count) * lengths.mean() * draft.model.flop_per_token();
  if (!settings.exact) flop *= static_cast<double>(settings.samples + 1) * 0.5;
  const std::string title = fmt::format("{} {} {} {}-{}", draft.titled("label"), chunk.relation,
                                        name(chunk.split), chunk.first,
                                        chunk.first + chunk.count - 1);
  const double prefix = static_cast<double>(settings.shots) * draft.lengths.mean();
  PassTexts pass =
      lengths.pass(kAllTexts, static_cast<double>(ProbeSettings().batch_tokens) / kOwnShare);
  pass.tokens *= kOwnShare;
  pass.longest -= (1 - kOwnShare) * lengths.mean();
  const double bytes = asking_bytes(draft.deck(), draft.model, pass, prefix);
  const Upstream stage = draft.builder.add(label, title, {.flop = flop, .bytes = bytes}).stage;
  for (const TableColumn<Found>& one : label_table(draft.deck(), kept))
    draft.builder.place(stage, draft.of_model(one.column), {chunk.first}, chunk.count);
  return stage;
}

}  // namespace factsweep::slick
