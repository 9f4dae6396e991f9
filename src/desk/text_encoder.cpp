#include "factsweep/desk/text_encoder.hpp"

#include "factsweep/encoder/encoder.hpp"
#include "factsweep/model/torch.hpp"
#include "factsweep/model/weights.hpp"

namespace factsweep {

TextEncoder::TextEncoder(const std::string& directory, const std::string& dtype,
                         const std::string& device)
    : encoder_(std::make_shared<const Encoder>(
          Encoder::load(directory, parse_dtype(dtype), torch::Device(device)))) {}

EmbeddedTexts TextEncoder::embed(std::span<const std::string> texts,
                                 const TextEncoderSettings& settings) const {
  EmbedSettings embedding{.normalize = settings.normalize, .batch_tokens = settings.batch_tokens};
  if (settings.pooling)
    embedding.pooling = *settings.pooling == "cls" ? Pooling::cls : Pooling::mean;
  const Embeddings found = encoder_->embed(texts, embedding);
  const torch::Tensor rows = found.rows_ND.to(torch::kCPU).contiguous();
  return {{rows.data_ptr<float>(), rows.data_ptr<float>() + rows.numel()}, found.truncated};
}

std::int64_t TextEncoder::width() const {
  return encoder_->width();
}

std::int64_t TextEncoder::longest() const {
  return encoder_->longest();
}

}  // namespace factsweep
