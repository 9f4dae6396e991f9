// The `pre_tokenizer` of tokenizer.json: cuts the text into the words that the model works within.
#pragma once

#include <memory>

#include "splitting.hpp"

namespace factsweep::text {

/// From the `pre_tokenizer` object. UnknownComponent names a type that is not implemented.
std::unique_ptr<PreTokenizer> make_pre_tokenizer(const Component& description);

}  // namespace factsweep::text
