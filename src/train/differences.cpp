#include "factsweep/train/differences.hpp"

#include "factsweep/core/error.hpp"
#include "factsweep/model/torch.hpp"

namespace factsweep {

void for_each_difference(const NamedTensors& now, const NamedTensors& before,
                         const TakeTensor& take) {
  require(now.size() == before.size(), "for_each_difference: another number of tensors");
  torch::NoGradGuard no_grad;
  for (std::size_t i = 0; i < now.size(); ++i) {
    require(now[i].first == before[i].first, "for_each_difference: tensors in another order");
    take(now[i].first, now[i].second.to(torch::kFloat32) - before[i].second.to(torch::kFloat32));
  }
}

}  // namespace factsweep
