// Files in which a stage keeps what it has done: safetensors whose last tensor, "checksum", is a
// CRC-32 of all before it. A flipped bit would otherwise be a wrong result of a run that ends with
// exit code 0.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>

#include "factsweep/model/safetensors.hpp"

namespace factsweep {

/// As write_safetensors(), with the checksum. No tensor of the caller is called "checksum".
void write_checkpoint_file(const std::filesystem::path& file, const NamedTensors& tensors,
                           const std::map<std::string, std::string>& metadata);

/// Nothing when there is no such file. InputError (file, what is wrong): torn, changed since it was
/// written, or without a checksum. What it held is then computed again.
std::optional<SafetensorsReader> open_checkpoint_file(const std::filesystem::path& file);

/// Renames a checkpoint that cannot be taken up, in place of an earlier one, so that it can still be
/// looked into when the next one is written: FILE.refused. Returns where it is now.
std::string put_aside(const std::filesystem::path& file);

}  // namespace factsweep
