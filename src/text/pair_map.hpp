// A flat hash map from 64-bit keys (two packed 32-bit numbers): tokenizing asks it once a
// character, and the nodes of std::unordered_map cost a cache miss each.
#pragma once

#include <cstdint>
#include <vector>

namespace factsweep::text {

inline std::uint64_t pack(std::uint32_t high, std::uint32_t low) {
  return static_cast<std::uint64_t>(high) << 32 | low;
}

template <typename Value>
class PairMap {
 public:
  /// Replaces what `key` had. The key of all ones is reserved.
  void set(std::uint64_t key, const Value& value) {
    if (slots_.size() < 2 * (size_ + 1)) grow();
    Slot& slot = slots_[place(key)];
    if (slot.key == kEmpty) ++size_;
    slot = {key, value};
  }
  const Value* find(std::uint64_t key) const {
    if (slots_.empty()) return nullptr;
    const Slot& slot = slots_[place(key)];
    return slot.key == kEmpty ? nullptr : &slot.value;
  }

 private:
  static constexpr std::uint64_t kEmpty = ~std::uint64_t{0};
  struct Slot {
    std::uint64_t key = kEmpty;
    Value value{};
  };

  std::size_t place(std::uint64_t key) const {
    const std::size_t mask = slots_.size() - 1;
    std::size_t at = (key * 0x9e3779b97f4a7c15 >> 32) & mask;
    while (slots_[at].key != kEmpty && slots_[at].key != key) at = (at + 1) & mask;
    return at;
  }
  void grow() {
    std::vector<Slot> old(slots_.empty() ? 64 : 2 * slots_.size());
    old.swap(slots_);
    for (const Slot& slot : old) {
      if (slot.key != kEmpty) slots_[place(slot.key)] = slot;
    }
  }

  std::vector<Slot> slots_;  // a power of two, at most half full
  std::size_t size_ = 0;
};

}  // namespace factsweep::text
