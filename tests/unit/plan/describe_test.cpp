// describe(): the numbers of `factsweep plan`, on a small plan whose answer is known.
#include "factsweep/plan/describe.hpp"

#include <limits>

#include "catch.hpp"

using namespace factsweep;

namespace {

Stage stage_of(const std::string& kind, double cost, double memory,
               std::vector<std::size_t> upstream, int configuration) {
  Stage stage;
  stage.kind = kind;
  stage.title = kind + " " + std::to_string(configuration);
  stage.configuration = configuration;
  stage.cost_flop = cost;
  stage.memory_bytes = memory;
  stage.upstream = std::move(upstream);
  return stage;
}

DatasetSpec dataset(File file, const std::string& path, DType dtype,
                    std::vector<std::uint64_t> shape) {
  DatasetSpec spec;
  spec.file = file;
  spec.path = path;
  spec.dtype = dtype;
  spec.shape = std::move(shape);
  return spec;
}

/// One labelling that two trainings read, one of which belongs to two points.
Plan sample_plan() {
  Plan plan;
  const std::size_t label = plan.add_stage(stage_of("label", 100, 1e6, {}, 0));
  const std::size_t one = plan.add_stage(stage_of("train", 200, 5e8, {label}, 1));
  const std::size_t two = plan.add_stage(stage_of("train", 300, 4e8, {label}, 2));
  plan.axes = {{"variant", "", "", ""}, {"unknown_ratio", "1", "", ""}, {"seed", "", "", ""}};
  const auto add_point = [&](const std::string& variant, double ratio, std::int64_t seed,
                             std::size_t leaf) {
    plan.points.push_back({variant, {variant, ratio, seed}, leaf});
  };
  add_point("ratio", 0.5, 1, one);
  add_point("ratio", 0.5, 2, two);
  add_point("natural", std::numeric_limits<double>::quiet_NaN(), 1, two);
  plan.datasets = {dataset(File::results, "/curves/loss", DType::float64, {3, 51}),
                   dataset(File::results, "/labels/base/greedy", DType::uint8, {1000, 10}),
                   dataset(File::weights, "/deltas/a/final/w", DType::bfloat16, {1000, 1000})};
  plan.model_bytes = 2e9;
  return plan;
}

bool has_line(const std::string& text, const std::string& line) {
  return ("\n" + text).find("\n" + line + "\n") != std::string::npos;
}

}  // namespace

TEST_CASE("the tables of a plan", "[plan]") {
  const std::string text = describe(sample_plan(), 2, 10);
  INFO(text);
  CHECK(has_line(text, "  stages  count  shared  FLOP  one rank   memory"));
  CHECK(has_line(text, "  label       1       1   100    10.0 s  2.00 GB"));
  CHECK(has_line(text, "  train       2       1   500    50.0 s  2.50 GB"));
  CHECK(has_line(text, "  all         3       2   600    1m 00s  2.50 GB"));
  CHECK(has_line(text, "  points         3 in all; value (points) by axis"));
  CHECK(has_line(text, "  variant        ratio (2), natural (1)"));
  CHECK(has_line(text, "  unknown_ratio  0.5 (2), none (1)"));
  CHECK(has_line(text, "  seed           1 (2), 2 (1)"));
  CHECK(has_line(text, "  memory a rank  2.50 GB (model 2.00 GB, 'train 1' 500.0 MB)"));
  CHECK(has_line(text, "  result file    14.0 kB in 2 datasets"));
  CHECK(has_line(text, "  weights file   2.0 MB in 1 dataset"));
  CHECK(has_line(text, "  predicted time  40.0 s on 2 ranks of 10 FLOP/s, 75% busy"));
  CHECK(has_line(text, "  longest chain   40.0 s: more ranks cannot be faster"));
}

TEST_CASE("times and memory are those of stages that were seen", "[plan]") {
  Plan plan = sample_plan();
  SeenKinds seen = {{"label", {2, 100, 50, 1.5}}, {"train", {1, 100, 10, 2}}, {"copied", {1, 0, 7, 0}}};
  expect_memory(plan, seen);
  const std::string text = describe(plan, 2, Pace(seen));
  INFO(text);
  CHECK(has_line(text, "  label       1       1   100    50.0 s  3.00 GB"));  // 2 FLOP/s
  CHECK(has_line(text, "  train       2       1   500    50.0 s  5.00 GB"));  // 10 FLOP/s
  CHECK(has_line(text, "  predicted time  1m 20s on 2 ranks of 3.33 FLOP/s, 62% busy"));
  CHECK(has_line(text, "  longest chain   1m 20s: more ranks cannot be faster"));
  Stage other = plan.stages.front();
  other.kind = "other";
  CHECK(Pace(seen).seconds(other) == Approx(30));  // 200 FLOP in 60 s
  seen["label"].join({3, 900, 50, 0.75});
  CHECK(Pace(seen).seconds(plan.stages.front()) == 10);
  CHECK(seen["label"].stages == 5);
  CHECK(seen["label"].memory_ratio == 1.5);
  CHECK_FALSE(has_pace({{"copied", {1, 0, 7, 0}}}));
}

TEST_CASE("a long axis shows both ends", "[plan]") {
  Plan plan = sample_plan();
  plan.axes = {{"seed", "", "", ""}};
  plan.points.clear();
  for (std::int64_t seed = 0; seed < 20; ++seed) plan.points.push_back({"", {seed}, 2});
  CHECK(has_line(
      describe(plan, 1, 1),
      "  seed    0 (1), 1 (1), 2 (1), 3 (1), ... 12 more, 16 (1), 17 (1), 18 (1), 19 (1)"));
}

TEST_CASE("an empty plan is described, too", "[plan]") {
  const std::string text = describe(Plan{}, 1, 1);
  CHECK(has_line(text, "  weights file   none"));
  CHECK(has_line(text, "  predicted time  0.0 s on 1 rank of 1 FLOP/s, 100% busy"));
}
