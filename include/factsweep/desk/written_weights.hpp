// Weights that a sweep has stored, written as directories that other programs read. Nothing here
// needs torch's headers.
#pragma once

#include <string>

#include "factsweep/store/stored_weights.hpp"

namespace factsweep {

/// What stored weights are; `about` says so.
enum class WeightsKind { deltas, adapter, mixture };
WeightsKind kind_of(const StoredWeights& weights);
/// Why deltas are no adapter; empty: the sweep does not say.
std::string why_no_adapter(const StoredWeights& weights);

/// InputError: `model` is a model directory with other weights than those that the sweep changed.
/// `what`: what they are in the results `file`, for messages.
void check_base(const StoredWeights& weights, const std::string& model, const std::string& file,
                const std::string& what);

// In `dtype`: "float32" or "bfloat16". EnvironmentError: the directory cannot be written.
// InputError: it holds something else than what an earlier export of the same kind wrote.

/// A PEFT directory. `model` replaces the base model's path of the deck unless it is empty.
void write_peft(const StoredWeights& weights, const std::string& model, const std::string& dtype,
                const std::string& output);
/// A directory that LanguageModel takes as an adapter.
void write_experts(const StoredWeights& weights, const std::string& dtype,
                   const std::string& output);
/// The base model with the deltas added, or with the adapter merged into it. InputError: another
/// base model than that of the sweep.
void write_model(const StoredWeights& stored, const std::string& model, const std::string& dtype,
                 const std::string& output);

/// The dtype of a directory that write_model() wrote, by its config.json; empty: it is another's.
std::string exported_dtype(const std::string& model);

}  // namespace factsweep
