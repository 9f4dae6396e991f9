#include "label.hpp"

#include <fmt/format.h>

#include <limits>

#include "../costs.hpp"
#include "../options.hpp"
#include "factsweep/core/random.hpp"
#include "factsweep/label/probe.hpp"
#include "factsweep/studies/support/training_options.hpp"

namespace factsweep::slick {
namespace {

const std::vector<std::string> kOfQuestion = {"question_index"};
const std::vector<std::string> kOfSet = {"question_index", "set"};

std::string of_labels(const std::string& name) {
  return "/labels/base/" + name;
}

const auto kCategoryProbability =
    column<float>(of_labels("category_probability"), {"question_index", "category_index"},
                  "fraction", "probability of each category over draws of the samples");
const auto kPGreedy = column<float>(of_labels("p_greedy"), kOfQuestion, "fraction",
                                    "share of right greedy answers", "P_Correct(T=0)");
const auto kPSample = column<float>(of_labels("p_sample"), kOfQuestion, "fraction",
                                    "share of right sampled answers", "P_Correct(T>0)");
const auto kPExact = column<float>(of_labels("p_exact"), kOfQuestion, "fraction",
                                   "probability of a right sampled answer", "E[P_Correct(T>0)]");
const auto kGreedy = column<std::uint8_t>(of_labels("greedy"), kOfSet, "1", "greedy answer right");
const auto kP = column<float>(of_labels("p"), kOfSet, "fraction",
                              "probability of a right sampled answer, by exemplar set");
const auto kPruned =
    column<float>(of_labels("pruned"), kOfSet, "fraction",
                  "probability of the tokenisations left out: p is too low by at most this");
const auto kDrawn = column<std::int32_t>(of_labels("drawn"), kOfSet, "1",
                                         "right answers among the samples, by exemplar set");
const auto kNearTies = column<std::int32_t>(of_labels("near_ties"), kOfQuestion, "1",
                                            "greedy verdicts that needed real decoding");

Column<std::string> answers_column(const Deck& deck) {
  auto text = column<std::string>(of_labels("text"), {"question_index", "set", "sample"}, "",
                                  "answers; sample 0 is greedy");
  text.text_length = static_cast<std::size_t>(deck.integer("label.text_bytes"));
  return text;
}

std::string exemplars_hash(const ExemplarSets& sets) {
  std::uint64_t hash = 0;
  for (const auto& shots : sets) {
    for (const Question& shot : shots)
      hash = hash_words({hash, hash_text(shot.question), hash_text(shot.answer)});
  }
  return hex(hash);
}

void fill_data(PlanBuilder& builder, const Corpus& corpus) {
  builder.dimension("/labels/one", 1);
  builder.fill(column<std::int64_t>("/labels/dev_questions", {"one"}, "questions",
                                    "dev questions that decide EARLY_STOP"),
               std::vector{static_cast<std::int64_t>(corpus.dev_probe.size())});
  if (corpus.left_out.empty()) return;
  builder.dimension("/labels/reason", corpus.left_out.size());
  std::vector<std::string> reasons;
  std::vector<std::int64_t> counts;
  for (const auto& [reason, count] : corpus.left_out) {
    reasons.push_back(reason);
    counts.push_back(count);
  }
  builder.fill(
      column<std::string>("/labels/left_out_reason", {"reason"}, "", "why records were left out"),
      reasons);
  builder.fill(
      column<std::int64_t>("/labels/left_out", {"reason"}, "records",
                           "records left out, of all splits of the relations that were read"),
      counts);
}

}  // namespace

const Column<std::uint8_t> Label::category =
    shared(column<std::uint8_t>(of_labels("category"), kOfQuestion, "1",
                                "0 HighlyKnown, 1 MaybeKnown, 2 WeaklyKnown, 3 Unknown"));

std::string questions_hash(std::span<const Question> questions) {
  std::uint64_t hash = 0;
  for (const Question& q : questions)
    hash = hash_words({hash, hash_text(q.question), hash_text(q.answer)});
  return hex(hash);
}

void fill_questions(PlanBuilder& builder, const Worker& worker) {
  const Corpus& corpus = worker.corpus;
  const LabelSettings settings = label_settings(builder.deck());
  builder.dimension("question_index", corpus.rows.size());
  builder.dimension("category_index", kCategories);
  builder.dimension("set", static_cast<std::uint64_t>(settings.sets));
  builder.dimension("shot", static_cast<std::uint64_t>(settings.shots));
  builder.dimension("sample", static_cast<std::uint64_t>(settings.samples) + 1);
  std::vector<std::string> question, answer, subject, relation, split, role;
  std::vector<std::int32_t> exposures;
  std::vector<std::uint8_t> ambiguous;
  for (std::size_t i = 0; i < corpus.rows.size(); ++i) {
    const Question& q = corpus.rows[i];
    question.push_back(q.question);
    answer.push_back(q.answer);
    subject.push_back(q.subject);
    relation.push_back(q.relation);
    split.emplace_back(name(q.split));
    role.push_back(i < corpus.id_rows ? "id" : "ood");
    exposures.push_back(q.exposures);
    ambiguous.push_back(q.ambiguous ? 1 : 0);
  }
  const auto text = [&](const char* name, const std::vector<std::string>& values,
                        const char* long_name) {
    builder.fill(column<std::string>(of_labels(name), kOfQuestion, "", long_name), values);
  };
  text("question", question, "question");
  text("answer", answer, "gold answer");
  text("subject", subject, "subject");
  text("relation", relation, "relation");
  text("split", split, "split");
  text("role", role, "in or out of distribution");
  builder.fill(column<std::int32_t>(of_labels("exposures"), kOfQuestion, "1",
                                    "statements of the fact in the training corpus"),
               exposures);
  builder.fill(column<std::uint8_t>(of_labels("ambiguous"), kOfQuestion, "1",
                                    "1: other records give the question another answer"),
               ambiguous);
  fill_data(builder, corpus);
  for (const auto& [relation_name, sets] : worker.exemplars) {
    std::vector<std::string> questions, answers;
    for (const auto& shots : sets) {
      for (const Question& shot : shots) {
        questions.push_back(shot.question);
        answers.push_back(shot.answer);
      }
    }
    if (questions.empty()) continue;
    const std::string folder = of_labels("exemplars/" + relation_name);
    builder.fill(
        column<std::string>(folder + "/question", {"set", "shot"}, "", "exemplar question"),
        questions);
    builder.fill(column<std::string>(folder + "/answer", {"set", "shot"}, "", "exemplar answer"),
                 answers);
  }
}

Upstream add_label(PlanBuilder& builder, const Worker& worker, const Chunk& chunk,
                   const std::string& model_fingerprint, const ModelConfig& model) {
  const Deck& deck = builder.deck();
  const LabelSettings settings = label_settings(deck);
  Label label;
  label.model = model_fingerprint;
  label.relation = chunk.relation;
  label.questions = questions_hash(std::span(worker.corpus.rows).subspan(chunk.first, chunk.count));
  label.exemplars = exemplars_hash(worker.exemplars.at(chunk.relation));
  label.first = chunk.first;
  label.count = chunk.count;

  const double work = static_cast<double>(chunk.count) * static_cast<double>(settings.sets);
  double flop =
      work * (0.6 * kTokensPerText * model.flop_per_token() + 5 * model.head_flop_per_token());
  if (!settings.exact) flop *= static_cast<double>(settings.samples + 1) * 0.5;
  const Upstream stage =
      builder
          .add(label,
               fmt::format("label {} {} {}-{}", chunk.relation, name(chunk.split), chunk.first,
                           chunk.first + chunk.count - 1),
               {.flop = flop,
                .bytes = asking_bytes(deck, model,
                                      static_cast<double>(ProbeSettings().batch_tokens))})
          .stage;
  std::vector<AnyColumn> columns = {Label::category,
                                    kCategoryProbability,
                                    kPGreedy,
                                    kPSample,
                                    kPExact,
                                    kGreedy,
                                    kP,
                                    kPruned,
                                    kDrawn,
                                    kNearTies};
  if (settings.keep_text) columns.emplace_back(answers_column(deck));
  for (const AnyColumn& column : columns) builder.place(stage, column, {chunk.first}, chunk.count);
  return stage;
}

void Label::run(Worker& worker, StageRun& run) const {
  const LabelSettings settings = label_settings(run.deck());
  const auto begin = worker.corpus.rows.begin() + static_cast<std::ptrdiff_t>(first);
  const std::vector<Question> asked(begin, begin + static_cast<std::ptrdiff_t>(count));
  const std::vector<factsweep::Label> labels =
      label_questions(worker.model, asked, worker.exemplars.at(relation), settings, run.steps());
  std::vector<std::uint8_t> categories, greedy;
  std::vector<float> probability, p_greedy, p_sample, p_exact, p, pruned;
  std::vector<std::int32_t> drawn, near_ties;
  std::vector<std::string> text;
  for (const factsweep::Label& label : labels) {
    categories.push_back(static_cast<std::uint8_t>(label.category()));
    for (const float value : label.category_probability(settings.samples))
      probability.push_back(value);
    p_greedy.push_back(static_cast<float>(label.p_greedy()));
    p_sample.push_back(static_cast<float>(label.p_sample(settings.samples)));
    p_exact.push_back(settings.exact ? static_cast<float>(label.p_exact())
                                     : std::numeric_limits<float>::quiet_NaN());
    greedy.insert(greedy.end(), label.greedy.begin(), label.greedy.end());
    p.insert(p.end(), label.p.begin(), label.p.end());
    pruned.insert(pruned.end(), label.pruned.begin(), label.pruned.end());
    drawn.insert(drawn.end(), label.drawn.begin(), label.drawn.end());
    near_ties.push_back(label.near_ties);
    text.insert(text.end(), label.text.begin(), label.text.end());
  }
  run.emit(category, categories);
  run.emit(kCategoryProbability, probability);
  run.emit(kPGreedy, p_greedy);
  run.emit(kPSample, p_sample);
  run.emit(kPExact, p_exact);
  run.emit(kGreedy, greedy);
  run.emit(kP, p);
  run.emit(kPruned, pruned);
  run.emit(kDrawn, drawn);
  run.emit(kNearTies, near_ties);
  if (settings.keep_text) run.emit(answers_column(run.deck()), text);
}

}  // namespace factsweep::slick
