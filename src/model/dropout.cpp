#include "factsweep/model/dropout.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "factsweep/core/error.hpp"
#include "factsweep/core/random.hpp"
#include "factsweep/model/staging.hpp"
#include "factsweep/model/torch.hpp"

namespace factsweep {
namespace {

using torch::Tensor;

/// The 32 bits as torch's int32 has them; its products wrap around.
constexpr std::int64_t word(std::uint64_t bits) {
  return static_cast<std::int32_t>(static_cast<std::uint32_t>(bits));
}

}  // namespace

DropoutMasks::DropoutMasks(std::vector<Text> texts, std::vector<std::int64_t> rows_R,
                           torch::Device device)
    : texts_(std::move(texts)), rows_R_(std::move(rows_R)), device_(device) {}

const DropoutMasks::Keys& DropoutMasks::keys(std::int64_t rows) const {
  if (!packed_.low_N1.defined()) {
    std::int64_t tokens = 0;
    for (const Text& text : texts_) tokens += text.tokens;
    const Tensor host = host_tensor({2, tokens, 1}, torch::kInt32, device_);
    auto* low = host.data_ptr<std::int32_t>();
    auto* high = low + tokens;
    for (const Text& text : texts_) {
      for (std::int64_t t = 0; t < text.tokens; ++t) {
        const std::uint64_t key = hash_words({text.key, static_cast<std::uint64_t>(t)});
        *low++ = static_cast<std::int32_t>(word(key));
        *high++ = static_cast<std::int32_t>(word(key >> 32 | 1));
      }
    }
    const Tensor there = staged(host, device_);
    packed_ = {there[0], there[1]};
    const Tensor chosen = staged(rows_R_, device_);
    wanted_ = {packed_.low_N1.index_select(0, chosen), packed_.high_N1.index_select(0, chosen)};
  }
  const bool is_all = rows == packed_.low_N1.size(0);
  require(is_all || rows == wanted_.low_N1.size(0),
          "DropoutMasks: neither the packed rows nor the wanted ones");
  return is_all ? packed_ : wanted_;
}

const Tensor& DropoutMasks::columns(std::int64_t count) const {
  Tensor& c = columns_[count];
  if (c.defined()) return c;
  const auto shift = [&](std::int64_t bits) {
    const std::int64_t low_bits = (std::int64_t{1} << (32 - bits)) - 1;
    c.bitwise_xor_(at::bitwise_right_shift(c, bits).bitwise_and_(low_bits));
  };
  c = torch::arange(1, count + 1, torch::dtype(torch::kInt32).device(device_));
  c.mul_(word(0x9e3779b1));
  shift(15);
  c.mul_(word(0x85ebca77));
  shift(13);
  c.mul_(word(0xc2b2ae3d));
  shift(16);
  return c;
}

Tensor DropoutMasks::drop(const Tensor& x, double p, std::uint64_t place, std::int64_t first,
                          std::int64_t rows) const {
  require(p >= 0 && p < 1, "DropoutMasks: a probability in [0, 1)");
  Tensor kept_ND;
  {
    const torch::NoGradGuard no_grad;
    const Keys& of = keys(rows);
    const auto part = [&](const Tensor& key_N1) { return key_N1.narrow(0, first, x.size(0)); };
    Tensor h_ND = at::bitwise_xor(columns(x.size(1)),
                                  at::bitwise_xor(part(of.low_N1), word(place)));
    h_ND.mul_(at::bitwise_xor(part(of.high_N1), word(place >> 32 & ~std::uint64_t{1})));
    h_ND.bitwise_xor_(at::bitwise_right_shift(h_ND, 15));
    h_ND.mul_(word(0x846ca68b));
    const auto dropped = std::llround(std::ldexp(p, 32));
    kept_ND = h_ND.ge(std::numeric_limits<std::int32_t>::min() + dropped);
  }
  // a tensor: a Scalar would be rounded to x's dtype before the product
  return (x * kept_ND).mul_(at::scalar_tensor(1 / (1 - p), torch::kFloat64));
}

}  // namespace factsweep
