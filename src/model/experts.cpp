#include "experts.hpp"

#include "factsweep/model/torch.hpp"

namespace factsweep {

torch::Tensor mix_experts(const ModelConfig& config, const LayerWeights& layer,
                          const Kernels& kernels, const torch::Tensor& x) {
  using torch::Tensor;
  const std::int64_t K = config.experts_per_token;
  const Tensor scores = torch::linear(x, layer.router);
  auto [weights, chosen] = torch::softmax(scores, 1, torch::kFloat32).topk(K, 1);
  if (config.normalized_routing) weights = weights / weights.sum(1, true);
  // places (row, choice) by expert, rows of an expert in their own order
  const Tensor order = std::get<1>(chosen.flatten().sort(/*stable=*/true, 0, false));
  const Tensor rows = torch::floor_divide(order, K);
  const Tensor counts = chosen.flatten().bincount({}, config.experts).to(torch::kCPU);
  const Tensor sorted = x.index_select(0, rows);
  const std::vector<Tensor> ups = layer.experts_up.split(2 * config.expert_width),
                            downs = layer.experts_down.split(config.width);
  std::vector<Tensor> outputs;
  std::int64_t begin = 0;
  for (std::size_t e = 0; e < ups.size(); ++e) {
    const std::int64_t count = counts.data_ptr<std::int64_t>()[e];
    if (count == 0) continue;
    const Tensor up = torch::linear(sorted.narrow(0, begin, count), ups[e]);
    outputs.push_back(torch::linear(kernels.activate(up, layer), downs[e]));
    begin += count;
  }
  const Tensor weighted =
      torch::cat(outputs) * weights.flatten().index_select(0, order).unsqueeze(1);
  return torch::zeros_like(x).index_add(0, rows, weighted.to(x.scalar_type()));
}

}  // namespace factsweep
