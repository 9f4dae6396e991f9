// When checkpoints are due.
#include "factsweep/train/save_schedule.hpp"

#include <chrono>
#include <thread>

#include "catch.hpp"

using namespace factsweep;

TEST_CASE("what is cheap to save is saved often, what is not as often as was asked", "[train]") {
  SaveSchedule schedule(600);
  CHECK(schedule.pause_s() == 20);  // nobody knows yet what it takes
  schedule.expect(1e6);
  CHECK(schedule.pause_s() == 20);
  schedule.expect(1.6e9);  // all weights of 135M parameters
  CHECK(schedule.pause_s() == Approx(160));
  schedule.expect(96e9);  // of 8B
  CHECK(schedule.pause_s() == 600);
  schedule.saved(0.01);
  CHECK(schedule.pause_s() == 5);
  schedule.saved(2);
  CHECK(schedule.pause_s() == 200);
  schedule.saved(100);
  CHECK(schedule.pause_s() == 600);
  schedule.saved(0.01);
  schedule.failed();  // a full disk is not told of every five seconds
  CHECK(schedule.pause_s() == 600);

  SaveSchedule often(1);
  CHECK(often.pause_s() == 1);
  often.saved(50);
  CHECK(often.pause_s() == 1);
}

TEST_CASE("due when the pause is over, and never where none was asked for", "[train]") {
  SaveSchedule schedule(0.02), never(0);
  CHECK_FALSE(schedule.is_due());
  std::this_thread::sleep_for(std::chrono::milliseconds(40));
  CHECK(schedule.is_due());
  CHECK_FALSE(never.is_due());
  schedule.saved(0);
  CHECK_FALSE(schedule.is_due());
}
