// The kinds of stages, a file each in this folder: how a plan gets them, and what they read of each
// other.
#pragma once

#include <cstdint>
#include <limits>
#include <vector>

#include "../draft.hpp"
#include "factsweep/stage/executor.hpp"

namespace factsweep::kshot {

extern const KindOf<Worker> kBank, kAdapter, kSimilarity, kSignals, kTest, kOwn, kBest, kSelect,
    kEmbed, kAugment, kTune;

/// What does not apply to a point.
inline constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

// Columns of one kind that another one reads.
inline const auto kCosine =
    shared(column<double>("/bank/similarity", {"adapter", "other"}, "1",
                          "mean cosine of the adapters' matrices A and B", "cos(E(m_i), E(m_j))"));
inline const auto kReasoningPerplexity =
    shared(column<float>("/signals/reasoning_perplexity", {"task", "draw", "adapter", "shot"}, "1",
                         "perplexity of the answer with its reasons", "PPL_R"));
inline const auto kShotRight =
    shared(column<std::uint8_t>("/signals/right", {"task", "draw", "adapter", "shot"}, "1",
                                "generated answer is right; 2: none was given"));
inline const auto kExperts = shared(column<std::int32_t>("/selection/adapter", {"point", "expert"},
                                                         "1", "selected experts: rows of /bank"));
inline const auto kDataRows = shared(column<std::int64_t>(
    "/selection/row", {"point", "sample"}, "1", "selected open data: examples of the task's pool"));
inline constexpr const char* kEmbedding = "embedding";  // an output: float32 [texts, width]

/// Every dataset that stages fill, and what is known of them before any work.
void declare_bank(Draft& draft);
void declare_similarity(Draft& draft);
void declare_signals(Draft& draft);
void declare_tests(Draft& draft);
void declare_selection(Draft& draft);
void declare_data(Draft& draft);
void declare_tuning(Draft& draft);

/// Stages of all adapters of the bank.
Bank add_bank(Draft& draft);
/// Of one that a user brings.
Upstream add_adapter(Draft& draft, std::size_t adapter);
Upstream add_similarity(Draft& draft);
/// A stage for each adapter, in the bank's order.
const std::vector<Upstream>& add_signals(Draft& draft, std::size_t task, std::int64_t draw);
/// `tested`: 0 is the base model, 1 + i adapter i of the bank, as /tests has them.
Upstream add_test(Draft& draft, std::size_t task, std::size_t tested);
Upstream add_own(Draft& draft, std::size_t task);
Upstream add_best(Draft& draft, std::size_t task);
/// A stage for each part of the pool.
const std::vector<Upstream>& add_pool_embeddings(Draft& draft, std::size_t pool);
Upstream add_shot_embeddings(Draft& draft, std::size_t task, std::int64_t draw);
// For a point, which gets its rows.
Upstream add_select(Draft& draft, const GridPoint& at, std::uint64_t point);
Upstream add_augment(Draft& draft, const GridPoint& at, std::uint64_t point);
Upstream add_tune(Draft& draft, const GridPoint& at, std::uint64_t point);

}  // namespace factsweep::kshot
