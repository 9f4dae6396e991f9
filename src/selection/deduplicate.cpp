#include "deduplicate.hpp"

#include <cmath>

#include "factsweep/model/torch.hpp"
#include "scorer.hpp"

namespace factsweep {

using torch::Tensor;

std::vector<bool> staying(const Tensor& rows_CD, double tau, bool only_staying,
                          std::int64_t block) {
  const std::int64_t C = rows_CD.size(0), D = rows_CD.size(1);
  const double error = product_error(D);
  const float* rows = rows_CD.data_ptr<float>();
  std::vector<bool> stays(static_cast<std::size_t>(C), true);
  for (std::int64_t first = 0; first < C; first += block) {
    const Tensor mine = rows_CD.narrow(0, first, std::min(block, C - first));
    // earlier blocks are decided; in the diagonal one pairs come by rising i, so j < i is decided
    for (std::int64_t start = 0; start <= first; start += block) {
      const Tensor theirs = rows_CD.narrow(0, start, std::min(block, C - start));
      const Tensor cosine = mine.matmul(theirs.t()).contiguous();
      const float* value = cosine.data_ptr<float>();
      for (std::int64_t i = first; i < first + mine.size(0); ++i) {
        for (std::int64_t j = start; j < start + theirs.size(0); ++j) {
          const double rough = *value++;
          if (rough <= tau - error || j >= i || (only_staying && !stays[j])) continue;
          if (rough > tau + error || exact_product(rows + i * D, rows + j * D, D) > tau)
            stays[i] = false;
        }
      }
    }
  }
  return stays;
}

}  // namespace factsweep
