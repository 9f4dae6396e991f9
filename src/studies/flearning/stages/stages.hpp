// The kinds of stages, a file each in this folder: how a plan gets them, and what they read of each
// other.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "factsweep/edit/second_moment.hpp"
#include "factsweep/stage/executor.hpp"
#include "ground.hpp"

namespace factsweep::flearning {

extern const KindOf<Worker> kOriginal, kDelta, kSearch, kForget, kLearn, kSecondMoment, kEdit;

/// ability.* go by these keys of the study.
inline constexpr AbilityKeys kAbilityKeys = {"data.seed", "flearning.batch_tokens",
                                             "data.bad_records"};

// Columns of one kind that another one reads, or fills too.
inline const auto kLocality =
    column<std::int32_t>("/tuning/{key}/locality_predicted", {"record", "token"}, "1",
                         "most likely tokens of the unrelated questions' answers; -1: none");
inline const auto kLambda = shared(column<double>("/search/{key}/lambda", {"one"}, "1",
                                                  "largest rate of forgetting found", "lambda"));
inline const auto kLearnNorm =
    column<float>("/norms/learn", {"point", "layer", "module"}, "1",
                  "L2 norm of a matrix's change by learning or editing", "||theta* - theta'||");

/// What some points have rows of: those that forget or learn.
std::vector<AnyColumn> tuning_columns();

/// The model that knows the old answers, from which every method starts. Its point, where there is
/// one, is what the others are compared with.
Upstream add_original(const Draft& draft);
/// theta_delta_old, by the way in which the point's method forgets.
Upstream add_delta(const Draft& draft, Upstream original);
Upstream add_search(const Draft& draft, Upstream original, const Forgetting& forgetting);
Upstream add_second_moment(const Draft& draft, Upstream original,
                           const std::vector<std::int64_t>& layers);
// The point's leaf, and what it stands on.
Upstream add_tune(const Draft& draft, Upstream original);
Upstream add_edit(const Draft& draft, Upstream original);

/// Layers that `method` edits, where it edits some.
std::vector<std::int64_t> edited_layers(const Deck& deck, const std::string& method,
                                        const std::string& preset);
/// Layers whose keys' second moment `method` reads, ascending; empty: none.
std::vector<std::int64_t> second_moment_layers(const Deck& deck, const std::string& method,
                                               const std::string& preset);
/// What a stage of second moments has left of these layers, whose MLP has `side` inputs.
SecondMoments stored_moments(StageRun& run, Upstream stage, const std::vector<std::int64_t>& layers,
                             std::int64_t side);

}  // namespace factsweep::flearning
