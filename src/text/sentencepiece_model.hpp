// What a tokenizer.model (the protobuf message ModelProto of SentencePiece) says.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace factsweep::text {

struct SentencePieceModel {
  enum class Kind { unigram = 1, bpe = 2, word = 3, character = 4 };
  enum class Type { normal = 1, unknown = 2, control = 3, user_defined = 4, unused = 5, byte = 6 };
  struct Piece {
    std::string text;
    float score = 0;
    Type type = Type::normal;
  };

  std::vector<Piece> pieces;
  // of the trainer
  Kind kind = Kind::unigram;
  bool byte_fallback = false;
  int unk_id = 0;
  std::string unk_piece = "<unk>";
  std::string bos_piece = "<s>";
  std::string eos_piece = "</s>";
  // of the normalizer
  std::string charsmap;
  bool add_dummy_prefix = true;          // a space before the text
  bool remove_extra_whitespaces = true;  // single spaces only, none at the ends

  /// InputError naming `file` when the bytes end too early or are no SentencePiece model.
  static SentencePieceModel parse(std::string_view bytes, std::string_view file);
};

}  // namespace factsweep::text
