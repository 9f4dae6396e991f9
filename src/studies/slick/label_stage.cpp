#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "evaluation.hpp"
#include "factsweep/model/torch.hpp"
#include "factsweep/studies/common_options.hpp"
#include "slick.hpp"

namespace factsweep::slick {

namespace {

/// An answer of more tokens than may be generated could never be right, and its fact would pass for
/// one that the model does not know.
void check_room(const Deck& deck, const char* key, const Tokenizer& tokenizer,
                const std::string& lead, const std::vector<std::string>& answers) {
  const std::string* longest = nullptr;
  std::int64_t needed = deck.integer(key);
  for (const std::string& answer : answers) {
    const auto tokens = static_cast<std::int64_t>(tokenizer.encode(lead + answer).size());
    if (tokens <= needed) continue;
    needed = tokens;
    longest = &answer;
  }
  if (longest == nullptr) return;
  throw deck.error(key,
                   fmt::format("is too short: the answer '{}' has {} tokens and could never be "
                               "given. Set it to {} or more.",
                               *longest, needed, needed));
}

}  // namespace

void SlickStudy::prepare(const Deck& deck, torch::Device device) {
  model_ = Model::load(deck.text("model.path"), parse_dtype(deck.text("model.dtype")), device);
  std::vector<std::string> answers;
  for (const Question& question : corpus_.rows) answers.push_back(question.answer);
  check_room(deck, "label.max_new_tokens", *model_.tokenizer, " ", answers);
  for (const Question& question : corpus_.dev_probe) answers.push_back(question.answer);
  const std::vector<std::string> variants = deck.text_list("grid.variant");
  if (std::find(variants.begin(), variants.end(), "idk") != variants.end())
    answers.emplace_back(kIdontKnow);
  check_room(deck, "slick.answer_max_tokens", *model_.tokenizer, answer_lead(deck), answers);
}

void SlickStudy::run(const Plan& plan, std::size_t stage, Workbench& bench) {
  const Stage& what = plan.stages.at(stage);
  if (what.kind == "label") return run_label(what, bench);
  if (what.kind == "p_true") return run_p_true(what, bench);
  require(what.kind == "train", "slick: a stage of a kind it does not know");
  run_train(what, bench);
}

void SlickStudy::run_label(const Stage& stage, Workbench& bench) {
  const Chunk& chunk = corpus_.chunks.at(stage.configuration.at("chunk").get<std::size_t>());
  const LabelSettings settings = label_settings(*deck_);
  const auto begin = corpus_.rows.begin() + static_cast<std::ptrdiff_t>(chunk.first);
  const std::vector<Question> questions(begin, begin + static_cast<std::ptrdiff_t>(chunk.count));
  const std::vector<Label> labels =
      label_questions(model_, questions, exemplars_.at(chunk.relation), settings,
                      [&](double fraction, std::int64_t tokens) { bench.step(fraction, tokens); });
  std::vector<std::uint8_t> category, greedy;
  std::vector<float> probability, p_greedy, p_sample, p_exact, p, pruned;
  std::vector<std::int32_t> drawn, near_ties;
  std::vector<std::string> text;
  for (const Label& label : labels) {
    category.push_back(static_cast<std::uint8_t>(label.category()));
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
  bench.emit("category_probability", Array::of(probability));
  bench.emit("p_greedy", Array::of(p_greedy));
  bench.emit("p_sample", Array::of(p_sample));
  bench.emit("p_exact", Array::of(p_exact));
  bench.emit("greedy", Array::of(greedy));
  bench.emit("p", Array::of(p));
  bench.emit("pruned", Array::of(pruned));
  bench.emit("drawn", Array::of(drawn));
  bench.emit("near_ties", Array::of(near_ties));
  if (settings.keep_text)
    bench.emit("text",
               Array::of_text(text, static_cast<std::size_t>(deck_->integer("label.text_bytes"))));
  bench.emit("category", Array::of(category));
}

void SlickStudy::run_p_true(const Stage& stage, Workbench& bench) {
  const Chunk& chunk = corpus_.chunks.at(stage.configuration.at("chunk").get<std::size_t>());
  const auto begin = corpus_.rows.begin() + static_cast<std::ptrdiff_t>(chunk.first);
  const std::vector<Question> questions(begin, begin + static_cast<std::ptrdiff_t>(chunk.count));
  const bool renormalised = deck_->text("label.p_true") == "renormalised";
  bench.emit("p_true", Array::of(p_true(model_, questions, renormalised,
                                        [&](double fraction, std::int64_t tokens) {
                                          bench.step(fraction, tokens);
                                        })));
}

}  // namespace factsweep::slick
