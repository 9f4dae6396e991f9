// GPT-2's reversible map of bytes to printable characters ("\n" <-> U+010A, " " <-> U+0120).
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace factsweep::text {

/// Appends each byte as its printable character (UTF-8, at most two bytes).
void append_bytes_as_characters(std::string_view bytes, std::string& out);

/// The bytes that `characters` stand for; nullopt when one of them stands for no byte.
std::optional<std::string> characters_to_bytes(std::string_view characters);

}  // namespace factsweep::text
