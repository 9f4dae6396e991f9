#include "factsweep/train/adamw.hpp"

#include <algorithm>

#include "factsweep/core/error.hpp"
#include "factsweep/model/torch.hpp"

namespace factsweep {

AdamW::AdamW(const NamedTensors& leaves, const std::vector<torch::Tensor>& masters,
             const TrainSettings& settings)
    : leaves_(leaves),
      beta1_(settings.beta1),
      beta2_(settings.beta2),
      epsilon_(settings.epsilon),
      weight_decay_(settings.weight_decay),
      gradient_clip_(settings.gradient_clip) {
  require(!leaves_.empty(), "AdamW: nothing to train");
  require(masters.empty() || masters.size() == leaves_.size(), "AdamW: a master for each leaf");
  torch::NoGradGuard no_grad;
  for (std::size_t i = 0; i < leaves_.size(); ++i) {
    // float32 needs no second copy: to() then gives the same storage
    const torch::Tensor& value = masters.empty() ? leaves_[i].second : masters[i];
    master_.push_back(value.detach().to(torch::kFloat32));
    momentum_.push_back(torch::zeros_like(master_.back()));
    variance_.push_back(torch::zeros_like(master_.back()));
    counts_.push_back(torch::zeros({}, master_.back().options()));
  }
  collected_.resize(leaves_.size());
}

const torch::Tensor& AdamW::gradient(std::size_t i) const {
  return collected_[i].defined() ? collected_[i] : leaves_[i].second.grad();
}

void AdamW::collect() {
  torch::NoGradGuard no_grad;
  for (std::size_t i = 0; i < leaves_.size(); ++i) {
    torch::Tensor& leaf = leaves_[i].second;
    if (leaf.scalar_type() == torch::kFloat32) continue;
    if (collected_[i].defined())
      collected_[i].add_(leaf.grad());
    else
      collected_[i] = leaf.grad().to(torch::kFloat32);
    leaf.mutable_grad().reset();
  }
}

/// What gradients are multiplied by so that their global norm is at most gradient_clip_.
double AdamW::clipping() const {
  if (gradient_clip_ <= 0) return 1;
  std::vector<torch::Tensor> norms;
  for (std::size_t i = 0; i < leaves_.size(); ++i)
    norms.push_back(gradient(i).to(torch::kFloat32).norm());
  return std::min(1.0, gradient_clip_ / torch::stack(norms).norm().item<double>());
}

void AdamW::update(double learning_rate) {
  torch::NoGradGuard no_grad;
  const double shrink = clipping();
  for (torch::Tensor& count : counts_) count.add_(1);
  // one by one: float32 gradients of all bfloat16 leaves would be a quarter more memory
  for (std::size_t i = 0; i < leaves_.size(); ++i) {
    torch::Tensor& leaf = leaves_[i].second;
    torch::Tensor sum = gradient(i).to(torch::kFloat32);
    leaf.mutable_grad().reset();
    collected_[i].reset();
    if (shrink < 1) sum.mul_(shrink);
    at::_fused_adamw_(master_[i], sum, momentum_[i], variance_[i], {}, counts_[i],
                      learning_rate, beta1_, beta2_, weight_decay_, epsilon_, /*amsgrad=*/false,
                      /*maximize=*/false);
    if (!master_[i].is_alias_of(leaf)) leaf.copy_(master_[i]);
  }
}

void AdamW::forget_gradients() {
  for (auto& [name, leaf] : leaves_) leaf.mutable_grad().reset();
  for (torch::Tensor& sum : collected_) sum.reset();
}

NamedTensors AdamW::state() const {
  NamedTensors tensors;
  for (std::size_t i = 0; i < master_.size(); ++i) {
    const std::string& name = leaves_[i].first;
    tensors.emplace_back("master." + name, master_[i]);
    tensors.emplace_back("momentum." + name, momentum_[i]);
    tensors.emplace_back("variance." + name, variance_[i]);
  }
  return tensors;
}

void AdamW::restore(const NamedTensors& state, std::int64_t steps) {
  require(state.size() == 3 * master_.size(), "AdamW::restore: another number of tensors");
  torch::NoGradGuard no_grad;
  for (std::size_t i = 0; i < master_.size(); ++i) {
    master_[i].copy_(state[3 * i].second);
    momentum_[i].copy_(state[3 * i + 1].second);
    variance_[i].copy_(state[3 * i + 2].second);
    counts_[i].fill_(static_cast<double>(steps));
    leaves_[i].second.copy_(master_[i]);
  }
}

}  // namespace factsweep
