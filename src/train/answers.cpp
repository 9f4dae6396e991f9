#include "answers.hpp"
#include "factsweep/model/torch.hpp"

namespace factsweep {

StepLoss AnswerBatch::add(const std::vector<Example>& examples,
                          std::span<const std::int64_t> members) {
  StepLoss size;
  for (const std::int64_t member : members) {
    const Example& example = examples[static_cast<std::size_t>(member)];
    std::vector<TokenId> sequence = example.prompt;
    sequence.insert(sequence.end(), example.answer.begin(), example.answer.end() - 1);
    const auto length = static_cast<std::int64_t>(sequence.size());
    const auto answer = static_cast<std::int64_t>(example.answer.size());
    tokens_ += length;
    for (std::int64_t row = tokens_ - answer; row < tokens_; ++row) rows_.push_back(row);
    targets_.insert(targets_.end(), example.answer.begin(), example.answer.end());
    sequences_.push_back(std::move(sequence));
    size.add({0, answer, length});
  }
  return size;
}

torch::Tensor AnswerBatch::losses(
    const Weights& model, const std::function<torch::Tensor(const torch::Tensor&)>& drop) const {
  const torch::Device device = model.embedding.device();
  const std::int64_t start = 0;
  const PackedTokens packed = PackedTokens::pack(sequences_, {&start, 1}, device);
  const torch::Tensor hidden_RD =
      hidden_states(model, packed, {.rows_R = torch::tensor(rows_).to(device), .drop = drop});
  return cross_entropy(model, hidden_RD, torch::tensor(targets_).to(device));
}

}  // namespace factsweep
