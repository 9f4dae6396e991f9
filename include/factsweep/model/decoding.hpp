// Real decoding, greedy or sampled, with cached keys and values. Samples of a request that drew the
// same tokens share one forward pass. Draws come from a counter keyed by (request key, sample):
// neither batch shape nor rank matters.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "factsweep/model/model.hpp"

namespace factsweep {

struct DecodeSettings {
  std::int64_t max_new_tokens = 32;  // fewer where a model with learned positions has no more
  double temperature = 1;
  std::int64_t top_k = 40;  // 0: all tokens
  double top_p = 1;         // of the candidates the most likely ones whose shares reach it
  bool stop_at_newline = true;
  std::int64_t batch_rows = 256;  // forward rows a step
};

struct DecodeRequest {
  std::vector<TokenId> prompt;
  bool greedy = false;  // one greedy answer, before the samples
  std::int64_t samples = 0;
  std::uint64_t key = 0;
};

struct Decoded {
  std::vector<TokenId> ids;  // new tokens; the EOS that ended it is not among them
  std::string text;          // bytes of the new tokens
};

/// For each request: the greedy answer (when asked for), then the samples. `alive(request, text)` =
/// false ends an answer early, for callers that need to know no more of it; null: never.
std::vector<std::vector<Decoded>> decode(
    const Model& model, const std::vector<DecodeRequest>& requests, const DecodeSettings& settings,
    const std::function<bool(std::size_t, std::string_view)>& alive,
    const std::function<void(std::int64_t)>& step);

}  // namespace factsweep
