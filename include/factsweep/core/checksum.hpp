// A checksum of bytes that have been on a disk.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace factsweep {

/// zlib's CRC-32. `before`: that of the bytes in front of these.
std::uint32_t checksum(std::span<const std::byte> bytes, std::uint32_t before = 0);

}  // namespace factsweep
