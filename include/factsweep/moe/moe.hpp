// A mixture of low-rank experts beside a frozen base: every adapted linear has a router of its own
// that chooses k of the X experts for each token (Yang et al., arXiv 2408.15915, equations 8 and 9,
// routed by the linear's input as in the paper's code).
//
//     y = W x + sum over the chosen i of p_i scale_i B_i A_i dropout(x),   p = softmax(top-k(R x))
//
// Other routers, and experts that are merged instead of chosen, are in routing.hpp.
//
// Shape legend: N rows, X experts, P adapted modules of a linear, r one expert's rank, R the ranks
// of all of them.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "factsweep/adapter/lora.hpp"
#include "factsweep/moe/routing.hpp"
#include "factsweep/train/trainee.hpp"

namespace factsweep {

/// What becomes an expert, and what messages call it.
struct MoeExpert {
  std::string name;
  LoraAdapter adapter;
  std::map<std::string, torch::Tensor> gates = {};  // of Routing::gates: float [in], by module
};

struct MoeSettings {
  Routing routing = Routing::learned;
  std::int64_t top_k = 2;  // experts a token; of Routing::merged all
  double dropout = 0;      // on the experts' input, in training; the router sees all of it
  std::uint64_t seed = 0;  // of the routers
};

/// One adapted module: rows [first, first + rows) of the linear's output.
struct MoePart {
  std::string module;
  std::int64_t first = 0, rows = 0, rank_first = 0;
  std::vector<std::int64_t> ranks;  // [X]; 0: the expert does not adapt the module
  std::vector<double> scales;       // [X]
  torch::Tensor B;                  // [rows, R], the experts side by side

  bool has_common_scale() const;
  /// What the product with B takes: the experts' scale if they have one in common, else 1.
  double common_scale() const { return has_common_scale() ? first_scale() : 1; }
  /// Of the experts that adapt the module.
  double first_scale() const;
};

/// The adapted modules of one linear: A of all experts of all modules on top of each other.
struct MoeSlot {
  std::int64_t layer = 0;
  LinearId linear = 0;
  torch::Tensor A;       // [R of all parts, in]
  torch::Tensor router;  // float32 [P X, in]
  std::vector<MoePart> parts;
  torch::Tensor spread;       // [P X, R of all parts]: 1 where a gate weighs a rank, else 0
  torch::Tensor gate_scales;  // float32 [P X]: each expert's scale over its part's common_scale()
};

class MoeAdapter {
 public:
  /// A and B as the experts have them, routers that are drawn uniform in +-1/sqrt(in) (torch's
  /// default for a Linear), from a counter keyed by (seed, module). Every module that an expert
  /// adapts has a router: a token that goes to an expert which lacks the module gets nothing of it
  /// there, and such an expert's row is zero where routers are not drawn. Experts of Routing::merged
  /// are brought into their common_form(). InputError: no expert, an expert with biases, top_k not in
  /// [1, X].
  static MoeAdapter create(std::span<const MoeExpert> given, const Weights& base,
                           const MoeSettings& settings);
  /// What save() wrote, in the dtype and on the device of `base`. InputError: a file that is
  /// missing or damaged, a module that `base` does not have, a tensor that is missing, left over or
  /// of a shape that does not fit.
  static MoeAdapter load(const std::filesystem::path& directory, const Weights& base);
  /// The same of what json() and named() gave. `config_place` and `tensor_place` begin messages.
  static MoeAdapter of(const std::string& config_json, const NamedTensors& tensors,
                       const Weights& base, const std::string& config_place,
                       const std::string& tensor_place);

  /// write_mixture() of json() and named().
  void save(const std::filesystem::path& directory) const;
  std::string json() const;

  std::int64_t experts() const { return static_cast<std::int64_t>(names_.size()); }
  const std::vector<std::string>& names() const { return names_; }
  std::int64_t top_k() const { return top_k_; }
  Routing routing() const { return routing_; }
  double dropout() const { return dropout_; }
  const std::vector<MoeSlot>& slots() const { return slots_; }
  /// The adapted modules, by layer, linear and row.
  std::vector<std::string> modules() const;
  torch::Dtype dtype() const { return slots_.front().A.scalar_type(); }

