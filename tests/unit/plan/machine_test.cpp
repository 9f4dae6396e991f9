// Devices that a sweep is planned for: their names, sizes, and what of a plan they do not hold.
#include "factsweep/plan/machine.hpp"

#include "catch.hpp"
#include "factsweep/core/error.hpp"

using namespace factsweep;

TEST_CASE("sizes of memories have a number and a unit") {
  CHECK(parse_bytes("80GB") == 80e9);
  CHECK(parse_bytes("79.5 GiB") == 79.5 * 1024 * 1024 * 1024);
  CHECK(parse_bytes("500 MB") == 500e6);
  CHECK(parse_bytes("1.5TB") == 1.5e12);
  CHECK(parse_bytes("12B") == 12);
  for (const char* bad : {"", "80", "GB", "-1GB", "0GB", "80XB", "80iB", "80Gb", "nanGB", "infGB", "80GB each"})
    CHECK_THROWS_AS(parse_bytes(bad), InputError);
}

TEST_CASE("devices are known by name, and the others are named") {
  CHECK(machine_of("h200").memory == Approx(150e9).epsilon(0.01));
  CHECK(machine_of("mi250").bfloat16 == 181e12);
  CHECK_THROWS_WITH(machine_of("h20"), Catch::Matchers::ContainsSubstring("a100-80") &&
                                           Catch::Matchers::ContainsSubstring("--device-memory 80GB"));
}

TEST_CASE("what does not fit is said with what would help") {
  Plan plan;
  plan.model_bytes = 16e9;
  const auto add = [&](const char* title, double bytes, double activations) {
    Stage stage;
    stage.title = title;
    stage.configuration = title;
    stage.memory_bytes = bytes;
    stage.activation_bytes = activations;
    plan.add_stage(std::move(stage));
  };
  add("label", 2e9, 0);
  add("train LoRA", 45e9, 44e9);
  add("train full", 30e9, 4e9);
  const Need need = need_of(plan);
  CHECK(need.most == Approx(61.6e9));
  CHECK(need.most_title == "train LoRA");
  CHECK(need.least == Approx(42.6e9));
  CHECK(need.least_title == "train full");
  CHECK(what_does_not_fit(need, 80e9, 1).empty());
  CHECK_THAT(what_does_not_fit(need, 50e9, 1),
             Catch::Matchers::StartsWith("'train LoRA' needs about 61.60 GB of memory, and 50.00 GB are "
                                         "there. Lower train.microbatch_tokens"));
  CHECK_THAT(what_does_not_fit(need, 80e9, 2),
             Catch::Matchers::StartsWith("'train full' needs about 42.60 GB of memory even with the "
                                         "smallest passes, and 40.00 GB are there for each of 2 ranks. "
                                         "Train less (LoRA") &&
                 Catch::Matchers::EndsWith("or start fewer ranks a device."));
  // what is done needs nothing
  CHECK(need_of(plan, {false, true, true}).most == Approx(18.6e9));
}
