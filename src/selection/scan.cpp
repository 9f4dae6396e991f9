#include "scan.hpp"

#include "factsweep/core/error.hpp"
#include "factsweep/model/staging.hpp"
#include "factsweep/model/torch.hpp"

namespace factsweep {

using torch::Tensor;

std::vector<Block::Exact> Block::exact(const Shots& shots,
                                       const std::vector<std::int64_t>& places) const {
  const Tensor index = staged(places, rows_bD.device());
  const Tensor rows = rows_bD.index_select(0, index).cpu().contiguous();
  std::vector<Exact> list;
  for (std::size_t i = 0; i < places.size(); ++i) {
    const float* row = rows.data_ptr<float>() + static_cast<std::int64_t>(i) * shots.width();
    list.push_back({shots.products(row), exact_product(row, row, shots.width())});
  }
  return list;
}

void for_each_block(const Shots& shots, const CandidateEmbeddings& candidates, std::int64_t rows,
                    const std::function<void(double)>& step,
                    const std::function<void(const Block&)>& visit) {
  Tensor shots_DK = shots.rows().t();
  for (std::int64_t first = 0; first < candidates.count; first += rows) {
    const std::int64_t n = std::min(rows, candidates.count - first);
    Block block{first, candidates.rows(first, n), {}, {}};
    require(block.rows_bD.size(0) == n, "CandidateEmbeddings::rows gave another number of rows");
    block.lengths_b =
        checked_lengths(block.rows_bD, shots.width(), "candidate", first).cpu().to(torch::kFloat64);
    shots_DK = shots_DK.to(block.rows_bD.device());
    block.products_bK = block.rows_bD.matmul(shots_DK).cpu().to(torch::kFloat64).contiguous();
    visit(block);
    step(static_cast<double>(first + n) / static_cast<double>(candidates.count));
  }
}

std::vector<Scored> best_by_score(const Shots& shots, const CandidateEmbeddings& candidates,
                                  const DataSettings& settings, std::int64_t count,
                                  const std::function<void(double)>& step) {
  const Scorer scorer = make_scorer(shots, settings);
  const auto K = static_cast<std::size_t>(shots.count());
  Best best(count);
  for_each_block(shots, candidates, settings.block_rows, step, [&](const Block& block) {
    const auto n = static_cast<std::size_t>(block.lengths_b.numel());
    const double* products = block.products_bK.data_ptr<double>();
    const double* lengths = block.lengths_b.data_ptr<double>();
    std::vector<double> rough(n);
    const auto index = [&](std::size_t i) { return block.first + static_cast<std::int64_t>(i); };
    for (std::size_t i = 0; i < n; ++i)
      rough[i] = scorer.of(index(i), {products + i * K, K}, lengths[i]);
    // an exact score is within `error` of the rough one: the best of this block alone already
    // leave out what is 2 errors below the last of them
    double floor = best.floor();
    if (static_cast<std::int64_t>(n) > count) {
      std::vector<double> ranked = rough;
      std::nth_element(ranked.begin(), ranked.begin() + (count - 1), ranked.end(),
                       std::greater<>());
      floor = std::max(floor, ranked[static_cast<std::size_t>(count - 1)] - scorer.error);
    }
    std::vector<std::int64_t> places;
    for (std::size_t i = 0; i < n; ++i) {
      if (rough[i] + scorer.error >= floor) places.push_back(static_cast<std::int64_t>(i));
    }
    if (places.empty()) return;
    const std::vector<Block::Exact> exact = block.exact(shots, places);
    for (std::size_t i = 0; i < places.size(); ++i) {
      const std::int64_t candidate = block.first + places[i];
      best.offer({candidate, scorer.of(candidate, exact[i].products, exact[i].length)});
    }
  });
  return best.sorted();
}

}  // namespace factsweep
