#include "factsweep/train/training_state.hpp"

#include <fmt/format.h>

#include <bit>
#include <charconv>

#include "factsweep/core/error.hpp"
#include "factsweep/core/random.hpp"
#include "factsweep/model/torch.hpp"

namespace factsweep {

std::string run_key(const TrainSettings& settings, const Objective& objective,
                    const std::vector<Example>& examples, const std::string& what) {
  const TrainSettings& s = settings;
  std::uint64_t hash =
      hash_words({hash_text(what), hash_text(objective.settings()), s.seed,
                  static_cast<std::uint64_t>(s.epochs), static_cast<std::uint64_t>(s.batch_size),
                  static_cast<std::uint64_t>(s.warmup_steps),
                  static_cast<std::uint64_t>(s.microbatch_tokens),
                  static_cast<std::uint64_t>(s.microbatch_examples),
                  static_cast<std::uint64_t>(s.loss), static_cast<std::uint64_t>(s.decay)});
  for (const double value : {s.learning_rate, s.final_learning_rate, s.beta1, s.beta2, s.epsilon,
                             s.weight_decay, s.gradient_clip, s.dropout})
    hash = hash_words({hash, std::bit_cast<std::uint64_t>(value)});
  if (s.apart > 0)
    hash = hash_words({hash, static_cast<std::uint64_t>(s.apart), s.apart_first ? 1U : 0U});
  for (const Example& example : examples) {
    hash = hash_words({hash, std::bit_cast<std::uint64_t>(example.weight)});
    for (const auto* part : {&example.prompt, &example.answer, &example.rejected}) {
      hash = hash_words({hash, part->size()});
      for (const TokenId id : *part) hash = hash_words({hash, static_cast<std::uint64_t>(id)});
    }
  }
  return hex(hash);
}

void TrainingState::store(const std::string& prefix, NamedTensors& file_tensors,
                          std::map<std::string, std::string>& metadata) const {
  for (const auto& [name, tensor] : tensors) file_tensors.emplace_back(prefix + name, tensor);
  metadata[prefix + "run"] = run;
  metadata[prefix + "step"] = std::to_string(step);
  metadata[prefix + "failure"] = failure;
}

TrainingState TrainingState::read(const std::string& prefix, const SafetensorsReader& reader,
                                  const TrainingState& now) {
  const auto& metadata = reader.metadata();
  const auto text = [&](const char* name) {
    const auto found = metadata.find(prefix + name);
    if (found == metadata.end()) throw InputError(fmt::format("'{}{}' is missing.", prefix, name));
    return found->second;
  };
  if (text("run") != now.run) throw InputError("it is of another training.");
  TrainingState state;
  state.run = now.run;
  state.failure = text("failure");
  const std::string step = text("step");
  const auto parsed = std::from_chars(step.data(), step.data() + step.size(), state.step);
  if (parsed.ec != std::errc() || parsed.ptr != step.data() + step.size() || state.step < 0 ||
      state.step > now.steps)
    throw InputError(fmt::format("it is at step {} of {}.", step, now.steps));
  for (const auto& [name, tensor] : now.tensors) {
    state.tensors.emplace_back(
        name, reader.read(prefix + name, tensor.sizes(), tensor.scalar_type(), tensor.device()));
    const bool counts = state.failure.empty() && name.starts_with("master.");
    if (counts && !state.tensors.back().second.isfinite().all().item<bool>())
      throw InputError(fmt::format("'{}{}' holds nan or infinity.", prefix, name));
  }
  return state;
}

}  // namespace factsweep
