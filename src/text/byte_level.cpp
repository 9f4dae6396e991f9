#include "byte_level.hpp"

#include <array>

namespace factsweep::text {
namespace {

constexpr int kUsed = 0x144;  // the characters lie below this code point

struct Alphabet {
  std::array<std::string, 256> characters;
  std::array<int, kUsed> bytes;

  Alphabet() {
    bytes.fill(-1);
    int shifted = 0x100;
    for (int byte = 0; byte < 256; ++byte) {
      const bool printable = (byte >= '!' && byte <= '~') || (byte >= 0xa1 && byte <= 0xac) ||
                             (byte >= 0xae && byte <= 0xff);
      const int code = printable ? byte : shifted++;
      bytes[code] = byte;
      std::string& utf8 = characters[byte];
      if (code < 0x80) {
        utf8 = static_cast<char>(code);
      } else {
        utf8 = {static_cast<char>(0xc0 | code >> 6), static_cast<char>(0x80 | (code & 0x3f))};
      }
    }
  }
};

const Alphabet& alphabet() {
  static const Alphabet instance;
  return instance;
}

}  // namespace

void append_bytes_as_characters(std::string_view bytes, std::string& out) {
  const Alphabet& map = alphabet();
  for (const char byte : bytes) out += map.characters[static_cast<unsigned char>(byte)];
}

std::optional<std::string> characters_to_bytes(std::string_view characters) {
  const Alphabet& map = alphabet();
  std::string out;
  out.reserve(characters.size());
  for (std::size_t i = 0; i < characters.size(); ++i) {
    int code = static_cast<unsigned char>(characters[i]);
    if (code >= 0x80) {
      // all characters of the map have at most two bytes
      if ((code & 0xe0) != 0xc0 || i + 1 >= characters.size()) return std::nullopt;
      code = (code & 0x1f) << 6 | (static_cast<unsigned char>(characters[++i]) & 0x3f);
    }
    if (code >= kUsed || map.bytes[code] < 0) return std::nullopt;
    out += static_cast<char>(map.bytes[code]);
  }
  return out;
}

}  // namespace factsweep::text
