#include "factsweep/train/adamw.hpp"

#include <algorithm>

#include "factsweep/core/error.hpp"
#include "factsweep/model/torch.hpp"

namespace factsweep {
namespace {

constexpr std::size_t kListBytes = std::size_t{64} << 20;  // of float32 values

}  // namespace

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
  }
  count_ = torch::zeros({}, master_.front().options());
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

/// Where a list of leaves that begins at `begin` ends: on a GPU each operator takes many leaves, as
/// starting one costs more than most leaves do, but no more than kListBytes, as float32 gradients
/// of all bfloat16 leaves would be a quarter more memory. On a CPU a leaf that is in its cache is
/// done with before the next.
std::size_t AdamW::list_end(std::size_t begin) const {
  std::size_t end = begin + 1;
  if (master_[begin].is_cpu()) return end;
  for (std::size_t bytes = master_[begin].nbytes(); end < master_.size(); ++end) {
    bytes += master_[end].nbytes();
    if (bytes > kListBytes) break;
  }
  return end;
}

torch::Tensor AdamW::gradient_norm() const {
  if (gradient_clip_ <= 0) return {};
  torch::NoGradGuard no_grad;
  std::vector<torch::Tensor> norms;
  for (std::size_t begin = 0; begin < leaves_.size();) {
    const std::size_t end = list_end(begin);
    std::vector<torch::Tensor> list;
    for (; begin < end; ++begin) list.push_back(gradient(begin).to(torch::kFloat32));
    for (torch::Tensor& norm : at::_foreach_norm(list)) norms.push_back(std::move(norm));
  }
  return torch::stack(norms).norm();
}

void AdamW::update(double learning_rate, double norm) {
  torch::NoGradGuard no_grad;
  const double shrink = gradient_clip_ > 0 ? std::min(1.0, gradient_clip_ / norm) : 1;
  count_.add_(1);
  for (std::size_t begin = 0; begin < leaves_.size();) {
    const std::size_t end = list_end(begin);
    std::vector<torch::Tensor> sums, narrow, wide;
    for (std::size_t i = begin; i < end; ++i) {
      torch::Tensor& leaf = leaves_[i].second;
      sums.push_back(gradient(i).to(torch::kFloat32));
      leaf.mutable_grad().reset();
      collected_[i].reset();
      if (master_[i].is_alias_of(leaf)) continue;
      narrow.push_back(leaf);
      wide.push_back(master_[i]);
    }
    const auto part = [&](const std::vector<torch::Tensor>& all) {
      return at::TensorList(all).slice(begin, end - begin);
    };
    if (shrink < 1) at::_foreach_mul_(sums, shrink);
    const std::vector<torch::Tensor> counts(end - begin, count_);
    at::_fused_adamw_(part(master_), sums, part(momentum_), part(variance_), {}, counts,
                      learning_rate, beta1_, beta2_, weight_decay_, epsilon_, /*amsgrad=*/false,
                      /*maximize=*/false);
    if (!narrow.empty()) at::_foreach_copy_(narrow, wide);
    begin = end;
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
    leaves_[i].second.copy_(master_[i]);
  }
  count_.fill_(static_cast<double>(steps));
}

}  // namespace factsweep
