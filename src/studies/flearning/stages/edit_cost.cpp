#include "edit_cost.hpp"

#include <algorithm>

#include "factsweep/studies/support/memory.hpp"

namespace factsweep::flearning {
namespace {

constexpr double kFirstWords = 5;  // that contexts begin with: each is decoded on its own
/// What a pass that samples the next token of a sequence or two takes, measured: it reads all weights.
constexpr double kTokensOfSmallPass = 53;
/// What a step of a search takes of the time of its products at the rate of a training, measured:
/// they have few rows, and probabilities of the whole vocabulary come beside them.
constexpr double kSearchStep = 1.8;

/// Mean lengths of the texts of an edit, in tokens: up to the subject's last one, from it to the
/// last but one of the answer, and of the answer. And the longest of the second kind.
struct EditLengths {
  double before = 0, after = 0, answer = 0, longest = 1;
};

EditLengths lengths_of(std::span<const EditRecord> records, double tokens_per_character) {
  EditLengths lengths;
  const auto tokens = [&](std::size_t characters) {
    return static_cast<double>(characters) * tokens_per_character /
           static_cast<double>(records.size());
  };
  for (const EditRecord& record : records) {
    const std::size_t subject = place_of_subject(record),
                      end = subject == std::string::npos ? 0 : subject + record.subject.size();
    lengths.before += tokens(end);
    const double after = tokens(record.prompt.size() - end + record.target_new.size() + 1);
    lengths.after += after;
    lengths.longest = std::max(lengths.longest, after * static_cast<double>(records.size()));
    lengths.answer += tokens(record.target_new.size() + 1);
  }
  lengths.after = std::max(lengths.after, 1.0);
  lengths.answer = std::max(lengths.answer, 1.0);
  return lengths;
}

}  // namespace

Cost search_cost(const Draft& draft, const SearchWork& work) {
  const Deck& deck = draft.deck();
  const ModelConfig& model = draft.model();
  const auto wanted = static_cast<std::size_t>(deck.integer("edit.records"));
  const std::size_t edits = wanted > 0 ? std::min(wanted, draft.at.records) : draft.at.records;
  const EditLengths lengths = lengths_of(std::span(draft.corpus().records).first(edits),
                                         draft.tokens().per_character);

  double contexts = 1, tokens = 0, passes = 0, longest = 0;  // the prompt alone is the first
  for (const ContextLength& length : work.contexts) {
    contexts += static_cast<double>(length.count);
    tokens += static_cast<double>(length.count * length.tokens);
    passes += kFirstWords * static_cast<double>(length.tokens);
    longest = std::max(longest, static_cast<double>(length.tokens));
  }
  const double texts = contexts + 1;  // "{subject} is a"
  const double before = lengths.before + tokens / contexts;
  const double token = model.flop_per_token(), layer = token / static_cast<double>(model.layers);

  double looked_up = 0;
  for (const std::int64_t of : work.key_layers)
    looked_up += contexts * before * layer * static_cast<double>(of + 1);
  const double rows = texts * lengths.after, predicted = contexts * lengths.answer + 1;
  // forward, and back to the vector: no weight has a gradient
  const double step =
      2 * (rows * layer * static_cast<double>(model.layers - work.first_layer) +
           predicted * model.head_flop_per_token());
  const double each = texts * before * token + looked_up +
                      static_cast<double>(work.value.steps) * kSearchStep * step;

  const auto together =
      static_cast<double>(std::min(static_cast<std::int64_t>(edits), work.value.batch_requests));
  const double side = static_cast<double>(model.mlp_width);
  // nothing is trained but the vectors: what the backward pass reads is less than a training's
  const PassTexts after{.count = together * texts,
                        .tokens = together * rows,
                        .answers = together * predicted,
                        .longest = lengths.longest};
  const PassTexts front{
      .count = after.count, .tokens = after.count * before, .longest = lengths.before + longest};
  const double share =
      static_cast<double>(model.layers - work.first_layer) / static_cast<double>(model.layers);
  return {.flop = passes * kTokensOfSmallPass * token + static_cast<double>(edits) * each,
          .bytes = 8 * side * side * static_cast<double>(work.moments) +
                   share * activation_bytes(deck, model, draft.base().trained(deck), after) +
                   logit_bytes(model, after.answers) + asking_bytes(deck, model, front)};
}

Cost fine_tuning_cost(const Draft& draft, const FtSettings& settings) {
  const Deck& deck = draft.deck();
  const ModelConfig& model = draft.model();
  const std::int64_t lowest =
      settings.layers.empty() ? 0
                              : *std::min_element(settings.layers.begin(), settings.layers.end());
  const double share =
      static_cast<double>(model.layers - lowest) / static_cast<double>(model.layers);
  const PassTexts pass = draft.lengths().pass(static_cast<double>(settings.batch_size), kAllTexts);
  // six copies of each edited matrix in float32, and three in float64 while the bound is kept
  const double edited = (6 * 4 + 3 * 8) * static_cast<double>(settings.layers.size()) *
                        static_cast<double>(model.mlp_width * model.width);
  return {.flop = 3 * static_cast<double>(settings.epochs) * draft.forward_flop(),
          .bytes = edited +
                   share * activation_bytes(deck, model, draft.base().trained(deck), pass) +
                   logit_bytes(model, pass.answers)};
}

double comparison_bytes(const ModelConfig& model) {
  return 5 * 4 * static_cast<double>(model.vocabulary) * static_cast<double>(model.width);
}

}  // namespace factsweep::flearning
