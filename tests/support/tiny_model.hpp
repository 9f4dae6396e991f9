// A two-layer random model with reference outputs (tests/unit/model/data), a toy tokenizer whose
// pieces overlap, and a temporary folder: what the tests of model, label and train share.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "factsweep/core/error.hpp"
#include "factsweep/core/file.hpp"
#include "factsweep/model/model.hpp"
#include "factsweep/model/torch.hpp"

namespace factsweep::test {

inline std::filesystem::path model_data(const std::string& name) {
  const char* source = std::getenv("FACTSWEEP_SOURCE");
  require(source != nullptr, "FACTSWEEP_SOURCE must name the repository's root");
  return std::filesystem::path(source) / "tests/unit/model/data" / name;
}

/// Where models are loaded and tensors made: FACTSWEEP_TEST_DEVICE ("cuda"), else the CPU.
inline torch::Device test_device() {
  const char* name = std::getenv("FACTSWEEP_TEST_DEVICE");
  return torch::Device(name == nullptr ? "cpu" : name);
}

/// A tensor on test_device().
inline torch::Tensor placed(const torch::Tensor& tensor) {
  return tensor.to(test_device());
}

class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "factsweep-test-XXXXXX").string();
    require(mkdtemp(name.data()) != nullptr, "no temporary folder");
    path_ = name;
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path operator/(const std::string& name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

/// The message of the InputError that `work` throws; empty when it throws none.
template <typename Work>
std::string input_error(Work work) {
  try {
    work();
  } catch (const InputError& error) {
    return error.what();
  }
  return "";
}

/// 64 pieces, or more for other tiny models: 0 unknown, 1 BOS, 2 EOS (no bytes), then pieces that
/// overlap so that one answer has many spellings (several ids even spell the same), then single
/// characters.
class PieceTokenizer : public Tokenizer {
 public:
  explicit PieceTokenizer(std::size_t size = 64) {
    pieces_ = {"",  "",    "",  "\n", " ", "a", "b", "ab", "ba", " a", " b",
               "A", "the", ".", " ",  "a", "b", " ", "ab", "\n", "b\n"};
    for (const char c : std::string_view("Q:?BcdefghijklmnopqrstuvwxyzCDEFGHIJKLMNOP0")) {
      pieces_.emplace_back(1, c);
    }
    require(pieces_.size() == 64, "PieceTokenizer: one piece for each id of the tiny model");
    while (pieces_.size() < size) pieces_.push_back(fmt::format("<{}>", pieces_.size()));
  }
  /// Longest piece first, the lowest id of equal ones; an unknown byte is id 0.
  std::vector<TokenId> encode(std::string_view text, bool with_special = false) const override {
    std::vector<TokenId> ids;
    if (with_special) ids.push_back(1);
    while (!text.empty()) {
      std::size_t best = 0;
      for (std::size_t id = 3; id < pieces_.size(); ++id) {
        if (text.starts_with(pieces_[id]) && pieces_[id].size() > pieces_[best].size()) best = id;
      }
      ids.push_back(static_cast<TokenId>(best));
      text.remove_prefix(std::max<std::size_t>(pieces_[best].size(), 1));
    }
    return ids;
  }
  std::string decode(std::span<const TokenId> ids) const override {
    std::string text;
    for (const TokenId id : ids) text += piece(id);
    return text;
  }
  std::string_view piece(TokenId id) const override {
    return pieces_.at(static_cast<std::size_t>(id));
  }
  std::int32_t size() const override { return static_cast<std::int32_t>(pieces_.size()); }
  std::optional<TokenId> bos() const override { return 1; }
  std::optional<TokenId> eos() const override { return 2; }
  bool is_special(TokenId id) const override { return id < 3; }

 private:
  std::vector<std::string> pieces_;
};

/// The weights on test_device().
inline Weights placed(const Weights& weights) {
  const TemporaryFolder folder;
  weights.save(folder.path());
  return Weights::load(folder.path(), weights.embedding.scalar_type(), test_device());
}

inline Model tiny_model(const std::string& name = "llama-tied") {
  return {Weights::load(model_data(name), torch::kFloat32, test_device()),
          std::make_shared<PieceTokenizer>(),
          {2}};
}

/// reference.safetensors: what transformers and torch computed for three sequences.
struct Reference {
  explicit Reference(const std::string& name)
      : Reference(model_data(name) / "reference.safetensors") {}
  explicit Reference(const char* name) : Reference(std::string(name)) {}
  explicit Reference(const std::filesystem::path& file) : reader(file) {
    const torch::Tensor tokens = reader.view("tokens"), lengths = reader.view("lengths");
    const std::int64_t* next = tokens.data_ptr<std::int64_t>();
    for (std::int64_t b = 0; b < lengths.numel(); ++b) {
      const std::int64_t length = lengths[b].item<std::int64_t>();
      sequences.emplace_back(next, next + length);
      next += length;
    }
  }
  SafetensorsReader reader;
  std::vector<std::vector<TokenId>> sequences;
};

/// Logits of the token after each sequence, from one plain forward pass without any cache.
inline std::vector<std::vector<float>> next_logits(
    const Weights& weights, const std::vector<std::vector<TokenId>>& sequences) {
  torch::NoGradGuard no_grad;
  std::vector<std::vector<float>> result;
  constexpr std::size_t kRows = 512;
  for (std::size_t begin = 0; begin < sequences.size(); begin += kRows) {
    const auto part =
        std::span(sequences).subspan(begin, std::min(kRows, sequences.size() - begin));
    const std::int64_t start = 0;
    const PackedTokens packed = PackedTokens::pack(part, {&start, 1}, test_device());
    const torch::Tensor all = logits(weights, hidden_states(weights, packed)).contiguous().cpu();
    for (std::size_t b = 0; b < part.size(); ++b) {
      const float* row = all.data_ptr<float>() + (packed.starts[b + 1] - 1) * all.size(1);
      result.emplace_back(row, row + all.size(1));
    }
  }
  return result;
}

/// The k largest scores by a full sort (ties: the lower id first) and their softmax.
inline std::vector<std::pair<TokenId, double>> naive_top_k(const std::vector<float>& scores,
                                                           std::int64_t k, double temperature) {
  std::vector<TokenId> order(scores.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(),
                   [&](TokenId a, TokenId b) { return scores[a] > scores[b]; });
  order.resize(std::min(order.size(), static_cast<std::size_t>(k)));
  double total = 0;
  std::vector<std::pair<TokenId, double>> chosen;
  for (const TokenId id : order) {
    chosen.emplace_back(id, std::exp((scores[id] - scores[order.front()]) / temperature));
    total += chosen.back().second;
  }
  for (auto& [id, p] : chosen) p /= total;
  return chosen;
}

}  // namespace factsweep::test
