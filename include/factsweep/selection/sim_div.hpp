// Which samples of open data join the K shots: similarity-diversity selection of Yang et al.,
// arXiv 2408.15915, section 3.4 (equations 10-14), and the alternatives of its table 3.
//
// Shape legend: K shots, S candidates, C chosen before deduplication, D width of an embedding,
// b candidates of a block.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <functional>
#include <vector>

namespace factsweep {

/// What a candidate u is scored by, larger is better. Distances are Euclidean.
enum class Similarity {
  cosine,       // max over shots of the cosine (equation 11)
  centroid,     // -|u - mean of the shots|^2, the mean not renormalised: the released code's order
  kde,          // C are drawn without replacement, in proportion to their densities p(u) =
                // (1/(K gamma)) sum over shots of exp(-|u - u_i|^2 / (2 gamma^2)) (eq. 17);
                // log p(u) plus a Gumbel number that the draw gives each candidate
  convex_hull,  // C points are drawn in the hull, their weights over the shots uniform on the
                // simplex; each takes, in the order of drawing, the nearest candidate that none
                // before it took (the paper does not say how points become candidates);
                // -|u - point|^2
  random,       // a draw in [0, 1)
};

/// Which of two candidates whose cosine is above tau goes. "Similar" is the largest cosine to a
/// shot, whatever the candidates were scored by; equally similar: the later index goes.
enum class Deduplication {
  none,
  similar_stays,  // the less similar of every such pair, even where the other goes, too (the paper)
  first_stays,    // the later index of every such pair, likewise (the released code)
  repr_filter,    // from the most similar on, one goes if a candidate that stayed is too near
                  // (Repr Filter: Liu et al., arXiv 2312.15685, section 2.4)
};

struct DataSettings {
  Similarity similarity = Similarity::cosine;
  Deduplication deduplication = Deduplication::similar_stays;
  std::int64_t count = 1000;       // C; clamped to S. At most kLargestHull for convex_hull
  double tau = 0.9;                // 1 or more drops nothing
  double gamma = 2;                // bandwidth of kde
  std::uint64_t seed = 0;          // of kde, convex_hull and random
  std::int64_t block_rows = 8192;  // candidates at a time: memory, not results
};

/// convex_hull remembers for its i-th point the i nearest candidates: 8 C^2 bytes.
inline constexpr std::int64_t kLargestHull = 4096;

/// The candidates' embeddings wherever they are: `rows(first, n)` gives [n, D] float32 of length 1
/// on any device. Asked for every block in order once, and then for each chosen row again.
struct CandidateEmbeddings {
  std::int64_t count = 0;  // S
  std::function<torch::Tensor(std::int64_t first, std::int64_t n)> rows;

  static CandidateEmbeddings of(const torch::Tensor& rows_SD);
};

struct ChosenSample {
  std::int64_t index = 0;  // of the candidate
  double score = 0;        // by DataSettings::similarity
  double similarity = 0;   // largest cosine to a shot
};

struct DataChoice {
  std::vector<ChosenSample> samples;  // D_A: best score first, equal ones by index
  std::int64_t before = 0;            // C, or S where there are fewer
};

/// Selects D_A for `shots_KD` (float32, length 1). Exact: float32 products on the device of the
/// blocks only discard what is worse than the chosen by more than their rounding error; what is
/// left, near ties and duplicates included, is compared in float64 with sums in a fixed order, so
/// the result depends neither on block_rows nor on the device. Memory: a few blocks, [C, D], and
/// [b, C] for convex_hull; never S x S nor C x C.
/// `step(fraction)` is called after each block; it may throw.
/// InputError: no shots or no candidates, C < 1, tau below -1 or NaN, gamma not
/// in [1e-6, 1e6], a row that is not finite or not of length 1 within 1e-3 (names it), different
/// widths.
DataChoice choose_data(
    const torch::Tensor& shots_KD, const CandidateEmbeddings& candidates,
    const DataSettings& settings, const std::function<void(double)>& step = [](double) {});

}  // namespace factsweep
