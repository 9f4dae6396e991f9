// What is said of devices that cannot be used, and when numbers on them are the host's.
#include "factsweep/model/device.hpp"

#include "catch.hpp"
#include "factsweep/core/error.hpp"
#include "factsweep/model/staging.hpp"
#include "factsweep/model/torch.hpp"
#include "factsweep/model/training_rate.hpp"

using namespace factsweep;

TEST_CASE("why no GPU can be used is one reason, with what to do about it") {
  const auto says = [](const GpuFacts& facts, const std::string& text) {
    CHECK_THAT(why_no_gpu(facts), Catch::Matchers::ContainsSubstring(text));
  };
  GpuFacts facts{.runtime = 13000, .driver = 12040, .is_here = true, .hidden_by = "CUDA_VISIBLE_DEVICES"};
  says(facts, "built for CPUs alone, though the machine has a GPU. Build factsweep against");
  facts.is_here = false;
  says(facts, "built for CPUs alone. Build factsweep against");
  facts.libtorch_has_cuda = true;
  says(facts, "CUDA_VISIBLE_DEVICES is set and empty, which hides every GPU. Unset it");
  facts.hidden_by.clear();
  says(facts, "for CUDA 12.4, which is too old for this libtorch with CUDA 13.0. Install a newer driver, "
              "or build against a libtorch for CUDA 12.");
  facts.driver = 13010;
  says(facts, "shows no GPU to this process");
  facts.runtime = 12080;
  facts.driver = 12040;  // minor versions go together
  says(facts, "shows no GPU to this process");
  facts.driver = 0;
  says(facts, "neither a GPU nor a driver is there");
  facts.is_here = true;
  says(facts, "but its driver is not there");
}

TEST_CASE("a device that is not there is an error of the machine, a CPU that works is well") {
  CHECK(choose_device("cpu", 3) == "cpu");
  CHECK(device_fault("cpu").empty());
  check_dtype("cpu", "bfloat16");
  if (gpu_count() > 0) return;
  CHECK(choose_device("auto", 3) == "cpu");
  try {
    choose_device("cuda", 0);
    FAIL("a device that is not there");
  } catch (const EnvironmentError& error) {
    CHECK_THAT(error.what(), Catch::Matchers::StartsWith("run.device = cuda: ") &&
                                 Catch::Matchers::EndsWith(" Or use run.device = cpu."));
  }
  CHECK_THAT(device_fault("cuda:0"), Catch::Matchers::StartsWith("cuda:0: "));
  CHECK_THROWS_AS(check_dtype("cuda:0", "bfloat16"), EnvironmentError);
}

TEST_CASE("staged numbers are those that were there, lists in one tensor") {
  const std::vector<std::int64_t> one = {4, 5, 6}, none, two = {-1, 1LL << 40};
  const std::vector<std::span<const std::int64_t>> lists = {one, none, two};
  const auto there = staged(lists, torch::kCPU);
  REQUIRE(there.size() == 3);
  CHECK(torch::equal(there[0], torch::tensor(one)));
  CHECK(there[1].numel() == 0);
  CHECK(torch::equal(there[2], torch::tensor(two)));
  CHECK(there[0].is_alias_of(there[2]));
  CHECK(torch::equal(staged(two, torch::kCPU), torch::tensor(two)));
  CHECK(torch::equal(staged(std::vector<float>{0.5F, -2}, torch::kCPU), torch::tensor({0.5F, -2.F})));
  CHECK(values_of({torch::tensor(0.1F), torch::tensor(3.F)}) ==
        std::vector<double>{static_cast<double>(0.1F), 3});
}

TEST_CASE("the rate of a training is measured on layers of any model's shape", "[cpu]") {
  for (const std::string dtype : {"float32", "bfloat16"}) {
    ModelConfig config = ModelConfig::llama(64, 32, 1, 2, 2, 48, 64);
    CHECK(measure_training_rate(config, dtype, 2) > 1e6);
    config.width = 100;  // no multiple of a head's size
    CHECK(measure_training_rate(config, dtype, 2) > 1e6);
  }
}
