#include "factsweep/core/checksum.hpp"

#include <array>
#include <bit>
#include <cstring>

#include "factsweep/core/random.hpp"

namespace factsweep {
namespace {

// odd, and nothing else is asked of them
constexpr std::uint64_t kBefore = 0xc2b2ae3d27d4eb4fULL, kAfter = 0x9e3779b185ebca87ULL;

/// One to one in each of both, so nothing that has changed one of them gets lost.
std::uint64_t stirred(std::uint64_t lane, std::uint64_t word) {
  return std::rotl(lane + word * kBefore, 31) * kAfter;
}

}  // namespace

std::uint64_t checksum(std::span<const std::byte> bytes) {
  constexpr std::size_t kLanes = 8;  // a processor has several multiplications under way
  std::array<std::uint64_t, kLanes> lanes = {1, 2, 3, 4, 5, 6, 7, 8}, words{};
  const std::size_t size = bytes.size();
  for (; bytes.size() >= sizeof words; bytes = bytes.subspan(sizeof words)) {
    std::memcpy(words.data(), bytes.data(), sizeof words);
    for (std::size_t i = 0; i < kLanes; ++i) lanes[i] = stirred(lanes[i], words[i]);
  }
  words = {};
  if (!bytes.empty()) std::memcpy(words.data(), bytes.data(), bytes.size());
  std::uint64_t sum = size;
  for (std::size_t i = 0; i < kLanes; ++i) sum = stirred(sum, stirred(lanes[i], words[i]));
  return hash_words({sum});
}

}  // namespace factsweep
