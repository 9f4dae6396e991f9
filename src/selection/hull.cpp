// Points drawn in the convex hull of the shots, and the nearest candidate to each.
//
// Shape legend: K shots, P points, b candidates of a block.

#include <cmath>
#include <numeric>
#include <optional>
#include <set>

#include "factsweep/core/error.hpp"
#include "factsweep/core/random.hpp"
#include "factsweep/model/torch.hpp"
#include "scan.hpp"

namespace factsweep {
namespace {

using torch::Tensor;

constexpr std::int64_t kScores = std::int64_t{1} << 21;  // of candidates to points, at a time

/// Independent exponentials, which divided by their sum are uniform on the simplex.
std::vector<double> draw_weights(std::int64_t shots, std::uint64_t seed, std::int64_t point) {
  CounterRandom random(
      hash_words({hash_text("convex hull"), seed, static_cast<std::uint64_t>(point)}));
  std::vector<double> weights;
  for (std::int64_t k = 0; k < shots; ++k) weights.push_back(-std::log1p(-random.uniform()));
  return weights;
}

struct Point {
  Scorer scorer;
  Best best;
};

/// Points [first, last) of the block whose rough score may reach the point's floor: (place, point),
/// by place.
Tensor contenders(const Block& block, const Tensor& weights_KP, const Tensor& squares_P,
                  const std::vector<Point>& points, std::int64_t first, std::int64_t rows) {
  std::vector<double> floors;
  for (const Point& point : points) floors.push_back(point.best.floor() - point.scorer.error);
  const Tensor score_bP = (2 * block.products_bK.narrow(0, first, rows).matmul(weights_KP))
                              .sub_(block.lengths_b.narrow(0, first, rows).unsqueeze(1))
                              .sub_(squares_P);
  return (score_bP >= torch::tensor(floors, torch::kFloat64)).nonzero();
}

}  // namespace

std::vector<Scored> nearest_to_hull_points(const Shots& shots,
                                           const CandidateEmbeddings& candidates,
                                           const DataSettings& settings, std::int64_t count,
                                           const std::function<void(double)>& step) {
  std::vector<Point> points;
  std::vector<Tensor> normalised;
  std::vector<double> squares;
  const std::vector<double> zeros(static_cast<std::size_t>(shots.count()), 0.0);
  for (std::int64_t p = 0; p < count; ++p) {
    const std::vector<double> weights = draw_weights(shots.count(), settings.seed, p);
    const double total = std::accumulate(weights.begin(), weights.end(), 0.0);
    normalised.push_back(torch::tensor(weights, torch::kFloat64) / total);
    // those before it can take at most p candidates away
    points.push_back({point_scorer(shots, weights), Best(p + 1)});
    squares.push_back(-points.back().scorer.score(zeros, 0));
  }
  const Tensor weights_KP = torch::stack(normalised, 1);
  const Tensor squares_P = torch::tensor(squares, torch::kFloat64);

  const std::int64_t rows_at_once = std::max<std::int64_t>(1, kScores / count);
  for_each_block(shots, candidates, settings.block_rows, step, [&](const Block& block) {
    const std::int64_t n = block.lengths_b.numel();
    for (std::int64_t first = 0; first < n; first += rows_at_once) {
      const std::int64_t rows = std::min(rows_at_once, n - first);
      const Tensor pairs = contenders(block, weights_KP, squares_P, points, first, rows);
      const auto pair = pairs.accessor<std::int64_t, 2>();
      std::optional<Block::Exact> exact;
      std::int64_t place = -1;
      for (std::int64_t i = 0; i < pairs.size(0); ++i) {
        if (first + pair[i][0] != place) {
          place = first + pair[i][0];
          exact = block.exact(shots, {place}).front();
        }
        Point& point = points[static_cast<std::size_t>(pair[i][1])];
        point.best.offer({block.first + place, point.scorer.score(exact->products, exact->length)});
      }
    }
  });

  std::vector<Scored> chosen;
  std::set<std::int64_t> taken;
  for (const Point& point : points) {
    for (const Scored& candidate : point.best.sorted()) {
      if (!taken.insert(candidate.index).second) continue;
      chosen.push_back(candidate);
      break;
    }
  }
  require(static_cast<std::int64_t>(chosen.size()) == count, "a hull point found no candidate");
  std::sort(chosen.begin(), chosen.end(), better);
  return chosen;
}

}  // namespace factsweep
