#include "forward.hpp"

#include <cmath>

#include "factsweep/core/error.hpp"
#include "factsweep/model/torch.hpp"
#include "linear.hpp"

// Shape legend: N packed tokens, B texts, b texts of a run, t its length, D width, H heads, E head
// size, F MLP width.
namespace factsweep::encoder {
namespace {

using torch::Tensor;

/// MPNet's buckets of the distances in a text of `length` tokens: exact ones up to 7, then
/// logarithmically wider ones up to 128, each way. In float32, as transformers rounds it.
Tensor relative_buckets(std::int64_t length, torch::Device device) {
  constexpr std::int64_t kHalf = kRelativeBuckets / 2, kExact = kHalf / 2;
  constexpr double kFarthest = 128;
  const Tensor at = torch::arange(length, torch::TensorOptions().dtype(torch::kInt64));
  const Tensor back = at.unsqueeze(1) - at.unsqueeze(0);
  const Tensor distance = back.abs();
  const Tensor wide =
      (torch::log(distance.to(torch::kFloat32) / kExact) / std::log(kFarthest / kExact) * kHalf / 2)
          .to(torch::kInt64)
          .add(kExact)
          .clamp_max(kHalf - 1);
  return ((back < 0).to(torch::kInt64) * kHalf + torch::where(distance < kExact, distance, wide))
      .to(device);
}

/// One pass of a batch through the layers.
class Pass {
 public:
  Pass(const EncoderWeights& weights, const Batch& batch, Pooling pooling)
      : w_(weights), c_(weights.config), batch_(batch), pooling_(pooling) {
    for (const Run& run : batch.runs) {
      biases_.emplace_back();
      if (c_.family.relative_bias) {
        biases_.back() =
            torch::embedding(w_.relative_bias, relative_buckets(run.length, w_.words.device()))
                .permute({2, 0, 1})
                .unsqueeze(0);
      }
    }
  }

  Tensor run() const {
    Tensor x = torch::embedding(w_.words, batch_.ids_N);
    x.add_(torch::embedding(w_.positions, batch_.positions_N));
    x = norm(w_.norm, x);
    for (const Layer& layer : w_.layers) {
      // after the last attention only the rows that are pooled go on
      const bool firsts = pooling_ == Pooling::cls && &layer == &w_.layers.back();
      const Tensor mixed = attention(linear(x, layer.qkv), firsts);
      if (firsts) x = first_rows(x);
      x = norm(layer.mixed_norm, linear_add(mixed, layer.mixed, x));
      x = norm(layer.norm, linear_add(linear_gelu(x, layer.up), layer.down, x));
    }
    return pooling_ == Pooling::cls ? x.to(torch::kFloat32) : means(x);
  }

 private:
  Tensor norm(const Norm& norm, const Tensor& x) const {
    return at::layer_norm(x, {c_.width}, norm.gain, norm.bias, c_.norm_epsilon);
  }

  /// qkv [N, 3D] -> [N, D], or [B, D] with the first token of each text alone.
  Tensor attention(const Tensor& qkv_N3D, bool firsts) const {
    std::vector<Tensor> mixed;
    for (std::size_t i = 0; i < batch_.runs.size(); ++i) {
      const Run& run = batch_.runs[i];
      const Tensor qkv = qkv_N3D.narrow(0, run.first, run.texts * run.length)
                             .view({run.texts, run.length, 3, c_.heads, c_.head_size()})
                             .permute({2, 0, 3, 1, 4});  // [3, b, H, t, E]
      Tensor q = qkv[0], bias = biases_[i];
      if (firsts) {
        q = q.narrow(2, 0, 1);
        if (bias.defined()) bias = bias.narrow(2, 0, 1);
      }
      const Tensor y = at::scaled_dot_product_attention(
          q, qkv[1], qkv[2], bias.defined() ? std::optional<Tensor>(bias) : std::nullopt);
      mixed.push_back(y.transpose(1, 2).reshape({-1, c_.width}));
    }
    return mixed.size() == 1 ? mixed.front() : torch::cat(mixed);
  }

  /// [N, D] -> [B, D]: the first token of each text.
  Tensor first_rows(const Tensor& x) const {
    std::vector<Tensor> rows;
    for (const Run& run : batch_.runs)
      rows.push_back(x.narrow(0, run.first, run.texts * run.length).slice(0, 0, {}, run.length));
    return torch::cat(rows);
  }

  /// [N, D] -> [B, D]: the mean of each text, in float32.
  Tensor means(const Tensor& x) const {
    std::vector<Tensor> rows;
    for (const Run& run : batch_.runs) {
      rows.push_back(x.narrow(0, run.first, run.texts * run.length)
                         .view({run.texts, run.length, c_.width})
                         .mean(1, /*keepdim=*/false, torch::kFloat32));
    }
    return torch::cat(rows);
  }

  const EncoderWeights& w_;
  const Config& c_;
  const Batch& batch_;
  Pooling pooling_;
  std::vector<Tensor> biases_;  // [1, H, t, t] for each run; undefined without relative positions
};

}  // namespace

Batch Batch::pack(std::span<const std::vector<TokenId>* const> sequences, const Config& config,
                  torch::Device device) {
  Batch batch;
  std::int64_t tokens = 0;
  for (const std::vector<TokenId>* sequence : sequences) {
    const auto length = static_cast<std::int64_t>(sequence->size());
    require(length > 0 && length <= config.positions(), "Batch::pack: a text without a place");
    if (batch.runs.empty() || batch.runs.back().length != length)
      batch.runs.push_back({tokens, 0, length});
    ++batch.runs.back().texts;
    ++batch.texts;
    tokens += length;
  }
  batch.ids_N = torch::empty({tokens}, torch::kInt32);
  batch.positions_N = torch::empty({tokens}, torch::kInt32);
  auto* ids = batch.ids_N.data_ptr<std::int32_t>();
  auto* positions = batch.positions_N.data_ptr<std::int32_t>();
  for (const std::vector<TokenId>* sequence : sequences) {
    auto next = static_cast<std::int32_t>(config.first_position());
    for (const TokenId id : *sequence) {
      *ids++ = id;
      // a padding token that somebody wrote into a text has the padding's position
      *positions++ = id == config.family.padding ? id : next++;
    }
  }
  batch.ids_N = batch.ids_N.to(device);
  batch.positions_N = batch.positions_N.to(device);
  return batch;
}

Tensor pooled_states(const EncoderWeights& weights, const Batch& batch, Pooling pooling) {
  return Pass(weights, batch, pooling).run();
}

}  // namespace factsweep::encoder
