// The `pre_tokenizer` of tokenizer.json: cuts the text into the words that the model merges within.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "component.hpp"

namespace factsweep::text {

struct Word {
  std::string text;
  bool at_start = false;  // the first of the whole text
};

class PreTokenizer {
 public:
  virtual ~PreTokenizer() = default;
  /// Cuts the words further.
  virtual void apply(std::vector<Word>& words) const = 0;
};

/// From the `pre_tokenizer` object. UnknownComponent names a type that is not implemented.
std::unique_ptr<PreTokenizer> make_pre_tokenizer(const Component& description);

}  // namespace factsweep::text
