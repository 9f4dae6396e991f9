// What a stage has left in the files as one number a file, by which a bit that the disk has flipped
// since is noticed. The journal keeps them (docs/layout.md).
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>

#include "factsweep/plan/plan.hpp"

namespace factsweep {

/// Sums of place_sum(). 0: the stage has left nothing there.
struct StageSums {
  std::uint64_t results = 0, weights = 0;

  std::uint64_t& of(File file) { return file == File::weights ? weights : results; }
};

/// Of one place of the output, whose bytes have the checksum `data`.
std::uint64_t place_sum(std::uint64_t output_name, std::size_t place, std::uint64_t data);

/// What the journal keeps of a sum: never kNoSum, and of each stage another number, so that an
/// empty or misplaced row is none.
std::int64_t sealed(std::size_t stage, std::uint64_t sum);
inline constexpr std::int64_t kNoSum = -1;  // as the file is made

/// Of all places in `file` of the stage's outputs. `data`: the checksum of what a place holds;
/// nothing: the file has no such dataset.
std::uint64_t sum_of(const Stage& stage, File file,
                     const std::function<std::optional<std::uint64_t>(const Slab& place)>& data);

}  // namespace factsweep
