// Which rows of a pass belong to which text, as matrices of weights: products with them copy and
// add in a fixed order on every device.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <vector>

namespace factsweep {

/// Shape legend: N rows, B texts.
class TextRows {
 public:
  struct Of {
    torch::Tensor prompt_BN;  // means over the rows of a text's prompt
    torch::Tensor text_NB;    // 1 where the row is of the text, else 0
  };

  /// `tokens` of each text, its rows one after the other; rows_R: those that a pass wants,
  /// ascending and at least one a text, whose first one ends its prompt. float32.
  TextRows(const std::vector<std::int64_t>& tokens, const std::vector<std::int64_t>& rows_R,
           torch::Device device);

  /// Of all packed rows, or of the wanted ones: of a prompt there is the last row alone.
  const Of& of(std::int64_t rows) const;

 private:
  Of packed_, wanted_;
};

}  // namespace factsweep
