#include "costs.hpp"

#include <algorithm>

#include "editors.hpp"
#include "factsweep/studies/support/training_options.hpp"

namespace factsweep::flearning {
namespace {

constexpr double kTokensPerText = 18;  // a question with its answer
constexpr double kAnswerTokens = 3;
constexpr double kAskedTexts = 5;        // of a record in an evaluation
constexpr double kProgramBytes = 150e6;  // libtorch, MPI and HDF5 at work on a CPU

/// One text of each record.
double forward_flop(const ModelConfig& model, const GridPoint& at) {
  return static_cast<double>(at.records) *
         (kTokensPerText * model.flop_per_token() + 4 * model.head_flop_per_token());
}

/// Of one forward and backward pass: a batch may be smaller than a pass may be.
std::int64_t pass_tokens(const Deck& deck) {
  const double batch = static_cast<double>(deck.integer("train.batch_size")) * kTokensPerText;
  return std::min(deck.integer("train.microbatch_tokens"), static_cast<std::int64_t>(batch));
}

/// Logits of the answers asked together, and their float32 copies.
double evaluation_bytes(const Deck& deck, const ModelConfig& model) {
  const double rows =
      kAnswerTokens * static_cast<double>(deck.integer("flearning.batch_tokens")) / kTokensPerText;
  return rows * static_cast<double>(model.vocabulary) * (weight_bytes(deck) + 4);
}

}  // namespace

double model_bytes(const Deck& deck, const ModelConfig& model) {
  return static_cast<double>(model.parameters()) * weight_bytes(deck);
}

double training_flop(const Deck& deck, const ModelConfig& model, const GridPoint& at,
                     const std::string& section, Tuning how) {
  // a frozen weight needs no gradient of its own, only that of its input
  return static_cast<double>(deck.integer(section + ".epochs")) * (how == Tuning::lora ? 2 : 3) *
         forward_flop(model, at);
}

double training_memory(const Deck& deck, const ModelConfig& model, Tuning how) {
  const std::optional<LoraConfig> lora =
      how == Tuning::lora ? std::optional(lora_config(deck)) : std::nullopt;
  // a full fine-tuning makes the model itself its masters
  return training_bytes(model, lora, lora_place(deck)) +
         activation_bytes(deck, model, pass_tokens(deck)) + evaluation_bytes(deck, model) +
         kProgramBytes - (how == Tuning::full ? model_bytes(deck, model) : 0);
}

double evaluation_flop(const ModelConfig& model, const GridPoint& at) {
  return kAskedTexts * forward_flop(model, at);
}

double search_flop(const ModelConfig& model, const GridPoint& at, std::int64_t tried) {
  return static_cast<double>(tried) * forward_flop(model, at);
}

double editing_flop(const Deck& deck, const ModelConfig& model, const GridPoint& at) {
  if (at.method->name == "ft_c")
    return 3 * static_cast<double>(ft_c_settings(deck, at.preset).epochs) * forward_flop(model, at);
  // a value is sought through the layers above, with every context in front of the question
  const bool memit = at.method->name == "memit";
  const ValueSettings value =
      memit ? memit_settings(deck, at.preset).value : rome_settings(deck, at.preset).value;
  const double contexts = memit ? 6 : 21;
  const auto wanted = static_cast<double>(deck.integer("edit.records"));
  const double all = static_cast<double>(at.records);
  return 2 * static_cast<double>(value.steps) * contexts * forward_flop(model, at) *
         (wanted > 0 ? std::min(wanted, all) / all : 1);
}

double second_moment_flop(const Deck& deck, const ModelConfig& model,
                          const std::vector<std::int64_t>& layers) {
  const double forward = model.flop_per_token() * static_cast<double>(layers.back() + 1) /
                         static_cast<double>(model.layers);
  const double products = 2.0 * static_cast<double>(layers.size()) *
                          static_cast<double>(model.mlp_width * model.mlp_width);
  return static_cast<double>(deck.integer("edit.text_tokens")) * (forward + products);
}

}  // namespace factsweep::flearning
