#include "factsweep/tasks/evaluation.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "factsweep/core/error.hpp"
#include "factsweep/label/probe.hpp"
#include "factsweep/label/spelling.hpp"
#include "factsweep/model/decoding.hpp"
#include "factsweep/tasks/answer.hpp"
#include "factsweep/tasks/likelihood.hpp"

namespace factsweep {
namespace {

class Evaluation {
 public:
  Evaluation(const Model& model, const TaskSet& set, const EvaluationSettings& settings,
             const std::function<void(double, std::int64_t)>& step)
      : model_(model), set_(set), settings_(settings), step_(step) {
    const std::string shots = worked_examples(settings.prompt_template, settings.shots);
    for (const TaskExample& example : set.examples)
      prompts_.push_back(shots + render(settings.prompt_template, example));
    if (set.kind == TaskKind::choice) {
      settings_.generate = false;
      settings_.likelihood = true;
    }
    // generating, running what was generated, and scoring options each count alike
    const bool runs = settings_.generate && set.kind == TaskKind::code;
    parts_ = (settings_.generate ? 1 : 0) + (runs ? 1 : 0) + (settings_.likelihood ? 1 : 0);
  }

  TaskScore run() {
    score_.examples = static_cast<std::int64_t>(set_.examples.size());
    if (settings_.generate) {
      generate();
      judge();
    }
    if (settings_.likelihood) score_options();
    if (set_.kind == TaskKind::choice) choose();
    return std::move(score_);
  }

 private:
  void step(std::size_t done, std::int64_t tokens) const {
    const double share = static_cast<double>(done) / static_cast<double>(set_.examples.size());
    step_((finished_parts_ + share) / parts_, tokens);
  }

  /// Answers in batches of like prompt length; what a batch's prompts share is encoded once in it.
  void generate() {
    score_.verdicts.resize(set_.examples.size());
    std::vector<std::vector<TokenId>> ids;
    for (std::size_t i = 0; i < prompts_.size(); ++i) {
      ids.push_back(model_.tokenizer->encode(prompts_[i], true));
      check_length(model_, set_.examples[i], ids.back().size());
    }
    std::vector<std::size_t> order(ids.size());
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(),
                     [&](std::size_t a, std::size_t b) { return ids[a].size() < ids[b].size(); });
    const std::size_t shared = common_prefix(ids);
    const auto limit = static_cast<std::size_t>(settings_.batch_tokens);
    for (std::size_t begin = 0; begin < order.size();) {
      std::size_t end = begin, tokens = 0;
      while (end < order.size() &&
             (end == begin || tokens + ids[order[end]].size() - shared <= limit))
        tokens += ids[order[end++]].size() - shared;
      answer(std::span(order).subspan(begin, end - begin), ids, begin);
      begin = end;
    }
    ++finished_parts_;
  }

  void answer(std::span<const std::size_t> members, const std::vector<std::vector<TokenId>>& ids,
              std::size_t done) {
    std::vector<DecodeRequest> requests;
    for (const std::size_t member : members)
      requests.push_back({.prompt = ids[member], .greedy = true});
    const std::int64_t longest =
        settings_.max_new_tokens > 0 ? settings_.max_new_tokens : max_new_tokens_of(set_.kind);
    const auto open = [&](std::size_t request, std::string_view text) {
      return !answer_is_final(set_.kind, set_.examples[members[request]], text);
    };
    const auto decoded = decode(model_, requests,
                                {.max_new_tokens = longest,
                                 .top_k = 1,
                                 .stop_at_newline = false,
                                 .batch_rows = static_cast<std::int64_t>(members.size())},
                                open, [&](std::int64_t tokens) { step(done, tokens); });
    for (std::size_t i = 0; i < members.size(); ++i) {
      TaskVerdict& verdict = score_.verdicts[members[i]];
      verdict.text = decoded[i].front().text;
      verdict.answer = extract_answer(set_.kind, set_.examples[members[i]], verdict.text);
    }
  }

  /// A text as the tokenizer spells it: what its normalizer changes no model can answer.
  TaskExample gold(TaskExample example) const {
    if (set_.kind == TaskKind::text) example.answer = spell(*model_.tokenizer, example.answer).text;
    return example;
  }

  void judge() {
    for (std::size_t i = 0; i < set_.examples.size(); ++i) {
      TaskVerdict& verdict = score_.verdicts[i];
      if (set_.kind == TaskKind::code) {
        const SandboxResult result =
            run_python(verdict.answer, set_.examples[i].tests, settings_.sandbox);
        verdict.right = result.passed;
        verdict.reason = result.reason;
        score_.own_namespaces = score_.own_namespaces && result.own_namespaces;
        score_.stopped += result.stopped ? 1 : 0;
        step(i + 1, 0);
      } else {
        verdict.right = answer_matches(set_.kind, gold(set_.examples[i]), verdict.answer);
      }
      score_.right += verdict.right ? 1 : 0;
    }
    if (set_.kind == TaskKind::code) ++finished_parts_;
  }

