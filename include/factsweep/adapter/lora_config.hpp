// What PEFT's adapter_config.json says of a low-rank adapter (LoRA: Hu et al., arXiv 2106.09685),
// and which modules of a model it adapts or holds whole. Only plain LoRA: every key that asks for more
// is refused.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "factsweep/model/weights.hpp"

namespace factsweep {

/// The text of an adapter's adapter_config.json beside its tensors in a weights file.
inline constexpr const char* kAdapterConfig = "adapter_config";
/// Beside a whole model's change: why it is no adapter, where one may be looked for.
inline constexpr const char* kNoAdapter = "no_adapter";

/// Modules by name, as PEFT's target_modules and exclude_modules choose them.
struct ModuleFilter {
  bool all_linear = false;         // "all-linear": every linear of a block
  std::vector<std::string> names;  // a whole module name, or what follows one of its dots
  std::string pattern;             // Python's re.fullmatch of the whole module name

  bool empty() const { return !all_linear && names.empty() && pattern.empty(); }
  bool operator==(const ModuleFilter&) const = default;
};

enum class LoraBias {
  none,
  all,        // every bias of the model is trained, too
  lora_only,  // those of the adapted modules
};

struct LoraConfig {
  std::int64_t rank = 8;
  double alpha = 8;     // scale = alpha / rank
  bool rslora = false;  // scale = alpha / sqrt(rank) (Kalajdzievski, arXiv 2312.03732)
  double dropout = 0;   // on the adapter's input, in training
  LoraBias bias = LoraBias::none;
  ModuleFilter targets, excluded;
  /// Regular expression of a module name's end -> its rank or alpha; the first that matches counts.
  std::vector<std::pair<std::string, std::int64_t>> rank_pattern;
  std::vector<std::pair<std::string, double>> alpha_pattern;
  std::vector<std::int64_t> layers;         // layers_to_transform; empty: all
  std::vector<std::string> layers_pattern;  // regular expressions of what precedes the number
  std::vector<std::string> saved;  // modules_to_save: ends of the names of modules that it holds whole
  bool keeps_tied = false;         // ensure_weight_tying: of a tied model embedding and head stay one
  std::string base_model;                   // base_model_name_or_path

  /// InputError naming file, key and value: no JSON, a missing key, a value out of range, a key
  /// that asks for more than plain LoRA (DoRA, other PEFT types, ...).
  static LoraConfig read(const std::filesystem::path& file);
  static LoraConfig parse(const std::string& text, const std::string& where);
  /// What PEFT reads; `base` decides fan_in_fan_out and what "all-linear" stands for.
  std::string json(const ModelConfig& base) const;

  bool operator==(const LoraConfig&) const = default;
};

/// One adapted module.
struct LoraTarget {
  LinearModule module;
  std::int64_t rank = 0;
  double scale = 0;
};

/// The adapted modules by layer, linear and row. `where` ("deck.ini:14: lora.targets") begins
/// messages. InputError: nothing matches (lists the modules there are), or a match that is no
/// linear of a block; with `strict` also a name that matches nothing.
std::vector<LoraTarget> find_targets(const LoraConfig& config, const ModelConfig& base,
                                     const std::string& where, bool strict = false);

/// What transformers calls the head, its name in the model's own files first: later versions call
/// GPT-NeoX's "embed_out" as all the others'.
std::vector<std::string> head_modules(const ModelConfig& base);

/// The modules that the adapter holds whole: they take the place of the base's.
struct SavedNames {
  std::string embedding, head;  // modules' names; empty: it does not hold this one
  bool tied = false;            // it holds both, and the head is the embedding

  bool any() const { return !embedding.empty() || !head.empty(); }
  std::vector<std::string> list() const;
};

/// Those that `config.saved` chooses, as PEFT does: by the end of a name; one that fits no module counts
/// for nothing. InputError: it chooses another module than the token embedding or the head.
SavedNames find_saved(const LoraConfig& config, const ModelConfig& base, const std::string& where);

/// "none", "all" or "lora_only".
LoraBias parse_lora_bias(const std::string& name, const std::string& where);

}  // namespace factsweep