  /// "<module>.router.weight" [X, in], "<module>.experts.<i>.lora_A.weight" [r, in] and
  /// "....lora_B.weight" [rows, r]; views.
  NamedTensors named() const;
  /// What an optimizer steps, in a fixed order: A and router of each linear, B of each module;
  /// routers or experts alone where the other ones are not trained.
  NamedTensors parameters() const;
  /// A copy with other storage; routers stay in float32. `requires_grad` marks parameters() as
  /// leaves.
  MoeAdapter clone(torch::Dtype dtype, bool requires_grad = false) const;
  /// Copies the values of `source` (same shapes and order as parameters(), any dtype).
  void assign(std::span<const torch::Tensor> source);

 private:
  std::vector<std::string> names_;  // of the experts
  Routing routing_ = Routing::learned;
  std::int64_t top_k_ = 0;
  double dropout_ = 0;
  std::vector<MoeSlot> slots_;
};

/// Names and shapes that MoeAdapter::named() of a mixture of `experts` adapters would give, all
/// with the tensors `adapter` (as adapter_shapes() gives them).
std::vector<std::pair<std::string, std::vector<std::int64_t>>> mixture_shapes(
    std::span<const std::pair<std::string, std::vector<std::int64_t>>> adapter,
    std::int64_t experts);

/// Of tensors as mixture_shapes() has them for the largest adapters that might have become experts:
/// those that the mixture's moe.json names, in its ranks. `where` begins messages. InputError: one
/// is missing or too small.
NamedTensors mixture_tensors(const std::string& config_json, const NamedTensors& stored,
                             const std::string& where);

inline constexpr const char* kMixtureFile = "moe.json";
inline constexpr const char* kMixtureTensorFile = "moe.safetensors";
/// Its text beside the mixture's tensors in a weights file.
inline constexpr const char* kMixtureConfig = "mixture_config";
/// Whether load() would find a mixture there.
bool is_mixture(const std::filesystem::path& directory);
/// moe.json and moe.safetensors in `directory` (created). EnvironmentError.
void write_mixture(const std::filesystem::path& directory, const std::string& json,
                   const NamedTensors& tensors);

/// What passes of a model with experts do besides the model's output.
struct MoePass {
  /// Of the pass that follows: they turn on the adapter's dropout.
  std::shared_ptr<const DropoutMasks> masks = nullptr;
  /// int64 [modules, X], where defined: counts how often each expert was among the k chosen, over
  /// all tokens that a pass sees (in the last layer, but for q, k and v, the wanted rows alone).
  torch::Tensor picks = {};
  /// Where not null: each linear of each pass appends the sum over its modules of X sum_i f_i P_i,
  /// which is 1 where the experts share the tokens evenly: f_i the share of picks, P_i the mean
  /// probability before top-k (Fedus et al., arXiv 2101.03961, equation 4).
  std::shared_ptr<std::vector<torch::Tensor>> balance = {};
  /// Of Routing::merged, without `masks`: the experts' weights float32 [1, P X] by slot. The first
  /// pass, over a prompt alone, fills it in (as many tensors as there are slots, undefined); later
  /// ones keep to it.
  std::shared_ptr<std::vector<torch::Tensor>> merging = {};
};

/// `base` and the experts, sharing storage with both. InputError: experts that are merged anew for
/// each prompt, neither in training nor with weights.
Weights with_experts(const Weights& base, const MoeAdapter& moe, const MoePass& pass = {});

/// `base` and the experts of Routing::merged, merged for this prompt, by the means over those of
/// its tokens that a linear computes: all of them, or, in the last layer after its attention, the
/// last one alone. `weights`: where not null, receives them, float32 [modules, X].
Weights merged_for(const Weights& base, const MoeAdapter& moe,
                   const std::vector<std::int32_t>& prompt, torch::Tensor* weights = nullptr);

/// Trains a copy of `start` in base's dtype (routers in float32). With `balance` > 0, that multiple
/// of the modules' mean load-balancing term joins the loss; not of merged experts.
Trainee moe_trainee(const Weights& base, const MoeAdapter& start, double balance = 0);

}  // namespace factsweep
