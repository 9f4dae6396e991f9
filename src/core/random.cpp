#include "factsweep/core/random.hpp"

#include <fmt/format.h>

#include <cmath>
#include <numbers>

#include "factsweep/core/error.hpp"

namespace factsweep {
namespace {

// splitmix64 finaliser (Steele, Lea, Flood 2014)
std::uint64_t mix(std::uint64_t z) {
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
  return z ^ (z >> 31);
}

constexpr std::uint64_t kGolden = 0x9e3779b97f4a7c15ULL;

}  // namespace

std::uint64_t hash_words(std::initializer_list<std::uint64_t> words) {
  std::uint64_t state = kGolden;
  for (const std::uint64_t word : words) state = mix(state + kGolden + mix(word + kGolden));
  return state;
}

std::uint64_t hash_text(std::string_view text) {
  std::uint64_t state = 0xcbf29ce484222325ULL;
  for (const unsigned char byte : text) state = (state ^ byte) * 0x100000001b3ULL;
  return mix(state + text.size());
}

std::string hex(std::uint64_t value) {
  return fmt::format("{:016x}", value);
}

std::uint64_t CounterRandom::next() {
  return mix(mix(key_) + ++counter_ * kGolden);
}

double CounterRandom::uniform() {
  return static_cast<double>(next() >> 11) * 0x1.0p-53;
}

std::uint64_t CounterRandom::below(std::uint64_t bound) {
  require(bound > 0, "CounterRandom::below needs a positive bound");
  const std::uint64_t limit = UINT64_MAX - UINT64_MAX % bound;
  std::uint64_t value = next();
  while (value >= limit) value = next();
  return value % bound;
}

double CounterRandom::normal() {
  const double radius = std::sqrt(-2.0 * std::log(1.0 - uniform()));
  return radius * std::cos(2.0 * std::numbers::pi * uniform());
}

int CounterRandom::binomial(int trials, double p) {
  int successes = 0;
  for (int trial = 0; trial < trials; ++trial) successes += uniform() < p ? 1 : 0;
  return successes;
}

std::vector<std::int64_t> permutation(std::int64_t count, CounterRandom random) {
  std::vector<std::int64_t> order(static_cast<std::size_t>(count));
  for (std::int64_t i = 0; i < count; ++i) order[i] = i;
  for (std::int64_t i = count - 1; i > 0; --i) {
    std::swap(order[i], order[random.below(static_cast<std::uint64_t>(i) + 1)]);
  }
  return order;
}

}  // namespace factsweep
