#include "factsweep/selection/sim_div.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "deduplicate.hpp"
#include "factsweep/core/error.hpp"
#include "factsweep/core/random.hpp"
#include "factsweep/model/torch.hpp"
#include "scan.hpp"

namespace factsweep {
namespace {

using torch::Tensor;

constexpr std::int64_t kDeduplicationBlock = 1024;

void check_counts(const CandidateEmbeddings& candidates, const DataSettings& settings) {
  if (candidates.count < 1) {
    throw InputError("there are no candidates. Give some samples, or choose none (C = 0).");
  }
  if (settings.count < 1)
    throw InputError(fmt::format("C = {} candidates: at least 1.", settings.count));
  if (!(settings.tau >= -1)) {
    throw InputError(fmt::format("tau = {}: a cosine from -1 on (1 or more drops no duplicates).",
                                 settings.tau));
  }
  if (settings.similarity == Similarity::kde && !(settings.gamma >= 1e-6 && settings.gamma <= 1e6))
    throw InputError(fmt::format("gamma = {}: from 1e-6 to 1e6.", settings.gamma));
  if (settings.similarity == Similarity::convex_hull && settings.count > kLargestHull) {
    throw InputError(
        fmt::format("C = {} points in the convex hull: at most {}.", settings.count, kLargestHull));
  }
  require(settings.block_rows > 0, "choose_data: block_rows is positive");
}

std::vector<Scored> draw(std::int64_t candidates, std::int64_t count, std::uint64_t seed) {
  Best best(count);
  for (std::int64_t j = 0; j < candidates; ++j) {
    const std::uint64_t key =
        hash_words({hash_text("random candidates"), seed, static_cast<std::uint64_t>(j)});
    best.offer({j, CounterRandom(key).uniform()});
  }
  return best.sorted();
}

std::vector<Scored> choose(const Shots& shots, const CandidateEmbeddings& candidates,
                           const DataSettings& settings, std::int64_t count,
                           const std::function<void(double)>& step) {
  switch (settings.similarity) {
    case Similarity::random:
      return draw(candidates.count, count, settings.seed);
    case Similarity::convex_hull:
      return nearest_to_hull_points(shots, candidates, settings, count, step);
    default:
      return best_by_score(shots, candidates, settings, count, step);
  }
}

/// Embeddings [C, D] of the chosen, on the CPU.
Tensor rows_of(const std::vector<Scored>& chosen, const CandidateEmbeddings& candidates,
               std::int64_t width) {
  const Tensor rows_CD = torch::empty({static_cast<std::int64_t>(chosen.size()), width});
  for (std::size_t i = 0; i < chosen.size(); ++i) {
    const Tensor row = candidates.rows(chosen[i].index, 1);
    checked_lengths(row, width, "candidate", chosen[i].index);
    rows_CD[static_cast<std::int64_t>(i)].copy_(row[0]);
  }
  return rows_CD;
}

/// Which of the chosen stay.
std::vector<bool> deduplicate(const std::vector<ChosenSample>& samples, const Tensor& rows_CD,
                              const DataSettings& settings) {
  std::vector<bool> stays(samples.size(), true);
  if (settings.deduplication == Deduplication::none || settings.tau >= 1) return stays;
  std::vector<std::int64_t> order(samples.size());
  std::iota(order.begin(), order.end(), 0);
  const bool by_index = settings.deduplication == Deduplication::first_stays;
  std::sort(order.begin(), order.end(), [&](std::int64_t a, std::int64_t b) {
    const ChosenSample &first = samples[a], &second = samples[b];
    if (by_index || first.similarity == second.similarity) return first.index < second.index;
    return first.similarity > second.similarity;
  });
  const std::vector<bool> ordered =
      staying(rows_CD.index_select(0, torch::tensor(order, torch::kInt64)), settings.tau,
              settings.deduplication == Deduplication::repr_filter,
              std::min(settings.block_rows, kDeduplicationBlock));
  for (std::size_t i = 0; i < order.size(); ++i) stays[order[i]] = ordered[i];
  return stays;
}

}  // namespace

CandidateEmbeddings CandidateEmbeddings::of(const Tensor& rows_SD) {
  return {rows_SD.size(0),
          [rows_SD](std::int64_t first, std::int64_t n) { return rows_SD.narrow(0, first, n); }};
}

DataChoice choose_data(const Tensor& shots_KD, const CandidateEmbeddings& candidates,
                       const DataSettings& settings, const std::function<void(double)>& step) {
  torch::NoGradGuard no_grad;
  check_counts(candidates, settings);
  const Shots shots(shots_KD);
  DataChoice choice;
  choice.before = std::min(settings.count, candidates.count);
  const std::vector<Scored> chosen = choose(shots, candidates, settings, choice.before, step);
  const Tensor rows_CD = rows_of(chosen, candidates, shots.width());
  std::vector<ChosenSample> samples;
  for (std::size_t i = 0; i < chosen.size(); ++i) {
    const float* row = rows_CD.data_ptr<float>() + static_cast<std::int64_t>(i) * shots.width();
    const std::vector<double> products = shots.products(row);
    samples.push_back(
        {chosen[i].index, chosen[i].score, *std::max_element(products.begin(), products.end())});
  }
  const std::vector<bool> stays = deduplicate(samples, rows_CD, settings);
  for (std::size_t i = 0; i < samples.size(); ++i) {
    if (stays[i]) choice.samples.push_back(samples[i]);
  }
  return choice;
}

}  // namespace factsweep
