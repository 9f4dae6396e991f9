// Counter-based random numbers: every draw is a pure function of a key, so results depend neither
// on the order of work nor on the number of ranks. There is no global generator.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

namespace factsweep {

/// Mixes words into one 64-bit key (order matters). Use a purpose word first:
/// hash_words({hash_text("binomial"), seed, i}).
std::uint64_t hash_words(std::initializer_list<std::uint64_t> words);

/// FNV-1a of the bytes, finalised with splitmix64. Stable across platforms and versions.
std::uint64_t hash_text(std::string_view text);

/// 16 hexadecimal digits.
std::string hex(std::uint64_t value);

/// A stream of draws keyed by one 64-bit key. Copyable; draw i is splitmix64(key, i).
class CounterRandom {
 public:
  explicit CounterRandom(std::uint64_t key) : key_(key) {}
  std::uint64_t next();
  /// Uniform in [0, 1) with 53 bits.
  double uniform();
  /// Uniform integer in [0, bound), bound > 0, without modulo bias.
  std::uint64_t below(std::uint64_t bound);
  /// Standard normal (Box-Muller).
  double normal();
  /// Number of successes in `trials` independent trials of probability p.
  int binomial(int trials, double p);

 private:
  std::uint64_t key_;
  std::uint64_t counter_ = 0;
};

/// A random permutation of 0..count-1 (Fisher-Yates).
std::vector<std::int64_t> permutation(std::int64_t count, CounterRandom random);

}  // namespace factsweep
