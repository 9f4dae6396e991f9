#include "kernels.hpp"

#include <cmath>

#include "factsweep/model/staging.hpp"
#include "factsweep/model/torch.hpp"

namespace factsweep {
namespace {

torch::Tensor prefix_of(const Context& context, torch::Device device) {
  if (!context.has_prefix() || context.prefix_of.empty()) return {};
  return context.prefix_of_B.defined() ? context.prefix_of_B : staged(context.prefix_of, device);
}

}  // namespace

AttentionInput::AttentionInput(const Weights& weights, const PackedTokens& packed,
                               const ForwardOptions& options)
    : config(weights.config),
      tokens(packed),
      context(options.context),
      kept(options.keep),
      kept_rows_B(kept != nullptr && kept == context.past ? context.past_rows_B : torch::Tensor()),
      prefix_of_B(prefix_of(context, packed.ids_N.device())),
      past_valid_BL(context.has_past() ? context.past->valid(context.past_rows_B)
                                       : torch::Tensor()),
      mask(config, context, tokens, prefix_of_B, weights.embedding.scalar_type()) {
  if (config.position != PositionKind::rotary) return;
  const torch::Dtype dtype = weights.embedding.scalar_type();
  turn = rotation(config, config.rope, tokens, dtype);
  if (config.window_rope) window_turn = rotation(config, *config.window_rope, tokens, dtype);
}

const Rotation* AttentionInput::rotation_of(std::int64_t layer) const {
  if (config.position != PositionKind::rotary) return nullptr;
  if (!config.rotated.empty() && config.rotated[static_cast<std::size_t>(layer)] == 0)
    return nullptr;
  return config.window_rope && config.window(layer) > 0 ? &window_turn : &turn;
}

void AttentionInput::keep(std::int64_t i, const torch::Tensor& keys,
                          const torch::Tensor& values) const {
  if (kept != nullptr) kept->write(static_cast<std::size_t>(i), keys, values, kept_rows_B);
}

void AttentionInput::finish() const {
  if (kept != nullptr) kept->advance(tokens, kept_rows_B);
}

std::unique_ptr<const Kernels> choose_kernels(const Weights& weights) {
  for (const auto make : {cpu_inference, cpu_training}) {
    if (auto kernels = make(weights)) return kernels;
  }
  return std::make_unique<Kernels>(weights.config);
}

bool attends_plainly(const AttentionInput& input, std::int64_t i) {
  const ModelConfig& c = input.config;
  return input.mask.is_plain(i) && !c.qkv_per_head && c.head_norms == HeadNorms::none &&
         !c.rotary_interleaved && !c.scale_by_layer && c.attention_softcap == 0 &&
         c.attention_scale == 1 / std::sqrt(static_cast<double>(c.head_size));
}

}  // namespace factsweep
