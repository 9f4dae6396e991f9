// Numbers that change when input files do: stages are keyed by them.
#pragma once

#include <filesystem>
#include <string>

namespace factsweep {

/// The fingerprint of a model directory: configuration and tokenizer whole, weights sampled,
/// because they may be terabytes.
std::string model_fingerprint(const std::filesystem::path& directory);
/// The fingerprint of an encoder's directory: its folders for pooling and the like, too.
std::string encoder_fingerprint(const std::filesystem::path& directory);

}  // namespace factsweep
