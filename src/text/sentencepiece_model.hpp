// The few facts of a tokenizer.model (a protobuf message) that libsentencepiece does not tell.
#pragma once

#include <string>
#include <string_view>

namespace factsweep::text {

struct SentencePieceModel {
  std::string bytes;
  bool add_dummy_prefix = true;  // a space before the text

  /// InputError naming `file` when the bytes end too early or are no SentencePiece model.
  static SentencePieceModel parse(std::string bytes, std::string_view file);

  /// The same model without the space before the text.
  std::string without_dummy_prefix() const;
};

}  // namespace factsweep::text
