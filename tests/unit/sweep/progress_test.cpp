// How much work is done, and how much time is left.
#include "factsweep/sweep/progress.hpp"

#include "catch.hpp"
#include "factsweep/sweep/protocol.hpp"

using namespace factsweep;

namespace {

Plan plan_of(std::initializer_list<double> costs) {
  Plan plan;
  for (const double cost : costs) {
    plan.stages.emplace_back();
    plan.stages.back().cost_flop = cost;
  }
  return plan;
}

}  // namespace

TEST_CASE("running stages count by what they have told", "[sweep]") {
  const Plan plan = plan_of({60, 20, 20});
  Progress progress(plan, {false, false, false});
  CHECK(progress.share() == 0);
  CHECK_FALSE(progress.seconds_left(10));
  progress.running(0, 0, 0.25);
  CHECK(progress.share() == Approx(0.15));
  CHECK(progress.seconds_left(30).value() == Approx(170));
  progress.running(0, 0, 0.5);
  progress.running(1, 0, 0.5);
  CHECK(progress.share() == Approx(0.4));
  CHECK(progress.fraction(0) == Approx(0.5));
  CHECK(progress.fraction(2) == 0);
  progress.finished(0);
  CHECK(progress.share() == Approx(0.7));
  progress.finished(1);
  progress.finished(2);  // has never told anything
  CHECK(progress.share() == Approx(1));
  CHECK(progress.seconds_left(100).value() == Approx(0).margin(1e-9));
}

TEST_CASE("work of earlier runs is done, but says nothing of the pace", "[sweep]") {
  const Plan plan = plan_of({50, 25, 25});
  Progress progress(plan, {true, false, false});
  CHECK(progress.share() == Approx(0.5));
  progress.running(1, 0.6, 0.6);  // from a checkpoint
  CHECK(progress.share() == Approx(0.65));
  CHECK_FALSE(progress.seconds_left(1));
  progress.running(1, 0.6, 0.8);  // 5 of the 35 that were left
  CHECK(progress.seconds_left(10).value() == Approx(60));
  progress.finished(1);
  CHECK(progress.seconds_left(20).value() == Approx(50));
}

TEST_CASE("progress does not run backwards, and a failure takes it back", "[sweep]") {
  const Plan plan = plan_of({50, 50});
  Progress progress(plan, {false, false});
  progress.running(0, 0, 1);
  progress.running(0, 0, 0.1);  // its evaluation, after its training
  CHECK(progress.share() == Approx(0.5));
  progress.failed(0);
  CHECK(progress.share() == Approx(0).margin(1e-9));
  progress.failed(1);  // has never told anything
  CHECK(progress.share() == Approx(0).margin(1e-9));
}

TEST_CASE("a message arrives as it was sent", "[sweep]") {
  const Message sent{.kind = static_cast<std::uint8_t>(Request::progress),
                     .stage = 7,
                     .tokens = 123456789012,
                     .begun = 0.125,
                     .fraction = 0.5,
                     .text = "a reason",
                     .outputs = {{"value", Array::of(std::vector{1.5, 2.5})}}};
  const Message got = Message::unpack(sent.pack());
  CHECK(static_cast<Request>(got.kind) == Request::progress);
  CHECK(got.stage == 7);
  CHECK(got.tokens == 123456789012);
  CHECK(got.begun == 0.125);
  CHECK(got.fraction == 0.5);
  CHECK(got.text == "a reason");
  REQUIRE(got.outputs.size() == 1);
  CHECK(got.outputs[0].name == "value");
  CHECK(got.outputs[0].array.as<double>()[1] == 2.5);
}

TEST_CASE("the more ranks, the less often each tells its progress", "[sweep]") {
  CHECK(report_interval_s(1) == 0.5);
  CHECK(report_interval_s(1000) == 0.5);
  CHECK(report_interval_s(10'000) == 5);
}
