// What the stages of a plan will take, in FLOP and bytes: estimates from numbers of texts, for the
// order of work and for `factsweep plan`.
#pragma once

#include "factsweep/deck/deck.hpp"
#include "factsweep/model/config.hpp"
#include "grid.hpp"

namespace factsweep::flearning {

double model_bytes(const Deck& deck, const ModelConfig& model);

/// FLOP of `epochs` of the section ("original", "forget", "learn") over the point's records.
double training_flop(const Deck& deck, const ModelConfig& model, const GridPoint& at,
                     const std::string& section, Tuning how);
/// Bytes of a process that trains, with the program itself but without the model's own bytes.
double training_memory(const Deck& deck, const ModelConfig& model, Tuning how);

double evaluation_flop(const ModelConfig& model, const GridPoint& at);
/// FLOP of forgetting at `tried` rates, and asking about locality at each.
double search_flop(const ModelConfig& model, const GridPoint& at, std::int64_t tried);
/// FLOP of the point's editor.
double editing_flop(const Deck& deck, const ModelConfig& model, const GridPoint& at);
/// FLOP of the keys of `layers` over edit.text_tokens, and of their products.
double second_moment_flop(const Deck& deck, const ModelConfig& model,
                          const std::vector<std::int64_t>& layers);

}  // namespace factsweep::flearning
