// What PEFT calls the tensors of an adapter in adapter_model.safetensors.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace factsweep {

/// One of the two factors of a module's adapter.
struct LoraTensor {
  std::string module;  // "model.layers.3.self_attn.q_proj"
  char factor = 'A';   // or 'B'

  std::string name() const;
  /// Nothing: `name` is that of another tensor.
  static std::optional<LoraTensor> parse(std::string_view name);
};

/// A tensor of a module that the adapter holds whole: "lm_head.weight".
std::string saved_tensor(const std::string& tensor);

/// The bias of a module. PEFT keeps that of an adapted one inside its wrapper.
std::string bias_tensor(const std::string& module, bool is_adapted);
/// What PEFT before 0.6, which had no wrapper, called the bias of this name; nothing: the same.
std::optional<std::string> early_bias_tensor(const std::string& name);

}  // namespace factsweep
