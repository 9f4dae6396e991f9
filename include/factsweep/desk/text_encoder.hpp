// A sentence encoder at a desk: texts in, rows of numbers out. Nothing here needs torch's headers.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace factsweep {

class Encoder;

/// EmbedSettings (encoder/encoder.hpp) in words; absent: as the model's modules.json says.
struct TextEncoderSettings {
  std::optional<std::string> pooling;  // "cls" or "mean"
  std::optional<bool> normalize;
  std::int64_t batch_tokens = 0;
};

struct EmbeddedTexts {
  std::vector<float> rows;     // [text, width]
  std::int64_t truncated = 0;  // texts that were cut
};

class TextEncoder {
 public:
  /// `dtype`: "float32" or "bfloat16"; `device`: see choose_device(). Errors: see Encoder.
  TextEncoder(const std::string& directory, const std::string& dtype, const std::string& device);

  EmbeddedTexts embed(std::span<const std::string> texts,
                      const TextEncoderSettings& settings) const;
  std::int64_t width() const;
  std::int64_t longest() const;  // tokens of a text

 private:
  std::shared_ptr<const Encoder> encoder_;
};

}  // namespace factsweep
