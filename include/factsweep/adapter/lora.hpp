// Low-rank adapters as PEFT computes them: y = W x + scale B A x (LoRA: Hu et al., arXiv
// 2106.09685, section 4.1), beside a base model that stays as it is.
//
// Shape legend: N rows, R ranks of all adapted modules of a linear together, r one module's rank.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "factsweep/adapter/lora_config.hpp"
#include "factsweep/model/dropout.hpp"

namespace factsweep {

/// One adapted module: rows [first, first + rows) of the linear's output get
/// scale * x A[rank_first : rank_first + rank]^T B^T.
struct LoraPart {
  std::string module;
  std::int64_t first = 0, rows = 0, rank_first = 0, rank = 0;
  double scale = 0, dropout = 0;
  torch::Tensor B;  // [rows, r]
};

/// The adapted modules of one linear, by row; A of all of them on top of each other.
struct LoraSlot {
  std::int64_t layer = 0;
  LinearId linear = 0;
  std::string name;  // the linear's
  torch::Tensor A;   // [R, in]
  std::vector<LoraPart> parts;
};

/// The modules that an adapter holds whole, in place of the base's. A training leaves them as they are.
struct SavedModules {
  SavedNames names;
  torch::Tensor embedding, head;  // [V, D], the same where names.tied; undefined: the base's
  torch::Tensor head_bias;        // [V]

  static SavedModules unfilled(const SavedNames& names, const ModelConfig& base,
                               torch::TensorOptions options);
  /// Under their names in adapter_model.safetensors; a tied head beside the embedding, as PEFT does.
  NamedTensors named() const;
  /// A copy with other storage.
  SavedModules to(torch::Dtype dtype) const;
  /// Puts them in the place of the model's own, without copying. A model that tied its embedding and
  /// head has two of them then, unless names.tied.
  void replace(Weights& weights) const;
};

class LoraAdapter {
 public:
  /// B = 0 and A uniform in +-1/sqrt(in), which is PEFT's Kaiming-uniform with a = sqrt(5); drawn
  /// from a counter keyed by (seed, module), so that no other module changes it. `where` begins
  /// messages. InputError: see find_targets(), strictly.
  static LoraAdapter create(const LoraConfig& config, const Weights& base, std::uint64_t seed,
                            const std::string& where);
  /// Reads a PEFT directory, see adapter_directory(), in the dtype and on the device of `base`.
  /// InputError: see
  /// LoraConfig::read and find_targets; a folder without an adapter; a tensor that is missing, left
  /// over, of a shape that does not fit this base, or with a value that is not finite.
  static LoraAdapter load(const std::filesystem::path& given, const Weights& base);

  /// The same of tensors under their names in adapter_model.safetensors. `config_place` and
  /// `tensor_place` begin messages.
  static LoraAdapter of(const LoraConfig& config, const NamedTensors& tensors, const Weights& base,
                        const std::string& config_place, const std::string& tensor_place);

  /// See write_adapter().
  void save(const std::filesystem::path& directory) const;

  const LoraConfig& config() const { return config_; }
  const std::vector<LoraSlot>& slots() const { return slots_; }
  const SavedModules& saved() const { return saved_; }
  torch::Dtype dtype() const { return slots_.front().A.scalar_type(); }

  /// Every tensor under its name in adapter_model.safetensors; views.
  NamedTensors named() const;
  /// What an optimizer steps, in a fixed order: an A for each linear, a B for each module, biases.
  NamedTensors parameters() const;
  /// A copy with other storage. `requires_grad` marks parameters() as leaves.
  LoraAdapter clone(torch::Dtype dtype, bool requires_grad = false) const;
  /// Copies the values of `source` (same shapes and order as parameters(), any dtype).
  void assign(std::span<const torch::Tensor> source);

  /// The same update with the targets, ranks and scales of a common_form(): what this adapter lacks
  /// is zero, and B has what its scale is more than the form's. Neither has biases or saved modules.
  LoraAdapter in_form(const LoraConfig& form) const;

  /// One whose update is the sum of weight times theirs: A on top of each other, and B beside each
  /// other times its weight, in the stacked_form() of theirs. All have one config.
  friend LoraAdapter stacked(std::span<const LoraAdapter> adapters, std::span<const double> weights);

