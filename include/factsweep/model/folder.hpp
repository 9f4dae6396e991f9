// A model's folder, looked into without reading its weights.
#pragma once

#include <filesystem>

namespace factsweep {

/// Whether it has safetensors, or an index of them.
bool has_weights(const std::filesystem::path& folder);

/// InputError: what Weights::load() refuses before it reads any tensor.
void check_weights(const std::filesystem::path& folder);

}  // namespace factsweep
