// The smallest study: it throws dice. Nothing outside of this file knows of it, and a sweep of it
// goes through plan, store, resume, status and report like any other.
#pragma once

#include <fmt/format.h>

#include <numeric>

#include "factsweep/core/random.hpp"
#include "factsweep/stage/executor.hpp"
#include "factsweep/stage/grid.hpp"

namespace factsweep::toy {

struct Worker {
  std::vector<std::string> check(const Deck&) { return {}; }
  void prepare(const Deck&, const std::string&) {}
};

/// Some throws of one die.
struct Throws {
  static constexpr const char* kind = "throws";
  inline static const auto eyes =
      shared(column<std::int32_t>("/throws/eyes", {"seed_index", "throw"}, "1", "eyes thrown"));

  std::int64_t seed = 0;
  std::uint64_t row = 0;  // of /throws

  static void fields(auto& self, auto&& field) {
    field("seed", self.seed);
    field.local("row", self.row);
  }
  std::vector<std::string> deck_keys() const { return {"toy.throws"}; }
  void run(Worker&, StageRun& run) const {
    CounterRandom random(hash_words({hash_text("toy"), static_cast<std::uint64_t>(seed)}));
    const std::int64_t count = run.deck().integer("toy.throws");
    std::vector<std::int32_t> thrown;
    for (std::int64_t i = 0; i < count; ++i) {
      thrown.push_back(1 + static_cast<std::int32_t>(random.below(6)));
      run.step(static_cast<double>(i + 1) / static_cast<double>(count), 0);
    }
    run.emit(eyes, thrown);
  }
};

/// The mean of the throws, with a bonus: a point.
struct Score {
  static constexpr const char* kind = "score";
  inline static const auto mean = column<double>("/points/mean", {"point"}, "1", "mean of eyes");

  Upstream throws;
  double bonus = 0;

  static void fields(auto& self, auto&& field) {
    field("throws", self.throws);
    field("bonus", self.bonus);
  }
  std::vector<std::string> deck_keys() const { return {}; }
  void run(Worker&, StageRun& run) const {
    const std::vector<std::int32_t> eyes = run.input(throws, Throws::eyes);
    const double sum = std::accumulate(eyes.begin(), eyes.end(), 0.0);
    run.emit(mean, sum / static_cast<double>(eyes.size()) + bonus);
  }
};

struct GridPoint {
  double bonus = 0;
  std::int64_t seed = 0;
};

inline void declare(OptionTable& table) {
  table.integer("toy.throws", "8", "throws", 1, 1000, "of a die");
  table.reals("grid.bonus", "0, 1", "1", 0, 10, "axis: added to the mean");
}

inline Expansion expand(const Deck& deck) {
  std::vector<GridPoint> points =
      cross(std::vector<GridPoint>(1), deck.real_list("grid.bonus"), &GridPoint::bonus);
  const std::vector<std::int64_t> seeds = deck.integer_list("grid.seed");
  points = cross(points, seeds, &GridPoint::seed);
  const std::vector<AxisOf<GridPoint>> axes = {
      {{"bonus", "1", "added to the mean", ""},
       &GridPoint::bonus,
       [](const GridPoint& at) { return fmt::format("bonus-{}", at.bonus); }},
      {{"seed", "1", "seed", ""}, &GridPoint::seed, piece("s", &GridPoint::seed)}};
  PlanBuilder builder("toy", deck);
  add_points(builder, axes, points);
  builder.dimension("seed_index", seeds.size());
  builder.dimension("throw", static_cast<std::uint64_t>(deck.integer("toy.throws")));
  for (std::size_t p = 0; p < points.size(); ++p) {
    const std::uint64_t row = p % seeds.size();
    const auto [throws, is_new] = builder.add(
        Throws{points[p].seed, row}, fmt::format("throws s{}", points[p].seed), {.flop = 10});
    if (is_new) builder.place(throws, Throws::eyes, {row});
    const Upstream score =
        builder.add(Score{throws, points[p].bonus}, fmt::format("score {}", p), {.flop = 1}).stage;
    builder.place(score, Score::mean, {p});
    builder.leaf(p, score);
  }
  return expansion(builder.finish(), deck, Worker(),
                   {kind<Worker, Throws>(), kind<Worker, Score>()});
}

inline Study make_study() {
  return {"toy", declare, expand, {"mean"}};
}

}  // namespace factsweep::toy
