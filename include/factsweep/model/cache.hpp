// Keys and values that passes leave behind for later ones.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <vector>

namespace factsweep {

struct PackedTokens;  // transformer.hpp
struct Weights;

/// Keys (rotated) and values of one layer: [rows, G, tokens, E].
struct LayerCache {
  torch::Tensor keys, values;
};

/// Keys and values of the tokens of sequences, a row each. All rows are as long as the longest;
/// nothing attends to the places where a row has no token. Passes write their tokens after those
/// that are there, in place (ForwardOptions::keep).
class KeyValueCache {
 public:
  /// As large as what one pass brings: no further pass can add to it.
  KeyValueCache() = default;
  /// Room for `rows` sequences of at most `capacity` tokens. Memory is taken for a few new tokens
  /// at first, and doubled when they are there: most answers end long before they must.
  KeyValueCache(std::int64_t rows, std::int64_t capacity) : rows_(rows), capacity_(capacity) {}

  bool empty() const { return layers_.empty(); }
  /// How many tokens of each row a pass attends to. Of all shapes in a decoding step this alone
  /// depends on how many tokens have been decoded, and nothing else decides it.
  std::int64_t attended() const { return length_; }
  /// Views, [rows, G, attended(), E].
  LayerCache layer(std::size_t i) const;
  /// Which of the attended places hold a token: bool [B, attended()] of these rows, or of all where
  /// `rows_B` is undefined.
  torch::Tensor valid(const torch::Tensor& rows_B) const;

  /// A row for each of the sequences that go on from the rows `parents`: the first that goes on
  /// from a row keeps it, each other gets a copy in a row that nobody goes on from.
  std::vector<std::int64_t> part_rows(const std::vector<std::int64_t>& parents);
  /// As if these rows had no token so far.
  void hide(const torch::Tensor& rows);

  /// What a pass does: write() for each layer in turn, [B, G, T, E] into these rows (undefined: the
  /// first B), then advance().
  void write(std::size_t layer, const torch::Tensor& keys, const torch::Tensor& values,
             const torch::Tensor& rows_B);
  void advance(const PackedTokens& tokens, const torch::Tensor& rows_B);

 private:
  void put(torch::Tensor& part, const torch::Tensor& fresh, const torch::Tensor& rows_B) const;

  std::int64_t rows_ = 0, capacity_ = 0;
  std::int64_t length_ = 0;
  std::vector<LayerCache> layers_;
  torch::Tensor valid_;  // bool [rows, 1, tokens, 1]
};

/// Keys and values of texts that many sequences begin with.
struct SharedPrefix {
  KeyValueCache cache;                // a row a text, P tokens; empty when no text has a token
  std::vector<std::int64_t> lengths;  // [S] tokens of each text, <= P
  torch::Tensor lengths_S;            // the same, where the cache lies; undefined without one

  static SharedPrefix compute(const Weights& weights,
                              const std::vector<std::vector<std::int32_t>>& texts);
};

/// What the new tokens of a pass may attend to besides themselves. A prefix begins at position 0;
/// the tokens of a past follow it, and the new tokens those, without a gap.
struct Context {
  const SharedPrefix* prefix = nullptr;
  std::vector<std::int64_t> prefix_of = {};  // [B] which prefix; empty: all the first
  torch::Tensor prefix_of_B = {};            // the same on the device; undefined: made of it
  const KeyValueCache* past = nullptr;       // whose rows sequences continue
  torch::Tensor past_rows_B = {};            // int64: which row each continues; undefined: its own

  bool has_prefix() const { return prefix != nullptr && !prefix->cache.empty(); }
  bool has_past() const { return past != nullptr && !past->empty(); }
};

}  // namespace factsweep
