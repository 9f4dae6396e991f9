#include "sentencepiece_model.hpp"

#include <fmt/format.h>

#include <cstdint>
#include <optional>

#include "factsweep/core/error.hpp"

namespace factsweep::text {
namespace {

// field numbers of sentencepiece_model.proto
constexpr std::uint64_t kPieces = 1;
constexpr std::uint64_t kTrainerSpec = 2;
constexpr std::uint64_t kNormalizerSpec = 3;
constexpr std::uint64_t kAddDummyPrefix = 3;  // of NormalizerSpec

struct Field {
  std::uint64_t number = 0;
  std::uint64_t value = 0;     // of a varint
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
        take(4);
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

}  // namespace

SentencePieceModel SentencePieceModel::parse(std::string bytes, std::string_view file) {
  SentencePieceModel model{.bytes = std::move(bytes)};
  bool has_pieces = false;
  bool has_trainer = false;
  bool has_normalizer = false;
  WireReader reader(model.bytes);
  while (const auto field = reader.next()) {
    has_pieces |= field->number == kPieces;
    has_trainer |= field->number == kTrainerSpec;
    if (field->number != kNormalizerSpec) continue;
    has_normalizer = true;
    WireReader inner(field->content);
    while (const auto item = inner.next()) {
      if (item->number == kAddDummyPrefix) model.add_dummy_prefix = item->value != 0;
    }
  }
  // the two specs come after all pieces: a file cut between pieces reads well, but lacks them
  if (reader.damaged() || !has_pieces || !has_trainer || !has_normalizer) {
    throw InputError(fmt::format(
        "{}: damaged, truncated or not a SentencePiece model ({} bytes). Copy the file again.",
        file, model.bytes.size()));
  }
  return model;
}

std::string SentencePieceModel::without_dummy_prefix() const {
  // a message that occurs twice is merged by protobuf, so appending it changes this one value
  constexpr char kPatch[] = {kNormalizerSpec << 3 | 2, 2, kAddDummyPrefix << 3, 0};
  return bytes + std::string(kPatch, sizeof(kPatch));
}

}  // namespace factsweep::text
