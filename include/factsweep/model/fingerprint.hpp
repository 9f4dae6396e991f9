// Numbers that change when input files do: stages are keyed by them.
#pragma once

#include <filesystem>
#include <string>

namespace factsweep {

/// The fingerprint of a model directory: configuration and tokenizer whole, weights sampled,
/// because they may be terabytes.
std::string model_fingerprint(const std::filesystem::path& directory);
/// The fingerprint of a model's weights alone, sampled: what stored changes of weights belong to,
/// whatever becomes of the tokenizer's files.
std::string weights_fingerprint(const std::filesystem::path& directory);
/// The fingerprint of an encoder's directory: its folders for pooling and the like, too.
std::string encoder_fingerprint(const std::filesystem::path& directory);

/// Texts beside stored weights that say which model they belong to: its path as the deck has it,
/// and weights_fingerprint() of it.
inline constexpr const char* kBaseModel = "base_model";
inline constexpr const char* kBaseFingerprint = "base_fingerprint";

}  // namespace factsweep
