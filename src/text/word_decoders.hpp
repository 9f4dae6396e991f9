// Decoders of models whose tokens mark the edges of words: WordPiece ("##ing"), the first BPE
// models
// ("ing</w>"), and CTC (speech, where tokens repeat).
#pragma once

#include <memory>
#include <string>

#include "decoder.hpp"

namespace factsweep::text {

/// Null where `type` is none of WordPiece, BPEDecoder, CTC.
std::unique_ptr<DecoderStep> make_word_decoder(const std::string& type,
                                               const Component& description);

}  // namespace factsweep::text
