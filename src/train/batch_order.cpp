#include "factsweep/train/batch_order.hpp"

#include <algorithm>

#include "factsweep/core/error.hpp"
#include "factsweep/core/random.hpp"

namespace factsweep {

BatchOrder::BatchOrder(std::vector<std::int64_t> tokens, const TrainSettings& settings,
                       std::size_t count)
    : tokens_(std::move(tokens)),
      count_(static_cast<std::int64_t>(count)),
      apart_(settings.apart),
      batch_size_(settings.batch_size),
      microbatch_tokens_(settings.microbatch_tokens),
      apart_first_(settings.apart_first),
      seed_(settings.seed) {
  require(!tokens_.empty() && batch_size_ > 0, "BatchOrder: nothing to train on");
  require(apart_ >= 0 && apart_ <= count_, "BatchOrder: more examples apart than there are");
}

std::vector<std::int64_t> BatchOrder::order(std::int64_t epoch) const {
  const std::uint64_t key =
      hash_words({hash_text("data order"), seed_, static_cast<std::uint64_t>(epoch)});
  // the others are in the order that they have where there is no example apart
  std::vector<std::int64_t> list = permutation(count_ - apart_, CounterRandom(key));
  std::vector<std::int64_t> apart =
      permutation(apart_, CounterRandom(hash_words({key, hash_text("apart")})));
  for (std::int64_t& member : apart) member += count_ - apart_;
  list.insert(apart_first_ ? list.begin() : list.end(), apart.begin(), apart.end());
  return list;
}

std::int64_t BatchOrder::steps_per_epoch() const {
  return (count_ + batch_size_ - 1) / batch_size_;
}

std::vector<std::int64_t> BatchOrder::batch(std::int64_t step) const {
  const std::vector<std::int64_t> order = this->order(step / steps_per_epoch());
  const std::int64_t first = (step % steps_per_epoch()) * batch_size_;
  const std::int64_t last = std::min(first + batch_size_, count_);
  return {order.begin() + first, order.begin() + last};
}

std::vector<std::vector<std::int64_t>> BatchOrder::passes(std::vector<std::int64_t> batch) const {
  std::stable_sort(batch.begin(), batch.end(), [&](std::int64_t a, std::int64_t b) {
    return tokens_[static_cast<std::size_t>(a)] < tokens_[static_cast<std::size_t>(b)];
  });
  std::vector<std::vector<std::int64_t>> groups;
  std::int64_t tokens = 0;
  for (const std::int64_t member : batch) {
    const std::int64_t own = tokens_[static_cast<std::size_t>(member)];
    if (groups.empty() || tokens + own > microbatch_tokens_) {
      groups.emplace_back();
      tokens = 0;
    }
    groups.back().push_back(member);
    tokens += own;
  }
  return groups;
}

std::int64_t BatchOrder::halve_passes(const std::vector<std::int64_t>& batch) {
  std::int64_t largest = 0;
  for (const auto& group : passes(batch)) {
    std::int64_t tokens = 0;
    for (const std::int64_t member : group) tokens += tokens_[static_cast<std::size_t>(member)];
    largest = std::max(largest, tokens);
  }
  microbatch_tokens_ = std::max<std::int64_t>(1, largest / 2);
  return microbatch_tokens_;
}

}  // namespace factsweep
