#include "sentencepiece_model.hpp"

#include <fmt/format.h>

#include <bit>
#include <cmath>
#include <cstdint>
#include <optional>

#include "factsweep/core/error.hpp"
#include "unicode.hpp"

namespace factsweep::text {
namespace {

// field numbers of sentencepiece_model.proto
constexpr std::uint64_t kPieces = 1;
constexpr std::uint64_t kTrainerSpec = 2;
constexpr std::uint64_t kNormalizerSpec = 3;

struct Field {
  std::uint64_t number = 0;
  std::uint64_t value = 0;     // of a number
  std::string_view content{};  // of a message or string
};

/// Reads protobuf's wire format field by field; anything odd ends in `damaged`.
class WireReader {
 public:
  explicit WireReader(std::string_view bytes) : bytes_(bytes) {}
  bool damaged() const { return damaged_; }

  std::optional<Field> next() {
    if (bytes_.empty() || damaged_) return std::nullopt;
    const std::uint64_t tag = varint();
    Field field{.number = tag >> 3};
    switch (tag & 7) {
      case 0:
        field.value = varint();
        break;
      case 1:
        take(8);
        break;
      case 2:
        field.content = take(varint());
        break;
      case 5:
        field.value = fixed32();
        break;
      default:
        damaged_ = true;
    }
    if (damaged_) return std::nullopt;
    return field;
  }

 private:
  std::uint64_t varint() {
    std::uint64_t value = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      if (bytes_.empty()) break;
      const auto byte = static_cast<unsigned char>(bytes_[0]);
      bytes_.remove_prefix(1);
      value |= static_cast<std::uint64_t>(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    damaged_ = true;
    return 0;
  }
  std::uint32_t fixed32() {
    std::uint32_t value = 0;
    int shift = 0;
    for (const char c : take(4)) {
      value |= static_cast<std::uint32_t>(static_cast<unsigned char>(c)) << shift;
      shift += 8;
    }
    return value;
  }
  std::string_view take(std::uint64_t length) {
    if (length > bytes_.size()) {
      damaged_ = true;
      return {};
    }
    const std::string_view taken = bytes_.substr(0, length);
    bytes_.remove_prefix(length);
    return taken;
  }

  std::string_view bytes_;
  bool damaged_ = false;
};

/// Calls `visit` with each field of a message; false when the bytes are damaged.
template <typename Visit>
bool read_message(std::string_view bytes, Visit visit) {
  WireReader reader(bytes);
  while (const auto field = reader.next()) visit(*field);
  return !reader.damaged();
}

bool read_piece(std::string_view bytes, SentencePieceModel::Piece& piece) {
  bool known_type = true;
  const bool whole = read_message(bytes, [&](const Field& field) {
    if (field.number == 1) piece.text = field.content;
    if (field.number == 2) {
      piece.score = std::bit_cast<float>(static_cast<std::uint32_t>(field.value));
    }
    if (field.number == 3) {
      known_type &= field.value >= 1 && field.value <= 6;
      piece.type = static_cast<SentencePieceModel::Type>(field.value);
    }
  });
  return whole && known_type && is_valid_utf8(piece.text) && !std::isnan(piece.score);
}

bool read_trainer(std::string_view bytes, SentencePieceModel& model) {
  bool known_kind = true;
  const bool whole = read_message(bytes, [&](const Field& field) {
    switch (field.number) {
      case 3:
        known_kind &= field.value >= 1 && field.value <= 4;
        model.kind = static_cast<SentencePieceModel::Kind>(field.value);
        break;
      case 35:
        model.byte_fallback = field.value != 0;
        break;
      case 40:
        model.unk_id = static_cast<int>(field.value);
        break;
      case 45:
        model.unk_piece = field.content;
        break;
      case 46:
        model.bos_piece = field.content;
        break;
      case 47:
        model.eos_piece = field.content;
        break;
      default:
        break;
    }
  });
  return whole && known_kind && is_valid_utf8(model.unk_piece) && is_valid_utf8(model.bos_piece) &&
         is_valid_utf8(model.eos_piece);
}

bool read_normalizer(std::string_view bytes, SentencePieceModel& model) {
  return read_message(bytes, [&](const Field& field) {
    if (field.number == 2) model.charsmap = field.content;
    if (field.number == 3) model.add_dummy_prefix = field.value != 0;
    if (field.number == 4) model.remove_extra_whitespaces = field.value != 0;
  });
}

}  // namespace

SentencePieceModel SentencePieceModel::parse(std::string_view bytes, std::string_view file) {
  SentencePieceModel model;
  bool has_trainer = false;
  bool has_normalizer = false;
  bool good = true;
  good &= read_message(bytes, [&](const Field& field) {
    if (field.number == kPieces) {
      good &= read_piece(field.content, model.pieces.emplace_back());
    } else if (field.number == kTrainerSpec) {
      has_trainer = true;
      good &= read_trainer(field.content, model);
    } else if (field.number == kNormalizerSpec) {
      has_normalizer = true;
      good &= read_normalizer(field.content, model);
    }
  });
  // the two specs come after all pieces: a file cut between pieces reads well, but lacks them
  if (!good || model.pieces.empty() || !has_trainer || !has_normalizer) {
    throw InputError(fmt::format(
        "{}: damaged, truncated or not a SentencePiece model ({} bytes). Copy the file again.",
        file, bytes.size()));
  }
  return model;
}

}  // namespace factsweep::text
