// Ranks, the pool of M, and the best of its C(M, N) subsets.
#include "factsweep/selection/experts.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>

#include "factsweep/core/error.hpp"
#include "factsweep/core/random.hpp"

namespace factsweep {
namespace {

using Indices = std::vector<std::int64_t>;

/// The `count` members of smallest value, ascending by index; ties: the lower index.
Indices smallest(const Indices& members, const std::vector<double>& value, std::int64_t count) {
  Indices order = members;
  std::stable_sort(order.begin(), order.end(),
                   [&](std::int64_t a, std::int64_t b) { return value[a] < value[b]; });
  order.resize(static_cast<std::size_t>(count));
  std::sort(order.begin(), order.end());
  return order;
}

/// A subset, the sum of its members' values, and of its pairs' values.
using Visit = std::function<void(const Indices&, double, double)>;

struct SubsetWalk {
  const std::vector<double>& value;       // [m]
  const std::vector<double>& pair_value;  // [m, m]
  std::int64_t n;
  const Visit& visit;
};

/// The sums grow with the prefix, so a subset costs n additions.
void extend(const SubsetWalk& walk, Indices& prefix, double sum, double pair_sum) {
  const auto size = static_cast<std::int64_t>(prefix.size());
  if (size == walk.n) return walk.visit(prefix, sum, pair_sum);
  const auto m = static_cast<std::int64_t>(walk.value.size());
  for (std::int64_t i = prefix.empty() ? 0 : prefix.back() + 1; i <= m - (walk.n - size); ++i) {
    double pairs = pair_sum;
    for (const std::int64_t member : prefix) pairs += walk.pair_value[member * m + i];
    prefix.push_back(i);
    extend(walk, prefix, sum + walk.value[i], pairs);
    prefix.pop_back();
  }
}

/// The n-element subsets of 0..m-1 in lexicographic order.
void for_each_subset(const std::vector<double>& value, const std::vector<double>& pair_value,
                     std::int64_t n, const Visit& visit) {
  Indices prefix;
  extend({value, pair_value, n, visit}, prefix, 0, 0);
}

std::vector<double> pool_similarity(const ExpertSignals& signals,
                                    std::span<const double> similarity, const Indices& pool) {
  const std::size_t n = signals.names.size();
  require(similarity.size() == n * n, "choose_experts: similarity is not [n, n]");
  std::vector<double> rounded;
  for (const std::int64_t a : pool) {
    for (const std::int64_t b : pool) {
      const double value = similarity[static_cast<std::size_t>(a) * n + b];
      if (!std::isfinite(value)) {
        throw InputError(fmt::format(
            "adapters {} and {}: their similarity is {}, not a finite number. One of them holds "
            "NaN or infinity; leave it out of the bank.",
            signals.names[a], signals.names[b], value));
      }
      rounded.push_back(std::nearbyint(value * 0x1p40) * 0x1p-40);
    }
  }
  return rounded;
}

/// Algorithm 1, lines after the pool: argmin of rank sum + R_D over the subsets of the pool.
void choose_group(const std::vector<double>& rank_sum, const std::vector<double>& similarity,
                  std::int64_t experts, ExpertChoice& choice) {
  std::vector<double> pool_sum;
  for (const std::int64_t model : choice.pool) pool_sum.push_back(rank_sum[model]);
  std::vector<double> diversity;  // a subset's sum over pairs, later its rank
  for_each_subset(pool_sum, similarity, experts,
                  [&](const Indices&, double, double pairs) { diversity.push_back(pairs); });
  const std::vector<double> rank = mean_ranks(diversity);

  double best = std::numeric_limits<double>::infinity();
  std::size_t position = 0;
  for_each_subset(pool_sum, similarity, experts,
                  [&](const Indices& subset, double sum, double pairs) {
                    const double diversity_rank = rank[position++];
                    if (sum + diversity_rank >= best) return;
                    best = sum + diversity_rank;
                    choice.experts.clear();
                    for (const std::int64_t i : subset) choice.experts.push_back(choice.pool[i]);
                    choice.rank_sum = sum;
                    choice.diversity_rank = diversity_rank;
                    const auto count = static_cast<double>(experts * (experts - 1) / 2);
                    choice.similarity = count > 0 ? pairs / count : 0;
                  });
}

void check_choice(const ExpertSignals& signals, const ExpertSettings& settings, const ExpertChoice& choice,
           std::int64_t usable) {
  if (settings.experts < 1) {
    throw InputError(
        fmt::format("experts N = {}: a mixture needs at least one.", settings.experts));
  }
  if (usable < settings.experts) {
    std::vector<std::string> names;
    for (const std::int64_t model : choice.unusable) names.push_back(signals.names[model]);
    throw InputError(fmt::format(
        "experts N = {}, but {} of {} adapters of the bank are usable{}{}. Lower N or add adapters "
        "to the bank.",
        settings.experts, usable, signals.names.size(),
        names.empty() ? "" : "; without a finite perplexity and accuracy: ",
        fmt::join(names, ", ")));
  }
  if (settings.rule != ExpertRule::all) return;
  if (settings.pool < settings.experts) {
    throw InputError(fmt::format("pool M = {} is smaller than experts N = {}. Raise M or lower N.",
                                 settings.pool, settings.experts));
  }
  if (settings.pool > kLargestPool) {
    throw InputError(fmt::format("pool M = {}: at most {}, as every subset of N is compared.",
                                 settings.pool, kLargestPool));
  }
}

}  // namespace

std::vector<double> mean_ranks(std::span<const double> values) {
  std::vector<double> rank(values.size(), std::numeric_limits<double>::quiet_NaN());
  std::vector<std::size_t> order;
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (!std::isnan(values[i])) order.push_back(i);
  }
  std::sort(order.begin(), order.end(),
            [&](std::size_t a, std::size_t b) { return values[a] < values[b]; });
  for (std::size_t first = 0; first < order.size();) {
    std::size_t last = first + 1;
    while (last < order.size() && values[order[last]] == values[order[first]]) ++last;
    const double mean = static_cast<double>(first + 1 + last) / 2;
    for (; first < last; ++first) rank[order[first]] = mean;
  }
  return rank;
}

