// Sentence embeddings by bidirectional encoders (BERT, RoBERTa, XLM-RoBERTa, MPNet), as
// sentence-transformers computes them from the same folder: tokenizer, transformer, pooling,
// normalisation. docs/encoders.md
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>

namespace factsweep {

/// What of the last layer stands for the text: the first token's state, or the mean of all tokens'
/// ([CLS] and [SEP] included, as in sentence-transformers).
enum class Pooling { cls, mean };

struct EmbedSettings {
  std::optional<Pooling> pooling;  // absent: as the model's modules.json says
  std::optional<bool> normalize;   // to length 1; absent: as modules.json says, else off
  std::int64_t batch_tokens = 0;   // tokens of a forward pass, memory grows with it; 0: what suits
                                   // the device. A longer text is a batch of its own.
};

struct Embeddings {
  torch::Tensor rows_ND;       // float32, on the encoder's device; row i is text i
  std::int64_t truncated = 0;  // texts that were cut
};

/// A loaded model. Copies share the weights. Not for several threads at once: see Tokenizer.
class Encoder {
 public:
  /// Reads a Hugging Face folder (config.json, safetensors, tokenizer) and what
  /// sentence-transformers keeps beside it, where it is there: modules.json, pooling,
  /// sentence_bert_config.json, the default prompt. `dtype` is float32 or bfloat16. InputError: a
  /// file missing or damaged, an architecture, value or module that is not supported (says what
  /// is), a tensor missing, left over or of another shape.
  static Encoder load(const std::filesystem::path& directory, torch::Dtype dtype,
                      torch::Device device);

  /// InputError, as load() and embed() would have it: config.json is no encoder's, or no
  /// modules.json says the pooling. Reads no weights.
  static void check(const std::filesystem::path& directory);

  /// Texts of any lengths, in any order: sorted by length and batched inside, without padding. A
  /// row does not depend on the other texts but for rounding in the last bits. A text longer than
  /// longest() loses its end, not its special tokens. InputError: no pooling in `settings` nor in
  /// the folder, negative batch_tokens, an embedding that is not finite.
  Embeddings embed(std::span<const std::string> texts, const EmbedSettings& settings = {}) const;

  std::int64_t width() const;    // D
  std::int64_t longest() const;  // tokens of a text at most, special tokens included
  torch::Device device() const;

 private:
  struct Parts;
  explicit Encoder(std::shared_ptr<const Parts> parts) : parts_(std::move(parts)) {}
  std::shared_ptr<const Parts> parts_;
};

}  // namespace factsweep
