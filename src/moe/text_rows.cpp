#include "text_rows.hpp"

#include <algorithm>

#include "factsweep/core/error.hpp"
#include "factsweep/model/torch.hpp"

namespace factsweep {
namespace {

TextRows::Of zeros(std::int64_t texts, std::int64_t rows) {
  return {torch::zeros({texts, rows}), torch::zeros({rows, texts})};
}

}  // namespace

TextRows::TextRows(const std::vector<std::int64_t>& tokens, const std::vector<std::int64_t>& rows_R,
                   torch::Device device) {
  std::int64_t end = 0;
  for (const std::int64_t count : tokens) end += count;
  const auto texts = static_cast<std::int64_t>(tokens.size());
  packed_ = zeros(texts, end);
  wanted_ = zeros(texts, static_cast<std::int64_t>(rows_R.size()));
  std::int64_t first = 0;
  auto row = rows_R.begin();
  for (std::int64_t b = 0; b < texts; ++b) {
    const std::int64_t last = first + tokens[static_cast<std::size_t>(b)];
    const auto next = std::lower_bound(row, rows_R.end(), last);
    require(row != next, "TextRows: a text of which no row is wanted");
    const std::int64_t prompt = *row + 1 - first;
    packed_.prompt_BN[b].narrow(0, first, prompt).fill_(1 / static_cast<double>(prompt));
    packed_.text_NB.select(1, b).narrow(0, first, last - first).fill_(1);
    const std::int64_t place = row - rows_R.begin();
    wanted_.prompt_BN[b][place].fill_(1);
    wanted_.text_NB.select(1, b).narrow(0, place, next - row).fill_(1);
    first = last;
    row = next;
  }
  for (Of* one : {&packed_, &wanted_}) *one = {one->prompt_BN.to(device), one->text_NB.to(device)};
}

const TextRows::Of& TextRows::of(std::int64_t rows) const {
  if (rows == packed_.text_NB.size(0)) return packed_;
  require(rows == wanted_.text_NB.size(0), "TextRows: neither the packed rows nor the wanted ones");
  return wanted_;
}

}  // namespace factsweep
