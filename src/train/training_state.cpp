#include "factsweep/train/training_state.hpp"

#include <bit>
#include <stdexcept>

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

std::optional<TrainingState> TrainingState::read(const std::string& prefix,
                                                 const SafetensorsReader& reader,
                                                 const TrainingState& now) {
  const auto& metadata = reader.metadata();
  try {
    if (metadata.at(prefix + "run") != now.run) return std::nullopt;
    TrainingState state;
    state.run = now.run;
    state.step = std::stoll(metadata.at(prefix + "step"));
    state.failure = metadata.at(prefix + "failure");
    for (const auto& [name, tensor] : now.tensors) {
      state.tensors.emplace_back(
          name, reader.read(prefix + name, tensor.sizes(), tensor.scalar_type(), tensor.device()));
    }
    return state;
  } catch (const InputError&) {
    return std::nullopt;  // a torn or foreign checkpoint only costs time
  } catch (const std::invalid_argument&) {
    return std::nullopt;
  } catch (const std::out_of_range&) {
    return std::nullopt;
  }
}

}  // namespace factsweep
