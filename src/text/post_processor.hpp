// The `post_processor` of tokenizer.json: the special tokens around an encoded text.
#pragma once

#include <vector>

#include "component.hpp"
#include "factsweep/text/tokenizer.hpp"

namespace factsweep::text {

struct PostProcessor {
  std::vector<TokenId> before;
  std::vector<TokenId> after;
};

/// From the `post_processor` object. UnknownComponent names a type that is not implemented.
PostProcessor make_post_processor(const Component& description);

}  // namespace factsweep::text
