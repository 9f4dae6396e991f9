// The candidates block by block, and the best of them.
#pragma once

#include <algorithm>
#include <functional>
#include <limits>
#include <vector>

#include "scorer.hpp"

namespace factsweep {

struct Scored {
  std::int64_t index = 0;
  double score = 0;
};

inline bool better(const Scored& a, const Scored& b) {
  return a.score != b.score ? a.score > b.score : a.index < b.index;
}

/// The best `size` of all that were offered, in whatever order.
class Best {
 public:
  explicit Best(std::int64_t size) : size_(static_cast<std::size_t>(size)) {}
  void offer(const Scored& candidate) {
    if (heap_.size() == size_) {
      if (!better(candidate, heap_.front())) return;
      std::pop_heap(heap_.begin(), heap_.end(), better);
      heap_.back() = candidate;
    } else {
      heap_.push_back(candidate);
    }
    std::push_heap(heap_.begin(), heap_.end(), better);
  }
  /// What scores less is not among the best.
  double floor() const {
    return heap_.size() == size_ ? heap_.front().score : -std::numeric_limits<double>::infinity();
  }
  std::vector<Scored> sorted() const {
    std::vector<Scored> list = heap_;
    std::sort(list.begin(), list.end(), better);
    return list;
  }

 private:
  std::size_t size_;
  std::vector<Scored> heap_;  // the worst in front
};

/// One block of candidates: rough products with the shots, and exact ones for those that matter.
struct Block {
  std::int64_t first = 0;
  torch::Tensor rows_bD;      // on the source's device
  torch::Tensor products_bK;  // float64 of float32 products, on the CPU
  torch::Tensor lengths_b;    // squared, likewise

  struct Exact {
    std::vector<double> products;  // [K]
    double length = 0;
  };
  /// Exact values of the rows `places` of this block.
  std::vector<Exact> exact(const Shots& shots, const std::vector<std::int64_t>& places) const;
};

void for_each_block(const Shots& shots, const CandidateEmbeddings& candidates, std::int64_t rows,
                    const std::function<void(double)>& step,
                    const std::function<void(const Block&)>& visit);

/// The `count` best, the best first.
std::vector<Scored> best_by_score(const Shots& shots, const CandidateEmbeddings& candidates,
                                  const DataSettings& settings, std::int64_t count,
                                  const std::function<void(double)>& step);

/// Similarity::convex_hull: `count` points, and each one's candidate; the best score first.
std::vector<Scored> nearest_to_hull_points(const Shots& shots,
                                           const CandidateEmbeddings& candidates,
                                           const DataSettings& settings, std::int64_t count,
                                           const std::function<void(double)>& step);

}  // namespace factsweep
