#include "factsweep/train/course.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <unordered_map>
#include <utility>

#include "factsweep/core/error.hpp"
#include "factsweep/core/random.hpp"
#include "factsweep/model/torch.hpp"

namespace factsweep {
namespace {

std::vector<StepLoss> sizes_of(const Objective& objective, const std::vector<Example>& examples) {
  std::vector<StepLoss> sizes;
  for (const Example& example : examples) sizes.push_back(size_of(objective, example));
  return sizes;
}

std::vector<std::int64_t> tokens_of(const std::vector<StepLoss>& sizes) {
  std::vector<std::int64_t> tokens;
  for (const StepLoss& size : sizes) tokens.push_back(size.tokens);
  return tokens;
}

std::vector<std::vector<std::int64_t>> turns_of(const std::vector<Example>& examples) {
  std::vector<std::vector<std::int64_t>> turns;
  auto next = static_cast<std::int64_t>(examples.size());
  for (const Example& example : examples) {
    turns.push_back({static_cast<std::int64_t>(turns.size())});
    for (std::size_t i = 0; i < example.others.size(); ++i) turns.back().push_back(next++);
  }
  return next == static_cast<std::int64_t>(examples.size()) ? decltype(turns)() : turns;
}

/// As turns_of() numbers them.
std::vector<Example> one_answer_each(std::vector<Example> examples) {
  const std::size_t given = examples.size();
  for (std::size_t i = 0; i < given; ++i) {
    for (std::vector<TokenId>& other : std::exchange(examples[i].others, {})) {
      Example turn = examples[i];
      turn.answer = std::move(other);
      examples.push_back(std::move(turn));
    }
  }
  return examples;
}

std::string with_turns(std::string what, const std::vector<std::vector<std::int64_t>>& turns) {
  for (const auto& one : turns) what += fmt::format(" {}", one.size());
  return what;
}

}  // namespace

std::string not_finite(std::int64_t step) {
  return fmt::format("the loss is not finite at step {}. Lower train.learning_rate.", step);
}

Course::Course(const NamedTensors& leaves, const std::vector<torch::Tensor>& masters,
               const std::string& what, std::vector<Example> examples,
               const TrainSettings& settings, std::shared_ptr<const Objective> objective)
    : turns_(turns_of(examples)),
      examples_(one_answer_each(std::move(examples))),
      settings_(settings),
      objective_(std::move(objective)),
      sizes_(sizes_of(*objective_, examples_)),
      order_(tokens_of(sizes_), settings_, turns_.empty() ? examples_.size() : turns_.size()),
      schedule_(settings_, steps()),
      adamw_(leaves, masters, settings_),
      run_(run_key(settings_, *objective_, examples_, with_turns(what, turns_))) {}

/// What each example of a batch, as it was drawn, adds to the number that the batch's sum is
/// divided by: its weight, or a part of one for its own mean or its group's.
std::vector<double> Course::shares(const std::vector<std::int64_t>& batch) const {
  std::vector<double> list;
  for (const std::int64_t member : batch) {
    const auto i = static_cast<std::size_t>(member);
    list.push_back(settings_.loss == LossMean::example ? objective_->share(examples_[i])
                                                       : sizes_[i].weight);
  }
  if (settings_.loss != LossMean::microbatch) return list;
  const auto each = static_cast<std::size_t>(settings_.microbatch_examples);
  for (std::size_t first = 0; first < list.size(); first += each) {
    const auto begin = list.begin() + static_cast<std::ptrdiff_t>(first);
    const auto end = begin + static_cast<std::ptrdiff_t>(std::min(each, list.size() - first));
    const double all = std::accumulate(begin, end, 0.0);
    for (auto share = begin; share != end; ++share) *share /= all;
  }
  return list;
}

/// The examples of the next step, each with the answer whose turn it is.
std::vector<std::int64_t> Course::drawn() const {
  std::vector<std::int64_t> batch = order_.batch(step_);
  if (turns_.empty()) return batch;
  for (std::int64_t& member : batch) {
    const std::vector<std::int64_t>& turns = turns_[static_cast<std::size_t>(member)];
    member = turns[static_cast<std::size_t>(epochs_done()) % turns.size()];
  }
  return batch;
}

Batch Course::next_batch() const {
  const std::vector<std::int64_t> drawn = this->drawn();
  const std::vector<double> share = shares(drawn);
  std::unordered_map<std::int64_t, double> share_of;
  for (std::size_t i = 0; i < drawn.size(); ++i) share_of[drawn[i]] = share[i];
  Batch batch;
  for (std::vector<std::int64_t>& members : order_.passes(drawn)) {
    BatchPart part{.members = std::move(members), .factors = {}, .size = {}};
    for (const std::int64_t member : part.members) {
      StepLoss size = sizes_[static_cast<std::size_t>(member)];
      const double factor = share_of.at(member) / size.weight;
      size.weight = share_of.at(member);
      part.size.add(size);
      if (settings_.loss != LossMean::token) part.factors.push_back(factor);
    }
    batch.size.add(part.size);
    batch.parts.push_back(std::move(part));
  }
  return batch;
}

std::uint64_t Course::dropout_key() const {
  return hash_words({hash_text("dropout"), settings_.seed, static_cast<std::uint64_t>(step_)});
}

void Course::update(double norm) {
  adamw_.update(schedule_.rate(step_), norm);
  ++step_;
}

void Course::fail(const std::string& reason) {
  require(!reason.empty(), "Course::fail: without a reason");
  failure_ = reason;
}

TrainingState Course::state() const {
  return {run_, adamw_.state(), step_, steps(), failure_};
}

void Course::apply(const TrainingState& state) {
  adamw_.restore(state.tensors, state.step);
  step_ = state.step;
  failure_ = state.failure;
}

}  // namespace factsweep
