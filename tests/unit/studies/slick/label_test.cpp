// Stages that label: "label" and "p_true".
#include <algorithm>

#include "catch.hpp"
#include "slick_sweep.hpp"

using namespace factsweep;
using namespace factsweep::test;

TEST_CASE("label: counts, probabilities and categories belong together", "[slick]") {
  const SlickSweep sweep;
  MemoryWorkbench bench(sweep.plan);
  const std::size_t stage = sweep.first("label");
  bench.run(*sweep.executor, stage);
  const auto p = values<float>(bench, stage, "/labels/base/p");
  const auto p_exact = values<float>(bench, stage, "/labels/base/p_exact");
  const auto drawn = values<std::int32_t>(bench, stage, "/labels/base/drawn");
  const auto p_sample = values<float>(bench, stage, "/labels/base/p_sample");
  const auto by_category = values<float>(bench, stage, "/labels/base/category_probability");
  const auto category = values<std::uint8_t>(bench, stage, "/labels/base/category");
  REQUIRE(category.size() == 8);
  REQUIRE(p.size() == 16);
  for (std::size_t row = 0; row < category.size(); ++row) {
    CHECK(p_exact[row] == Approx((p[2 * row] + p[2 * row + 1]) / 2).margin(1e-7));
    CHECK(p_sample[row] == Approx((drawn[2 * row] + drawn[2 * row + 1]) / 10.0));
    float sum = 0;
    for (std::size_t c = 0; c < 4; ++c) sum += by_category[4 * row + c];
    CHECK(sum == Approx(1).epsilon(1e-5));
    CHECK(by_category[4 * row + category[row]] > 0);
  }
  CHECK(bench.steps > 0);
  // again, and after other stages: the same
  MemoryWorkbench other(sweep.plan);
  other.run_all(*sweep.executor, "label");
  CHECK(
      (other.output(stage, "/labels/base/p").bytes == bench.output(stage, "/labels/base/p").bytes));
}

TEST_CASE("p_true: a probability of every test question", "[slick]") {
  const SlickSweep sweep;
  MemoryWorkbench bench(sweep.plan);
  const std::size_t stage = sweep.first("p_true");
  bench.run(*sweep.executor, stage);
  const auto p = values<float>(bench, stage, "/labels/base/p_true");
  CHECK(p.size() == 4);
  CHECK(std::all_of(p.begin(), p.end(), [](float one) { return one > 0 && one < 1; }));
  const SlickSweep raw({"--label.p_true=raw"});
  MemoryWorkbench other(raw.plan);
  other.run(*raw.executor, raw.first("p_true"));
  CHECK(values<float>(other, raw.first("p_true"), "/labels/base/p_true")[0] < p[0]);
}

TEST_CASE("label: stopped anywhere and continued is uninterrupted", "[slick]") {
  for (const std::string estimator : {"exact", "sample"}) {
    const SlickSweep sweep({"--label.estimator=" + estimator, "--label.batch_tokens=40",
                            "--label.max_new_tokens=8",
                            "--label.keep_text=" + std::string(estimator == "exact" ? "false" : "true")});
    const std::size_t stage = sweep.first("label");
    MemoryWorkbench whole(sweep.plan);
    whole.run(*sweep.executor, stage);
    const std::int64_t steps = whole.steps;
    REQUIRE(steps > 8);
    for (const double part : {0.0, 0.2, 0.6, 0.9}) {
      const auto stop = static_cast<std::int64_t>(part * static_cast<double>(steps));
      const std::int64_t again = sweep.check_continued(whole, stage, stop);
      // of the parts that were done nothing is done again, only what was begun
      CHECK(again <= steps);
      if (part >= 0.6) CHECK(again < steps * 3 / 4);
    }
    sweep.check_seconds(whole, stage, steps * 7 / 10);
    for (const char* lacking : {"said", "pruned"})
      sweep.check_refused(whole, stage, steps * 7 / 10, lacking);
  }
}

TEST_CASE("limits that no answer of some question fits in are named together", "[slick]") {
  const auto error = [](const std::vector<std::string>& overrides) {
    return input_error([&] { SlickSweep sweep(overrides); });
  };
  using Catch::Matchers::ContainsSubstring;
  const std::string label = "--label.max_new_tokens=6", taught = "--slick.answer_max_tokens=4";
  CHECK_THAT(error({label}), ContainsSubstring("label.max_new_tokens = 6 is too short") &&
                                 ContainsSubstring("Set it to 7 or more."));
  CHECK_THAT(error({taught}), ContainsSubstring("slick.answer_max_tokens = 4 is too short"));
  CHECK_THAT(error({label, taught}),
             ContainsSubstring("label.max_new_tokens = 6 is too short") &&
                 ContainsSubstring("or more, and slick.answer_max_tokens to 6 or more."));
}
