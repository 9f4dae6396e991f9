// Which adapters of a bank become the experts of a mixture: Yang et al., arXiv 2408.15915,
// Algorithm 1 and the single signals of its table 2.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace factsweep {

/// What decides: one signal, both, both and the diversity of the group, or chance.
enum class ExpertRule { perplexity, accuracy, perplexity_accuracy, all, random };

struct ExpertSettings {
  ExpertRule rule = ExpertRule::all;
  std::int64_t experts = 4;  // N
  std::int64_t pool = 8;     // M, of which the subsets are compared; at most kLargestPool
  std::uint64_t seed = 0;    // of ExpertRule::random
};

/// C(24, 12) = 2.7 million subsets, one double each.
inline constexpr std::int64_t kLargestPool = 24;

/// Per model of the bank, over the same K shots. A model of which either is not finite is unusable.
struct ExpertSignals {
  std::vector<std::string> names;
  std::vector<double> perplexity;  // reasoning perplexity, mean or sum over the shots
  std::vector<double> accuracy;    // share of right answers
};

struct ExpertChoice {
  std::vector<std::int64_t> experts;    // the N chosen models, ascending
  std::vector<std::int64_t> pool;       // the M best by rank sum, ascending; rule `all` only
  std::vector<std::int64_t> unusable;   // excluded from ranks and choice
  std::vector<double> perplexity_rank;  // R_P over the whole bank, 1 is best; NaN: unusable
  std::vector<double> accuracy_rank;    // R_A
  double rank_sum = 0;                  // of the experts' ranks that the rule counts
  double similarity = 0;                // mean over the experts' pairs; rule `all` only
  double diversity_rank = 0;            // R_D, 1 is the most diverse of all subsets; likewise
};

/// Ranks from 1, the smallest value first; NaN keeps NaN. Equal values share the mean of the places
/// they take: accuracy over 50 shots has many ties, and only mean ranks keep the sum of a signal's
/// ranks, hence its weight against the others, the same with and without them, and independent of
/// the order of the bank.
std::vector<double> mean_ranks(std::span<const double> values);

/// `similarity` [n, n] row-major, symmetric: see adapter_similarity(); may be empty unless the rule
/// is `all`. The paper ranks by the inverse of the mean similarity, which changes sign near zero;
/// here R_D is the rank of the mean similarity, ascending, which is the same order where the
/// inverse is sound. Similarities are rounded to 2^-40, so that their sums are exact and equal
/// groups tie in whatever order they are added. Ranks are over the whole bank, not over the pool,
/// and are added unweighted. What is still equal goes by index: the lower ones (of groups: the
/// first in lexicographic order). A pool larger than the usable bank is the usable bank.
/// InputError: N < 1, fewer than N usable models (names the unusable ones), M < N or
/// M > kLargestPool, a similarity that is not finite.
ExpertChoice choose_experts(const ExpertSignals& signals, std::span<const double> similarity,
                            const ExpertSettings& settings);

}  // namespace factsweep
