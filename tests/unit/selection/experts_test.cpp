// Algorithm 1 and its ablations against brute force; ranks; what cannot be chosen.
#include "factsweep/selection/experts.hpp"

#include <fmt/format.h>

#include <cmath>
#include <limits>
#include <map>
#include <numeric>

#include "catch.hpp"
#include "factsweep/core/random.hpp"
#include "selection_support.hpp"
#include "tiny_model.hpp"

using namespace factsweep;
using namespace factsweep::test;
using Catch::Matchers::ContainsSubstring;
using Json = nlohmann::json;

namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

const std::map<std::string, ExpertRule> kRules = {
    {"perplexity", ExpertRule::perplexity},
    {"accuracy", ExpertRule::accuracy},
    {"perplexity_accuracy", ExpertRule::perplexity_accuracy},
    {"all", ExpertRule::all},
    {"random", ExpertRule::random}};

std::vector<double> numbers(const Json& list) {
  std::vector<double> values;
  for (const Json& value : list) values.push_back(value.is_null() ? kNaN : value.get<double>());
  return values;
}

/// n models that are alike in nothing but their signals.
struct Bank {
  explicit Bank(std::int64_t n) : similarity(static_cast<std::size_t>(n * n)) {
    for (std::int64_t i = 0; i < n; ++i) {
      signals.names.push_back(fmt::format("m{}", i));
      signals.perplexity.push_back(2 + 0.1 * static_cast<double>(i));
      signals.accuracy.push_back(0.5);
      similarity[static_cast<std::size_t>(i * n + i)] = 1;
    }
  }
  void alike(std::size_t a, std::size_t b, double value) {
    const std::size_t n = signals.names.size();
    similarity[a * n + b] = similarity[b * n + a] = value;
  }
  ExpertChoice choose(const ExpertSettings& settings) const {
    return choose_experts(signals, similarity, settings);
  }
  ExpertSignals signals;
  std::vector<double> similarity;
};

}  // namespace

TEST_CASE("experts are those of brute force, ties and unusable models included") {
  std::int64_t refused = 0;
  for (const Json& one : selection_cases("experts")) {
    INFO(one.dump());
    const ExpertSignals signals{one.at("names").get<std::vector<std::string>>(),
                                numbers(one.at("perplexity")), numbers(one.at("accuracy"))};
    std::vector<double> similarity;
    for (const Json& row : one.at("similarity"))
      for (const Json& value : row) similarity.push_back(value.get<double>());
    for (const auto& [name, rule] : kRules) {
      INFO(name);
      const ExpertSettings settings{rule, one.at("experts").get<std::int64_t>(),
                                    one.at("pool").get<std::int64_t>(),
                                    one.at("seed").get<std::uint64_t>()};
      const Json& expected = one.at("expected").at(name);
      if (expected.is_null()) {
        CHECK_THROWS_AS(choose_experts(signals, similarity, settings), InputError);
        ++refused;
      } else {
        CHECK(choose_experts(signals, similarity, settings).experts ==
              expected.get<std::vector<std::int64_t>>());
      }
    }
  }
  CHECK(refused > 20);
}

TEST_CASE("equal values share the mean of their places") {
  const std::vector<double> ranks = mean_ranks(std::vector<double>{3, 1, kNaN, 3, 2, 3});
  CHECK(ranks[0] == 4);
  CHECK(ranks[1] == 1);
  CHECK(std::isnan(ranks[2]));
  CHECK(ranks[3] == 4);
  CHECK(ranks[4] == 2);
  CHECK(ranks[5] == 4);
}

TEST_CASE("a choice tells its ranks, pool and what it excluded") {
  Bank bank(6);
  bank.signals.accuracy[1] = 0.75;
  bank.signals.perplexity[3] = std::numeric_limits<double>::infinity();
  bank.alike(0, 1, 0.5);
  bank.alike(0, 2, 0.25);
  const ExpertChoice choice = bank.choose({ExpertRule::all, 2, 3, 0});
  CHECK(choice.unusable == std::vector<std::int64_t>{3});
  CHECK(std::isnan(choice.perplexity_rank[3]));
  CHECK(choice.perplexity_rank[5] == 5);
  CHECK(std::isnan(choice.accuracy_rank[3]));
  CHECK(choice.accuracy_rank[1] == 1);
  for (const std::size_t i : {0, 2, 4, 5}) CHECK(choice.accuracy_rank[i] == 3.5);
  CHECK(choice.pool == std::vector<std::int64_t>{0, 1, 2});
  // rank sums 4.5, 3 and 6.5; R_D of {0,1} is 3, of {0,2} 2, of {1,2} 1
  CHECK(choice.experts == std::vector<std::int64_t>{0, 1});
  CHECK(choice.rank_sum == 7.5);
  CHECK(choice.diversity_rank == 3);
  CHECK(choice.similarity == 0.5);
}

