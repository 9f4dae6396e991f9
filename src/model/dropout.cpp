#include "factsweep/model/dropout.hpp"
#include "factsweep/model/torch.hpp"

namespace factsweep {

torch::Tensor dropout(const torch::Tensor& x, double p,
                      const std::optional<at::Generator>& generator) {
  const torch::Tensor noise = at::empty_like(x, x.options().requires_grad(false));
  return x * noise.bernoulli_(1 - p, generator).div_(1 - p);
}

at::Generator seeded_generator(torch::Device device, std::uint64_t seed) {
  at::Generator generator = at::globalContext().defaultGenerator(device).clone();
  generator.set_current_seed(seed);
  return generator;
}

}  // namespace factsweep