  /// W += scale B A in float32, rounded to W's dtype; biases take the adapter's values, and saved
  /// modules the place of the model's.
  void merge(Weights& weights) const;

  /// The bias that takes the place of a module's own; undefined: none.
  torch::Tensor bias_of(const std::string& module) const;

 private:
  struct Bias {
    bool adapted = false;  // PEFT stores it as the base layer's
    torch::Tensor value;
  };
  /// Of the targets' shapes: every A and B is zero, every bias the base's, saved modules unfilled.
  static LoraAdapter unfilled(const LoraConfig& config, const Weights& base,
                              const std::vector<LoraTarget>& targets);
  /// A model of the base's shapes, without tensors, where this adapter's are.
  Weights shapes() const;
  friend std::vector<std::pair<std::string, std::vector<std::int64_t>>> adapter_shapes(
      const LoraConfig& config, const ModelConfig& base, const std::string& where);

  LoraConfig config_;
  ModelConfig base_;
  std::vector<LoraSlot> slots_;
  std::map<std::string, Bias> biases_;  // by module
  SavedModules saved_;
};

/// The directory itself, or its folder default/ where only that holds an adapter: so a PEFT model
/// with several adapters is saved, or a trainer's checkpoint.
std::filesystem::path adapter_directory(const std::filesystem::path& directory);
/// What its adapter_config.json says of an adapter of that base model. Where PEFT has tied a saved head
/// to the embedding, it writes the embedding's name in the head's place, and both tensors: if it would
/// not tie them again by that name (GPT-2's), the tensors tell that the head is meant. InputError: see
/// LoraConfig::read.
LoraConfig read_adapter_config(const std::filesystem::path& directory, const ModelConfig& base);
/// Says that the adapter was made for a model of another name than the directory's last folder;
/// empty: it was not, or does not say for which.
std::string other_base(const LoraConfig& config, const std::filesystem::path& model);

/// What holds any of the adapters: every module that one of them adapts, with the largest of their
/// ranks there and the scale of the first that has one. Adapters that are alike in this have the
/// first one's form.
LoraConfig common_form(std::span<const LoraConfig> configs, const ModelConfig& base);

/// The form with `count` times its ranks, and its scales.
LoraConfig stacked_form(const LoraConfig& form, std::int64_t count);
LoraAdapter stacked(std::span<const LoraAdapter> adapters, std::span<const double> weights);

/// adapter_config.json and adapter_model.safetensors in `directory` (created), which PEFT loads.
/// EnvironmentError.
void write_adapter(const std::filesystem::path& directory, const std::string& config_json,
                   const NamedTensors& tensors);

/// Names and shapes that LoraAdapter::named() of a new adapter would give, without its memory.
std::vector<std::pair<std::string, std::vector<std::int64_t>>> adapter_shapes(
    const LoraConfig& config, const ModelConfig& base, const std::string& where);

/// `base` and the sum of the adapters, sharing storage with both: nothing is copied but, of several
/// adapters, the matrices A. `masks`, of the pass that follows, turn on the adapters' dropout.
/// InputError: more than one adapter carries biases, or saved modules. Linears that no adapter adapts cost nothing.
Weights with_adapters(const Weights& base, std::span<const LoraAdapter> adapters,
                      std::shared_ptr<const DropoutMasks> masks = nullptr);

/// The rows of a training pass that are one adapter's own; shares follow each other.
struct RowShare {
  LoraAdapter adapter;
  std::int64_t tokens = 0, wanted = 0;  // packed tokens, and those of ForwardOptions::rows_R
};

/// How many of a tensor's rows belong to each share: of all packed tokens, or of the wanted ones.
std::vector<std::int64_t> row_counts(const std::vector<RowShare>& shares, std::int64_t rows);

/// `base` for a pass in training that several adapters share, each on rows of its own. Nothing is
/// copied. The adapters carry no biases. `masks`: of all rows of the pass.
Weights with_row_adapters(const Weights& base, const std::vector<RowShare>& shares,
                          std::shared_ptr<const DropoutMasks> masks);

}  // namespace factsweep
