// What of the process's memory is measured.
#include "factsweep/core/memory.hpp"

#include <cmath>
#include <cstring>
#include <memory>
#include <vector>

#include "catch.hpp"
#include "skip.hpp"

using namespace factsweep;

TEST_CASE("the most memory since the last call is not what was freed before") {
  constexpr std::size_t kBlock = 64 << 10, kBlocks = 3000;  // 197 MB, in the heap
  const auto fill = [] {
    std::vector<std::unique_ptr<char[]>> blocks;
    for (std::size_t i = 0; i < kBlocks; ++i) {
      blocks.push_back(std::make_unique<char[]>(kBlock));
      std::memset(blocks.back().get(), 1, kBlock);
    }
    return blocks;
  };
  take_peak_memory();
  auto blocks = fill();
  const auto last = std::make_unique<char[]>(kBlock);  // keeps the end of the heap where it is
  const double held = take_peak_memory();
  if (std::isnan(held)) return test::skip("this system does not tell what a process holds");
  CHECK(held > 190e6);
  blocks.clear();
  give_back_freed_memory();
  take_peak_memory();
  CHECK(take_peak_memory() < 100e6);
  blocks = fill();
  CHECK(take_peak_memory() > 190e6);
}
