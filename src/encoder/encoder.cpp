#include "factsweep/encoder/encoder.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <vector>

#include "factsweep/core/error.hpp"
#include "factsweep/model/staging.hpp"
#include "factsweep/model/tokenizer_rows.hpp"
#include "factsweep/model/torch.hpp"
#include "factsweep/text/tokenizer.hpp"
#include "forward.hpp"
#include "sentence_config.hpp"
#include "weights.hpp"

namespace factsweep {
namespace fs = std::filesystem;
using torch::Tensor;

namespace {

/// Special tokens around every text.
struct Frame {
  std::int64_t before = 0, after = 0;
};

Frame find_frame(const Tokenizer& tokenizer, const fs::path& directory) {
  const std::string probe = "a";
  const std::vector<TokenId> bare = tokenizer.encode(probe), whole = tokenizer.encode(probe, true);
  const auto found = std::search(whole.begin(), whole.end(), bare.begin(), bare.end());
  const auto before = found - whole.begin();
  const auto after = whole.end() - found - static_cast<std::ptrdiff_t>(bare.size());
  if (found == whole.end() || before + after == 0) {
    throw InputError(
        fmt::format("{}: the tokenizer puts no special tokens around a text, so an empty one would "
                    "have no embedding. tokenizer.json needs the post_processor of its model.",
                    directory.string()));
  }
  return {before, after};
}

/// Cuts the end of a text that is too long, in front of its closing special tokens.
bool truncate(std::vector<TokenId>& ids, std::int64_t longest, const Frame& frame) {
  if (static_cast<std::int64_t>(ids.size()) <= longest) return false;
  ids.erase(ids.begin() + longest - frame.after, ids.end() - frame.after);
  return true;
}

Pooling choose_pooling(const EmbedSettings& settings, const encoder::SentenceConfig& sentence) {
  if (settings.pooling) return *settings.pooling;
  if (sentence.pooling) return *sentence.pooling;
  throw InputError(fmt::format(
      "{}: no modules.json says how token states become one vector, cls or mean; the model's card "
      "does. `factsweep embed` takes --pooling; or let sentence-transformers write a folder that "
      "says it: SentenceTransformer(modules=[t := models.Transformer(FOLDER), "
      "models.Pooling(t.get_word_embedding_dimension(), \"cls\")]).save(OTHER).",
      sentence.transformer.string()));
}

/// What does not fit into memory fails at once.
std::vector<std::int64_t> longest_first(const std::vector<std::vector<TokenId>>& ids) {
  std::vector<std::int64_t> order(ids.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(),
                   [&](auto a, auto b) { return ids[a].size() > ids[b].size(); });
  return order;
}

/// The texts from order[begin] on that `room` tokens hold; at least one.
std::vector<std::int64_t> fill_batch(const std::vector<std::vector<TokenId>>& ids,
                                     const std::vector<std::int64_t>& order, std::size_t begin,
                                     std::int64_t room) {
  std::vector<std::int64_t> places;
  for (std::size_t i = begin; i < order.size(); ++i) {
    room -= static_cast<std::int64_t>(ids[order[i]].size());
    if (room < 0 && !places.empty()) break;
    places.push_back(order[i]);
  }
  return places;
}

/// Enough rows to keep a device busy; more would leave the caches of a CPU.
std::int64_t default_batch_tokens(torch::Device device) {
  return device.is_cpu() ? 2048 : 65536;
}

}  // namespace

struct Encoder::Parts {
  encoder::SentenceConfig sentence;
  encoder::EncoderWeights weights;
  std::shared_ptr<const Tokenizer> tokenizer;
  Frame frame;
  std::int64_t longest = 0;
};

Encoder Encoder::load(const fs::path& directory, torch::Dtype dtype, torch::Device device) {
  auto parts = std::make_shared<Parts>();
  parts->sentence = encoder::SentenceConfig::read(directory);
  const fs::path& folder = parts->sentence.transformer;
  parts->weights = encoder::EncoderWeights::load(folder, dtype, device);
  const encoder::Config& config = parts->weights.config;
  parts->tokenizer = within_rows(Tokenizer::load(folder), config.vocabulary, folder);
  if (parts->sentence.pooled_width != 0 && parts->sentence.pooled_width != config.width) {
    throw InputError(fmt::format(
        "{}: pooling of vectors of {} numbers, but 'hidden_size' in config.json is {}.",
        (directory / "modules.json").string(), parts->sentence.pooled_width, config.width));
  }
  parts->frame = find_frame(*parts->tokenizer, folder);
  parts->longest =
      std::min(config.positions(), parts->sentence.max_tokens.value_or(config.positions()));
  if (parts->longest <= parts->frame.before + parts->frame.after) {
    throw InputError(
        fmt::format("{}: texts of at most {} tokens have room for special tokens only.",
                    folder.string(), parts->longest));
  }
  return Encoder(std::move(parts));
}

void Encoder::check(const fs::path& directory) {
  const auto sentence = encoder::SentenceConfig::read(directory);
  encoder::Config::read(sentence.transformer);
  choose_pooling({}, sentence);
}

Embeddings Encoder::embed(std::span<const std::string> texts, const EmbedSettings& settings) const {
  const Pooling pooling = choose_pooling(settings, parts_->sentence);
  if (settings.batch_tokens < 0)
    throw InputError(fmt::format("batch_tokens = {} must not be negative.", settings.batch_tokens));
  torch::NoGradGuard no_grad;
  Embeddings result;
  result.rows_ND = torch::empty({static_cast<std::int64_t>(texts.size()), width()},
                                torch::TensorOptions().dtype(torch::kFloat32).device(device()));
  std::vector<std::vector<TokenId>> ids;
  ids.reserve(texts.size());
  for (const std::string& text : texts) {
    ids.push_back(parts_->tokenizer->encode(parts_->sentence.prompt + text, true));
    result.truncated += truncate(ids.back(), parts_->longest, parts_->frame) ? 1 : 0;
  }
  const std::int64_t room =
      settings.batch_tokens > 0 ? settings.batch_tokens : default_batch_tokens(device());
  const std::vector<std::int64_t> order = longest_first(ids);
  for (std::size_t begin = 0; begin < order.size();) {
    const std::vector<std::int64_t> places = fill_batch(ids, order, begin, room);
    std::vector<const std::vector<TokenId>*> sequences;
    for (const std::int64_t place : places) sequences.push_back(&ids[place]);
    const auto batch = encoder::Batch::pack(sequences, parts_->weights.config, device());
    result.rows_ND.index_copy_(0, staged(places, device()),
                               encoder::pooled_states(parts_->weights, batch, pooling));
    begin += places.size();
  }
  if (!result.rows_ND.isfinite().all().item<bool>()) {
    throw InputError(
        fmt::format("{}: an embedding is not finite: the weights hold nan or infinity.",
                    parts_->sentence.transformer.string()));
  }
  if (settings.normalize.value_or(parts_->sentence.normalize))
    result.rows_ND.div_(result.rows_ND.norm(2, 1, /*keepdim=*/true).clamp_min_(1e-12));
  return result;
}

std::int64_t Encoder::width() const {
  return parts_->weights.config.width;
}

std::int64_t Encoder::longest() const {
  return parts_->longest;
}

torch::Device Encoder::device() const {
  return parts_->weights.words.device();
}

}  // namespace factsweep
