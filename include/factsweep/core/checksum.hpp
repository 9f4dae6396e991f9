// A checksum of bytes that have been on a disk: fast enough for weights, stable across platforms of
// one byte order and across versions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace factsweep {

/// Whatever changes within eight bytes, as a flipped bit, changes it for certain; anything else all
/// but certainly.
std::uint64_t checksum(std::span<const std::byte> bytes);

}  // namespace factsweep
