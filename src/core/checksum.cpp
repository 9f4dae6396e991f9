#include "factsweep/core/checksum.hpp"

#include <zlib.h>

namespace factsweep {

std::uint32_t checksum(std::span<const std::byte> bytes, std::uint32_t before) {
  if (bytes.empty()) return before;  // which may have no address: zlib takes that for a reset
  return static_cast<std::uint32_t>(
      crc32_z(before, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size()));
}

}  // namespace factsweep
