#include "factsweep/train/course.hpp"

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

}  // namespace

Course::Course(const NamedTensors& leaves, const std::vector<torch::Tensor>& masters,
               const std::string& what, std::vector<Example> examples,
               const TrainSettings& settings, std::shared_ptr<const Objective> objective)
    : examples_(std::move(examples)),
      settings_(settings),
      objective_(std::move(objective)),
      sizes_(sizes_of(*objective_, examples_)),
      order_(tokens_of(sizes_), settings_),
      schedule_(settings_, steps()),
      adamw_(leaves, masters, settings_),
      run_(run_key(settings_, *objective_, examples_, what)) {}

StepLoss Course::size_of(std::span<const std::int64_t> members) const {
  StepLoss size;
  for (const std::int64_t member : members) size.add(sizes_[static_cast<std::size_t>(member)]);
  return size;
}

StepLoss Course::size_of(const std::vector<std::vector<std::int64_t>>& microbatches) const {
  StepLoss size;
  for (const auto& members : microbatches) size.add(size_of(std::span(members)));
  return size;
}

std::uint64_t Course::dropout_seed() const {
  return hash_words({hash_text("dropout"), settings_.seed, static_cast<std::uint64_t>(step_)});
}

void Course::update() {
  adamw_.update(schedule_.rate(step_));
  ++step_;
}

void Course::fail(const std::string& reason) {
  require(!reason.empty(), "Course::fail: without a reason");
  failure_ = reason;
}

TrainingState Course::state() const {
  return {run_, adamw_.state(), step_, failure_};
}

void Course::apply(const TrainingState& state) {
  adamw_.restore(state.tensors, state.step);
  step_ = state.step;
  failure_ = state.failure;
}

}  // namespace factsweep
