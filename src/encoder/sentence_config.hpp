// What sentence-transformers keeps beside a model: which modules follow the transformer, how long a
// text may be, the prompt in front of every text.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "factsweep/encoder/encoder.hpp"

namespace factsweep::encoder {

struct SentenceConfig {
  std::filesystem::path transformer;  // folder of config.json, weights and tokenizer
  std::optional<Pooling> pooling;
  std::int64_t pooled_width = 0;  // as the pooling's file says; 0: it says nothing
  bool normalize = false;
  std::optional<std::int64_t> max_tokens;  // special tokens included
  std::string prompt;

  /// A folder without modules.json is its own transformer, without pooling. InputError: a malformed
  /// file, a module or value that is not supported (says what is).
  static SentenceConfig read(const std::filesystem::path& directory);
};

}  // namespace factsweep::encoder
