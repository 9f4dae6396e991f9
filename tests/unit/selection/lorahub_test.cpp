// LoRAHub's search for weights.
#include "factsweep/selection/lorahub.hpp"

#include <cmath>

#include "catch.hpp"

using namespace factsweep;

TEST_CASE("lorahub: a search without gradients finds the smallest loss") {
  const std::vector<double> goal = {0.7, -1.1, 0.2};
  std::int64_t asked = 0;
  const auto loss = [&](const std::vector<double>& weights) {
    ++asked;
    double sum = 0;
    for (std::size_t i = 0; i < goal.size(); ++i) sum += std::pow(weights[i] - goal[i], 2);
    return sum;
  };
  const auto found = search_weights(3, 200, loss, CounterRandom(1));
  CHECK(asked == 201);
  for (std::size_t i = 0; i < goal.size(); ++i) CHECK(std::abs(found[i] - goal[i]) < 0.02);
  CHECK(found == search_weights(3, 200, loss, CounterRandom(1)));
  CHECK(found != search_weights(3, 200, loss, CounterRandom(2)));
  // the loss decides: nothing is better than zeros here
  const auto away = [](const std::vector<double>& w) { return std::abs(w[0]) + std::abs(w[1]); };
  CHECK(search_weights(2, 20, away, CounterRandom(1)) == std::vector<double>{0, 0});
}
