// Dropout whose masks are drawn from a counter: whether an element stays is a hash of what it
// belongs to (training, step, example, token, place in the model, column). So the masks are the
// same on every device, however a batch is split into passes, and whoever shares the pass.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <map>
#include <vector>

namespace factsweep {

/// The masks of one pass. They are the hash's of
///
///     x = (column ^ low) * (high | 1);   x ^= x >> 15;   x *= 0x846ca68b
///
/// in 32-bit integers with an arithmetic shift: `low` and `high` are halves of a key of the row and
/// the place, `column` a hash of the column's number. An element is dropped where x, as a signed
/// number, is below -2^31 + p 2^32. Nothing but tensor operations, without a wait for the device.
class DropoutMasks {
 public:
  /// A packed text, and what tells its masks from those of all other texts of all steps.
  struct Text {
    std::uint64_t key = 0;
    std::int64_t tokens = 0;
  };

  /// The texts of the pass in the order of their rows, and the rows that it wants
  /// (ForwardOptions::rows_R). Costs nothing until the first drop().
  DropoutMasks(std::vector<Text> texts, std::vector<std::int64_t> rows_R, torch::Device device);

  const std::vector<Text>& texts() const { return texts_; }
  const std::vector<std::int64_t>& rows() const { return rows_R_; }

  /// x with each element zero with probability p (within 2^-32), the others grown by 1 / (1 - p).
  /// x has a row for each packed one or for each wanted one. 0 <= p < 1; `place` tells the masks
  /// of a pass apart.
  torch::Tensor drop(const torch::Tensor& x, double p, std::uint64_t place) const {
    return drop(x, p, place, 0, x.size(0));
  }
  /// The same of a part: x are the rows from `first` on of `rows` packed or wanted ones.
  torch::Tensor drop(const torch::Tensor& x, double p, std::uint64_t place, std::int64_t first,
                     std::int64_t rows) const;

 private:
  struct Keys {
    torch::Tensor low_N1, high_N1;  // int32
  };
  const Keys& keys(std::int64_t rows) const;
  const torch::Tensor& columns(std::int64_t count) const;

  std::vector<Text> texts_;
  std::vector<std::int64_t> rows_R_;
  torch::Device device_;
  mutable Keys packed_, wanted_;
  mutable std::map<std::int64_t, torch::Tensor> columns_;  // by their number, int32
};

}  // namespace factsweep