  void score_options() {
    std::vector<ScoreRequest> requests;
    for (std::size_t i = 0; i < set_.examples.size(); ++i) {
      const TaskExample& example = set_.examples[i];
      const auto& texts =
          settings_.option_text == OptionText::option ? example.options : example.option_outputs;
      requests.emplace_back();
      for (const std::string& text : texts) {
        ProbeItem item =
            make_item(model_, prompts_[i], std::string(lead(prompts_[i])), text, nullptr);
        check_length(model_, example, item.prompt.size() + item.gold.size());
        requests.back().prompt = std::move(item.prompt);
        requests.back().continuations.push_back(std::move(item.gold));
      }
    }
    const auto scores = score_continuations(model_, requests, settings_.batch_tokens,
                                            [&](std::int64_t requests_done, std::int64_t tokens) {
                                              step(static_cast<std::size_t>(requests_done), tokens);
                                            });
    for (std::size_t i = 0; i < scores.size(); ++i) {
      OptionVerdict verdict;
      for (const ContinuationScore& score : scores[i]) {
        verdict.sum.push_back(score.sum);
        verdict.mean.push_back(score.mean());
      }
      verdict.by_sum = likeliest(verdict.sum);
      verdict.by_mean = likeliest(verdict.mean);
      const std::int64_t gold = set_.examples[i].gold();
      score_.right_by_sum += gold >= 0 && verdict.by_sum == gold ? 1 : 0;
      score_.right_by_mean += gold >= 0 && verdict.by_mean == gold ? 1 : 0;
      score_.options.push_back(std::move(verdict));
    }
  }

  /// The likeliest option is the answer.
  void choose() {
    for (std::size_t i = 0; i < score_.options.size(); ++i) {
      const TaskExample& example = set_.examples[i];
      const std::int64_t chosen = score_.options[i].by_sum;
      TaskVerdict& verdict = score_.verdicts.emplace_back();
      if (chosen < 0) continue;
      verdict.text = verdict.answer = example.names.at(static_cast<std::size_t>(chosen));
      verdict.right = chosen == example.gold();
    }
    score_.right = score_.right_by_sum;
  }

  /// -1 unless all scores are finite: what a model that overflows prefers is nothing.
  static std::int64_t likeliest(const std::vector<double>& scores) {
    const bool finite = std::all_of(scores.begin(), scores.end(),
                                    [](double score) { return std::isfinite(score); });
    return finite ? std::max_element(scores.begin(), scores.end()) - scores.begin() : -1;
  }

  const Model& model_;
  const TaskSet& set_;
  EvaluationSettings settings_;
  const std::function<void(double, std::int64_t)>& step_;
  std::vector<std::string> prompts_;
  double parts_ = 1, finished_parts_ = 0;
  TaskScore score_;
};

void append(TaskScore& whole, const TaskScore& more) {
  whole.examples += more.examples;
  whole.right += more.right;
  whole.right_by_sum += more.right_by_sum;
  whole.right_by_mean += more.right_by_mean;
  whole.verdicts.insert(whole.verdicts.end(), more.verdicts.begin(), more.verdicts.end());
  whole.options.insert(whole.options.end(), more.options.begin(), more.options.end());
  whole.stopped += more.stopped;
  whole.own_namespaces = whole.own_namespaces && more.own_namespaces;
}

}  // namespace

std::vector<std::string> spelling_warnings(const std::filesystem::path& model, const TaskSet& set) {
  if (set.kind != TaskKind::text) return {};
  std::vector<AskedAnswer> asked;
  for (const TaskExample& example : set.examples)
    asked.push_back({example.instruction, example.answer});
  return spelling_warnings(model, set.name, asked);
}

std::int64_t max_new_tokens_of(TaskKind kind) {
  switch (kind) {
    case TaskKind::name:
      return 16;
    case TaskKind::letter:
    case TaskKind::text:
      return 32;
    case TaskKind::number:
    case TaskKind::code:
    case TaskKind::latex:
      return 512;
    case TaskKind::choice:
      return 0;
  }
  return 0;
}

TaskScore evaluate(const Model& model, const TaskSet& set, const EvaluationSettings& settings,
                   const std::function<void(double, std::int64_t)>& step) {
  if (set.examples.empty()) throw InputError(fmt::format("{}: holds no example.", set.name));
  if (settings.likelihood && set.examples.front().options.empty())
    throw InputError(fmt::format(
        "{}: has no options to score by likelihood; it is no multiple choice.", set.name));
  if (settings.generate && set.kind == TaskKind::code && !settings.allow_code_execution)
    throw InputError(fmt::format(
        "{}: its answers are programs. They are run in a confined process, and only where "
        "eval.allow_code_execution = true.",
        set.name));
  return Evaluation(model, set, settings, step).run();
}

TaskScore evaluate_one_by_one(const Model& base, const ModelOf& model_of, const TaskSet& set,
                              const EvaluationSettings& settings,
                              const std::function<void(double, std::int64_t)>& step) {
  const std::string worked = worked_examples(settings.prompt_template, settings.shots);
  const auto all = static_cast<double>(set.examples.size());
  TaskScore whole;
  for (const TaskExample& example : set.examples) {
    const std::string prompt = worked + render(settings.prompt_template, example);
    const Model model = model_of(base.tokenizer->encode(prompt, true));
    const auto done = static_cast<double>(whole.examples);
    append(whole, evaluate(model, {set.name, set.kind, {example}}, settings,
                           [&](double fraction, std::int64_t tokens) {
                             step((done + fraction) / all, tokens);
                           }));
  }
  return whole;
}

}  // namespace factsweep
