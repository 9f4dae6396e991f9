// The cases of tests/unit/edit/data: what tests/parity/edit_reference.py computed with tiny models.
#pragma once

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "factsweep/data/edits.hpp"
#include "factsweep/edit/second_moment.hpp"
#include "factsweep/edit/value_search.hpp"
#include "factsweep/model/work_state.hpp"
#include "tiny_model.hpp"

namespace factsweep::test {

/// Without the special tokens that PieceTokenizer adds.
class BarePieceTokenizer : public PieceTokenizer {
 public:
  using PieceTokenizer::PieceTokenizer;
  std::vector<TokenId> encode(std::string_view text, bool) const override {
    return PieceTokenizer::encode(text, false);
  }
};

/// No step of a computation is of interest.
inline void no_step(double, std::int64_t) {}

/// Of work that an earlier call has begun.
inline WorkKeeper going_on_from(const WorkState& state) {
  WorkKeeper keeper;
  keeper.take_up = [state](const std::function<void(const WorkState&)>& restore) {
    restore(state);
    return true;
  };
  return keeper;
}

inline nlohmann::json edit_cases() {
  return nlohmann::json::parse(read_file(model_data("../../edit/data/cases.json")));
}

inline std::vector<EditRecord> edit_records() {
  std::vector<EditRecord> records;
  const nlohmann::json cases = edit_cases();
  for (const auto& record : cases.at("records")) {
    records.push_back({});
    records.back().row = static_cast<std::int64_t>(records.size()) + 6;
    record.at("subject").get_to(records.back().subject);
    record.at("prompt").get_to(records.back().prompt);
    record.at("target_new").get_to(records.back().target_new);
  }
  return records;
}

inline std::vector<std::string> edit_contexts() {
  return edit_cases().at("contexts").get<std::vector<std::string>>();
}

inline ValueSettings value_settings(const nlohmann::json& value) {
  return {.learning_rate = value.at("learning_rate"),
          .steps = value.at("steps"),
          .stop_loss = value.at("stop_loss"),
          .weight_decay = value.at("weight_decay"),
          .kl_factor = value.at("kl_factor"),
          .clamp = value.at("clamp")};
}

/// A tiny model of one family with its references.
struct EditCase {
  explicit EditCase(const std::string& family, torch::Dtype dtype = torch::kFloat32)
      : name(family), reference(model_data("../../edit/data") / family / "reference.safetensors") {
    model.weights = Weights::load(model_data("../../edit/data") / family, dtype, test_device());
    const auto size = static_cast<std::size_t>(model.weights.config.vocabulary);
    if (family == "gpt2") {
      model.tokenizer = std::make_shared<BarePieceTokenizer>(size);
    } else {
      model.tokenizer = std::make_shared<PieceTokenizer>(size);
    }
  }
  torch::Tensor expected(const std::string& tensor) const { return reference.reader.view(tensor); }
  SecondMoments moments() const {
    SecondMoments found;
    for (std::int64_t layer = 0; layer < model.weights.config.layers; ++layer)
      found.by_layer[layer] = expected(fmt::format("moment.{}", layer)).clone();
    for (const auto& sequence : reference.sequences)
      found.tokens += static_cast<std::int64_t>(sequence.size());
    return found;
  }

  std::string name;
  Model model;
  Reference reference;
};

template <typename Visit>
void for_each_edit_case(Visit visit) {
  for (const char* family : {"llama", "gemma2", "gpt2", "gpt_neox"}) {
    INFO(family);
    visit(EditCase(family));
  }
}

/// Largest difference, as a share of the largest expected value.
inline double relative_error(const torch::Tensor& found, const torch::Tensor& expected) {
  REQUIRE(found.sizes() == expected.sizes());
  const torch::Tensor exact = expected.cpu().to(torch::kFloat64);
  return ((found.cpu().to(torch::kFloat64) - exact).abs().max() / exact.abs().max()).item<double>();
}

/// Whether every stored bit of two models is the same.
inline bool same_bits(const Weights& a, const Weights& b) {
  const std::vector<torch::Tensor> left = a.parameters(), right = b.parameters();
  for (std::size_t i = 0; i < left.size(); ++i) {
    if (!torch::equal(left[i], right[i])) return false;
  }
  return left.size() == right.size();
}

}  // namespace factsweep::test
