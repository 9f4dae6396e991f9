#include "factsweep/label/labelling.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>
#include <span>
#include <utility>

#include "factsweep/core/error.hpp"
#include "factsweep/core/random.hpp"
#include "factsweep/label/spelling.hpp"
#include "factsweep/model/decoding.hpp"

namespace factsweep {
namespace {

/// Of a labelling whose greedy answers are told afterwards, about: for its progress.
constexpr double kShareOfAsking = 0.8;

/// One key a (question, exemplar set): the draws do not depend on what else is labelled, nor where.
std::uint64_t draw_key(const char* purpose, const LabelSettings& settings, const Question& question,
                       std::size_t set) {
  return hash_words({hash_text(purpose), settings.seed, hash_text(question.relation),
                     hash_text(question.question), set});
}

/// What was asked of all questions after each exemplar set, one set after the other.
struct Asked {
  std::vector<ProbeItem> items;
  std::vector<ProbeResult> results;
  std::vector<std::string> texts;  // with keep_text: 1 + samples an item

  /// Of the items that have been asked.
  WorkState state() const {
    WorkState state = state_of(results);
    state.add_texts("texts", texts);
    return state;
  }
  /// `told`: texts an item.
  void take_up(const WorkState& state, std::size_t told) {
    state.check_done(items.size());
    std::vector<ProbeResult> before = results_of(state);
    std::vector<std::string> said = state.texts("texts");
    if (said.size() != told * before.size())
      throw InputError("it has a text too few or too many.");
    results = std::move(before);
    texts = std::move(said);
  }
};

/// Asks the questions after the next set, which the results end before.
void sample_next_set(const Model& model, const std::vector<Question>& questions,
                     const LabelSettings& settings, const std::function<void(std::int64_t)>& step,
                     Asked& asked) {
  const std::size_t first = asked.results.size(), set = first / questions.size();
  const auto items = std::span(asked.items).subspan(first, questions.size());
  std::vector<DecodeRequest> requests;
  for (std::size_t i = 0; i < items.size(); ++i) {
    requests.push_back(
        {items[i].prompt, true, settings.samples, draw_key("sample", settings, questions[i], set)});
  }
  std::function<bool(std::size_t, std::string_view)> alive;
  if (!settings.keep_text) {
    alive = [&](std::size_t i, std::string_view text) {
      return items[i].matcher->judge(text) != Verdict::dead;
    };
  }
  const DecodeSettings how{.max_new_tokens = settings.probe.max_new_tokens,
                           .temperature = settings.probe.temperature,
                           .top_k = settings.probe.top_k};
  const auto answers = decode(model, requests, how, alive, step);
  for (std::size_t i = 0; i < items.size(); ++i) {
    const auto is_right = [&](const Decoded& answer) {
      return items[i].matcher->matches(answer.text);
    };
    ProbeResult result{.greedy = is_right(answers[i].front())};
    if (settings.keep_text || result.greedy) result.said = answers[i].front().text;
    const auto right = std::count_if(answers[i].begin() + 1, answers[i].end(), is_right);
    result.p = static_cast<double>(right) / static_cast<double>(settings.samples);
    asked.results.push_back(std::move(result));
    if (!settings.keep_text) continue;
    for (const Decoded& answer : answers[i]) asked.texts.push_back(answer.text);
  }
}

std::vector<Label> labels_of(const std::vector<Question>& questions, const ExemplarSets& sets,
                             const LabelSettings& settings, const Asked& asked) {
  const Label empty{std::vector<std::uint8_t>(sets.size()),
                    std::vector<float>(sets.size()),
                    std::vector<float>(sets.size()),
                    std::vector<std::int32_t>(sets.size()),
                    0,
                    {}};
  std::vector<Label> labels(questions.size(), empty);
  const auto told = static_cast<std::size_t>(settings.samples) + 1;
  for (std::size_t j = 0; j < asked.results.size(); ++j) {
    const std::size_t set = j / questions.size(), i = j % questions.size();
    const ProbeResult& result = asked.results[j];
    Label& label = labels[i];
    label.greedy[set] = result.greedy ? 1 : 0;
    label.p[set] = static_cast<float>(std::min(result.p, 1.0));
    label.pruned[set] = static_cast<float>(result.pruned);
    label.drawn[set] =
        settings.exact
            ? CounterRandom(draw_key("binomial", settings, questions[i], set))
                  .binomial(static_cast<int>(settings.samples), result.p)
            : static_cast<std::int32_t>(
                  std::lround(result.p * static_cast<double>(settings.samples)));
    label.near_ties += result.near_tie ? 1 : 0;
    if (set == 0) label.said = result.said;
    if (asked.texts.empty()) continue;
    const auto texts = std::span(asked.texts).subspan(j * told, told);
    label.text.insert(label.text.end(), texts.begin(), texts.end());
  }
  return labels;
}

/// Decodes the greedy answers of the first set that are not known yet.
void tell_answers(const Model& model, std::span<const ProbeItem> items,
                  const LabelSettings& settings,
                  const std::function<void(double, std::int64_t)>& step,
                  std::vector<Label>& labels) {
  std::vector<std::size_t> open;
  std::vector<DecodeRequest> requests;
  for (std::size_t i = 0; i < items.size(); ++i) {
    if (!labels[i].said.empty()) continue;
    open.push_back(i);
    requests.push_back({.prompt = items[i].prompt, .greedy = true});
  }
  const auto is_short = [&](std::size_t, std::string_view text) {
    return static_cast<std::int64_t>(text.size()) < settings.answer_bytes;
  };
  double expected = 0, done = 0;  // tokens
  for (const DecodeRequest& request : requests)
    expected += static_cast<double>(request.prompt.size()) +
                static_cast<double>(settings.probe.max_new_tokens) / 2;
  const auto tell = [&](std::int64_t tokens) {
    done += static_cast<double>(tokens);
    step(std::min(1.0, done / expected), tokens);
  };
  const auto answers =
      decode(model, requests, {.max_new_tokens = settings.probe.max_new_tokens}, is_short, tell);
  for (std::size_t k = 0; k < open.size(); ++k) labels[open[k]].said = answers[k].front().text;
}

}  // namespace

ExemplarSets draw_exemplars(const std::string& relation, const std::vector<Question>& dev,
                            const LabelSettings& settings) {
  const auto needed =
      settings.shots + settings.sets - 1;  // enough for `sets` different subsets, comfortably
  if (static_cast<std::int64_t>(dev.size()) < needed) {
    throw InputError(
        fmt::format("relation {} has {} dev questions to draw from; {} sets of {} exemplars "
                    "need at least {}. "
                    "Lower label.exemplar_sets or label.shots, or drop the relation.",
                    relation, dev.size(), settings.sets, settings.shots, needed));
  }
  if (settings.shots == 0 && settings.sets > 1) {
    throw InputError(fmt::format(
        "label.shots = 0 leaves one prompt a question, but label.exemplar_sets = {}. Set it to 1.",
        settings.sets));
  }
  ExemplarSets sets;
  std::set<std::vector<std::int64_t>> seen;
  for (std::uint64_t attempt = 0; sets.size() < static_cast<std::size_t>(settings.sets);
       ++attempt) {
    const std::uint64_t key =
        hash_words({hash_text("exemplars"), settings.seed, hash_text(relation), attempt});
    auto order = permutation(static_cast<std::int64_t>(dev.size()), CounterRandom(key));
    order.resize(static_cast<std::size_t>(settings.shots));
    auto members = order;
    std::sort(members.begin(), members.end());
    if (!seen.insert(members).second) continue;
    std::vector<Question> shots;
    for (const std::int64_t index : order) shots.push_back(dev[static_cast<std::size_t>(index)]);
    sets.push_back(std::move(shots));
  }
  return sets;
}

double Label::p_greedy() const {
  return std::accumulate(greedy.begin(), greedy.end(), 0.0) / static_cast<double>(greedy.size());
}

double Label::p_sample(std::int64_t samples) const {
  return std::accumulate(drawn.begin(), drawn.end(), 0.0) /
         static_cast<double>(static_cast<std::int64_t>(drawn.size()) * samples);
}

double Label::p_exact() const {
  return std::accumulate(p.begin(), p.end(), 0.0) / static_cast<double>(p.size());
}

Category Label::category() const {
  const auto right = std::accumulate(greedy.begin(), greedy.end(), std::size_t{0});
  if (right == greedy.size()) return Category::highly_known;
  if (right > 0) return Category::maybe_known;
  const bool sampled =
      std::any_of(drawn.begin(), drawn.end(), [](std::int32_t count) { return count > 0; });
  return sampled ? Category::weakly_known : Category::unknown;
}

std::array<float, kCategories> Label::category_probability(std::int64_t samples) const {
  std::array<float, kCategories> probability{};
  const Category drawn_category = category();
  if (drawn_category == Category::highly_known || drawn_category == Category::maybe_known) {
    probability[static_cast<std::size_t>(drawn_category)] = 1;
    return probability;
  }
  double log_never = 0;  // no right answer in any sample of any set
  for (const float chance : p)
    log_never +=
        static_cast<double>(samples) * std::log1p(-std::min(static_cast<double>(chance), 1.0));
  const double never = std::exp(log_never);
  probability[static_cast<std::size_t>(Category::weakly_known)] = static_cast<float>(1 - never);
  probability[static_cast<std::size_t>(Category::unknown)] = static_cast<float>(never);
  return probability;
}

std::vector<Label> label_questions(const Model& model, const std::vector<Question>& questions,
                                   const ExemplarSets& sets, const LabelSettings& settings,
                                   const std::function<void(double, std::int64_t)>& step,
                                   const WorkKeeper& keeper) {
  Asked asked;
  std::vector<std::vector<std::string>> golds;
  std::vector<std::shared_ptr<const AnswerMatcher>> matchers;
  for (const Question& question : questions) {
    golds.push_back(spell_all(*model.tokenizer, accepted_answers(question)));
    matchers.push_back(AnswerMatcher::make(settings.match, golds.back()));
  }
  for (std::size_t set = 0; set < sets.size(); ++set) {
    for (std::size_t i = 0; i < questions.size(); ++i) {
      const std::string prompt = settings.prompts.asked(sets[set], questions[i]);
      asked.items.push_back(make_item(model, prompt, std::string(blank_before_answer(prompt)),
                                      golds[i], matchers[i]));
      asked.items.back().set = static_cast<std::int32_t>(set);
    }
  }
  const bool tells = settings.answer_bytes > 0 && !sets.empty();
  const double asking = tells ? kShareOfAsking : 1;
  const auto ask = [&](double share, std::int64_t tokens) { step(asking * share, tokens); };
  const auto keep = [&] { keeper.keep(false, [&] { return asked.state(); }); };
  if (settings.exact) {
    asked.results = probe(model, asked.items, settings.probe, ask, keeper);
    keep();
  } else {
    const auto told = static_cast<std::size_t>(settings.keep_text ? settings.samples + 1 : 0);
    keeper.take_up([&](const WorkState& from) {
      asked.take_up(from, told);
    });
    while (asked.results.size() < asked.items.size()) {
      const double share =
          static_cast<double>(asked.results.size()) / static_cast<double>(asked.items.size());
      const auto tell = [&](std::int64_t tokens) { ask(share, tokens); };
      sample_next_set(model, questions, settings, tell, asked);
      keep();
    }
  }
  std::vector<Label> labels = labels_of(questions, sets, settings, asked);
  const auto tell = [&](double share, std::int64_t tokens) {
    step(asking + (1 - asking) * share, tokens);
  };
  if (tells)
    tell_answers(model, std::span(asked.items).first(questions.size()), settings, tell, labels);
  return labels;
}

}  // namespace factsweep
