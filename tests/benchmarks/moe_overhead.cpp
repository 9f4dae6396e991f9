// What a mixture of experts adds to the forward pass of a model with one adapter.
//
//     OMP_NUM_THREADS=1 build/tests/moe_overhead MODEL [experts] [top_k]
//
// Rank 16 on q_proj and v_proj, random values. Both models take turns on the same packed texts, 8
// of 64 tokens each and 8 of one token (a step of decoding, without its cache); the mixture counts
// its picks, as the K-shot study has it do. The table gives milliseconds, medians of many turns,
// and the median of the ratios of neighbours.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <iostream>

#include "factsweep/core/memory.hpp"
#include "factsweep/model/torch.hpp"
#include "factsweep/model/transformer.hpp"
#include "factsweep/moe/moe.hpp"

using namespace factsweep;

namespace {

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

double milliseconds(const std::function<void()>& work) {
  const auto started = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - started)
      .count();
}

LoraAdapter random_adapter(const Weights& base, std::uint64_t seed) {
  LoraConfig config;
  config.rank = config.alpha = 16;
  config.targets.names = {"q_proj", "v_proj"};
  const LoraAdapter adapter = LoraAdapter::create(config, base, seed, "moe_overhead");
  for (const auto& [name, tensor] : adapter.named()) tensor.normal_(0, 0.02);
  return adapter;
}

void compare(const Weights& base, std::int64_t experts, std::int64_t top_k, std::size_t tokens,
             int turns) {
  std::vector<MoeExpert> list;
  for (std::int64_t i = 0; i < experts; ++i)
    list.push_back({std::to_string(i), random_adapter(base, static_cast<std::uint64_t>(i))});
  const Weights one = with_adapters(base, {&list.front().adapter, 1});
  const MoeAdapter moe = MoeAdapter::create(list, base, {.top_k = top_k});
  const torch::Tensor picks =
      torch::zeros({static_cast<std::int64_t>(moe.modules().size()), experts}, torch::kInt64);
  const Weights many = with_experts(base, moe, {.picks = picks});
  std::vector<std::vector<std::int32_t>> texts(8, std::vector<std::int32_t>(tokens));
  for (std::size_t b = 0; b < texts.size(); ++b) {
    for (std::size_t t = 0; t < tokens; ++t)
      texts[b][t] = static_cast<std::int32_t>((b * 131 + t * 977 + 5) % 4096);
  }
  const std::int64_t start = 0;
  const PackedTokens packed = PackedTokens::pack(texts, {&start, 1}, torch::kCPU);
  std::vector<double> single, mixed, ratio;
  for (int turn = 0; turn <= turns; ++turn) {
    const double a = milliseconds([&] { hidden_states(one, packed); });
    const double b = milliseconds([&] { hidden_states(many, packed); });
    if (turn == 0) continue;  // first touch of memory
    single.push_back(a);
    mixed.push_back(b);
    ratio.push_back(b / a);
  }
  std::cout << fmt::format(
      "{:9} {:5} rows: one adapter {:8.2f} ms, {} of {} experts {:8.2f} ms, {:+.1f} %\n",
      base.embedding.scalar_type() == torch::kFloat32 ? "float32" : "bfloat16", packed.tokens(),
      median(single), top_k, experts, median(mixed), 100 * (median(ratio) - 1));
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::cerr << "usage: moe_overhead MODEL [experts] [top_k]\n";
    return 2;
  }
  keep_freed_memory();  // as the program does
  const std::int64_t experts = argc > 2 ? std::stoll(argv[2]) : 4;
  const std::int64_t top_k = argc > 3 ? std::stoll(argv[3]) : 2;
  torch::NoGradGuard no_grad;
  for (const torch::Dtype dtype : {torch::kFloat32, torch::kBFloat16}) {
    const Weights base = Weights::load(argv[1], dtype, torch::kCPU);
    compare(base, experts, top_k, 64, 7);
    compare(base, experts, top_k, 1, 40);
  }
}
