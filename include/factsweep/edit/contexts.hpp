// Texts to put before an edit's prompt, so that the value found fits more than one wording.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "factsweep/model/model.hpp"

namespace factsweep {

struct ContextLength {
  std::int64_t tokens = 0;  // special tokens and the first word included, as in EasyEdit
  std::int64_t count = 0;
};

/// "{}", which stands for the prompt alone, then for each length `count` texts "The ... . {}" that
/// the model samples itself (temperature 1, top-k 5), begun with "The", "Therefore", "Because", "I"
/// and "You" in turn. A pure function of model, lengths and seed. step(share done, tokens).
std::vector<std::string> sample_contexts(const Model& model,
                                         const std::vector<ContextLength>& lengths,
                                         std::uint64_t seed,
                                         const std::function<void(double, std::int64_t)>& step);

}  // namespace factsweep
