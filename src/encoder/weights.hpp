// The tensors of an encoder, fused for speed.
//
// Shapes: V vocabulary, D width, F MLP width, P rows of the position table, H heads.
#pragma once

#include <torch/types.h>

#include <filesystem>
#include <vector>

#include "config.hpp"
#include "factsweep/model/weights.hpp"

namespace factsweep::encoder {

struct Layer {
  Linear qkv;       // [3D, D] query, key, value on top of each other
  Linear mixed;     // [D, D] after attention
  Norm mixed_norm;  // of the sum of that and its input
  Linear up, down;  // [F, D], [D, F]
  Norm norm;
};

struct EncoderWeights {
  Config config;
  torch::Tensor words;      // [V, D]
  torch::Tensor positions;  // [P, D], token type 0 added: a single text has no other
  Norm norm;
  std::vector<Layer> layers;
  torch::Tensor relative_bias;  // [kRelativeBuckets, H]; undefined where the family has none

  /// InputError: see Config::read and SafetensorsReader; also a tensor that is missing, of another
  /// shape, or left over. Poolers, heads and position_ids buffers do not count.
  static EncoderWeights load(const std::filesystem::path& directory, torch::Dtype dtype,
                             torch::Device device);
};

}  // namespace factsweep::encoder