ExpertChoice choose_experts(const ExpertSignals& signals, std::span<const double> similarity,
                            const ExpertSettings& settings) {
  const std::size_t n = signals.names.size();
  require(signals.perplexity.size() == n && signals.accuracy.size() == n,
          "choose_experts: one name, perplexity and accuracy a model");
  ExpertChoice choice;
  std::vector<double> perplexity = signals.perplexity, error(n);
  Indices usable;
  for (std::size_t i = 0; i < n; ++i) {
    error[i] = -signals.accuracy[i];
    if (std::isfinite(perplexity[i]) && std::isfinite(error[i])) {
      usable.push_back(static_cast<std::int64_t>(i));
    } else {
      perplexity[i] = error[i] = std::numeric_limits<double>::quiet_NaN();
      choice.unusable.push_back(static_cast<std::int64_t>(i));
    }
  }
  check_choice(signals, settings, choice, static_cast<std::int64_t>(usable.size()));
  choice.perplexity_rank = mean_ranks(perplexity);
  choice.accuracy_rank = mean_ranks(error);

  // of random choice the draw takes the place of a rank; keyed by name, so that another model in
  // the bank does not redraw the rest
  std::vector<double> value(n);
  for (std::size_t i = 0; i < n; ++i) {
    switch (settings.rule) {
      case ExpertRule::perplexity:
        value[i] = choice.perplexity_rank[i];
        break;
      case ExpertRule::accuracy:
        value[i] = choice.accuracy_rank[i];
        break;
      case ExpertRule::perplexity_accuracy:
      case ExpertRule::all:
        value[i] = choice.perplexity_rank[i] + choice.accuracy_rank[i];
        break;
      case ExpertRule::random:
        value[i] = CounterRandom(hash_words({hash_text("random experts"), settings.seed,
                                             hash_text(signals.names[i])}))
                       .uniform();
        break;
    }
  }
  if (settings.rule == ExpertRule::all) {
    const auto pool = std::min(settings.pool, static_cast<std::int64_t>(usable.size()));
    choice.pool = smallest(usable, value, pool);
    choose_group(value, pool_similarity(signals, similarity, choice.pool), settings.experts,
                 choice);
    return choice;
  }
  choice.experts = smallest(usable, value, settings.experts);
  if (settings.rule == ExpertRule::random) return choice;
  for (const std::int64_t model : choice.experts) choice.rank_sum += value[model];
  return choice;
}

}  // namespace factsweep