TEST_CASE("groups that hold copies of an adapter tie, in whatever order their cosines are added") {
  // m2 and m3 are one adapter: {0,1,2} and {0,1,3} have the same cosines, added in another order
  Bank bank(4);
  bank.signals.perplexity = {1, 1, 1, 1};
  bank.alike(0, 1, 0.1);
  for (const std::size_t copy : {2, 3}) {
    bank.alike(0, copy, 0.2);
    bank.alike(1, copy, 0.3);
  }
  bank.alike(2, 3, 1);
  const ExpertChoice choice = bank.choose({ExpertRule::all, 3, 4, 0});
  CHECK(choice.experts == std::vector<std::int64_t>{0, 1, 2});
  CHECK(choice.diversity_rank == 1.5);
}

TEST_CASE("a random choice keeps to the names, not to the order or size of the bank") {
  Bank bank(12);
  const ExpertSettings settings{ExpertRule::random, 4, 8, 7};
  const auto names = [](const ExpertSignals& signals, const ExpertChoice& choice) {
    std::set<std::string> chosen;
    for (const std::int64_t i : choice.experts) chosen.insert(signals.names[i]);
    return chosen;
  };
  const auto chosen = names(bank.signals, bank.choose(settings));
  ExpertSignals backwards = bank.signals;
  std::reverse(backwards.names.begin(), backwards.names.end());
  CHECK(names(backwards, choose_experts(backwards, {}, settings)) == chosen);
  std::set<std::set<std::string>> different;
  for (std::uint64_t seed = 0; seed < 20; ++seed)
    different.insert(names(bank.signals, bank.choose({ExpertRule::random, 4, 8, seed})));
  CHECK(different.size() > 15);
}

TEST_CASE("among equals in all else the most alike have no place in the largest pool") {
  constexpr std::size_t n = kLargestPool;
  Bank bank(n);
  bank.signals.perplexity.assign(n, 3);
  CounterRandom random(1);
  for (std::size_t a = 0; a < n; ++a)
    for (std::size_t b = 0; b < a; ++b) bank.alike(a, b, random.uniform());
  const ExpertChoice choice = bank.choose({ExpertRule::all, 12, kLargestPool, 0});
  CHECK(choice.pool.size() == n);
  CHECK(choice.diversity_rank == 1);
  const auto mean = [&](const std::vector<std::int64_t>& group) {
    double sum = 0;
    for (const std::int64_t a : group)
      for (const std::int64_t b : group) sum += a < b ? bank.similarity[a * n + b] : 0;
    return sum / 66;
  };
  CHECK(choice.similarity == Approx(mean(choice.experts)).epsilon(1e-10));
  for (std::size_t out = 0; out < choice.experts.size(); ++out) {
    for (std::int64_t in = 0; in < static_cast<std::int64_t>(n); ++in) {
      std::vector<std::int64_t> other = choice.experts;
      if (std::count(other.begin(), other.end(), in) != 0) continue;
      other[out] = in;
      std::sort(other.begin(), other.end());
      CHECK(mean(other) > choice.similarity);
    }
  }
}

TEST_CASE("what cannot be chosen is said") {
  Bank bank(6);
  bank.signals.accuracy[1] = kNaN;
  bank.signals.perplexity[4] = kNaN;
  const auto message = [&](const ExpertSettings& settings) {
    return input_error([&] { bank.choose(settings); });
  };
  CHECK_THAT(message({ExpertRule::perplexity, 5, 8, 0}),
             ContainsSubstring("N = 5, but 4 of 6 adapters") && ContainsSubstring("m1, m4"));
  CHECK_THAT(message({ExpertRule::all, 4, 3, 0}),
             ContainsSubstring("M = 3 is smaller than experts N = 4"));
  CHECK_THAT(message({ExpertRule::all, 4, 25, 0}), ContainsSubstring("M = 25: at most 24"));
  CHECK_THAT(message({ExpertRule::accuracy, 0, 8, 0}), ContainsSubstring("N = 0"));
  CHECK(message({ExpertRule::accuracy, 4, 3, 0}).empty());  // without groups there is no pool
  bank.alike(0, 2, kNaN);
  CHECK_THAT(message({ExpertRule::all, 2, 4, 0}), ContainsSubstring("m0 and m2"));
}
