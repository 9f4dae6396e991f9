// Stage "second_moment": second moments of the keys of MLP output matrices over a text, which tell
// ROME and MEMIT what other facts ask of a layer.
#include <fmt/format.h>

#include <algorithm>

#include "factsweep/data/texts.hpp"
#include "factsweep/model/tensors.hpp"
#include "factsweep/model/torch.hpp"
#include "factsweep/studies/support/memory.hpp"
#include "factsweep/studies/support/training_options.hpp"
#include "stages.hpp"

namespace factsweep::flearning {
namespace {

constexpr std::int64_t kLongestText = 1024;  // tokens; longer ones are cut

const auto kTokens =
    shared(column<std::int64_t>("/tuning/{key}/tokens", {"one"}, "tokens",
                                "tokens of text whose keys the second moments are of"));

std::string output_of(std::int64_t layer) {
  return fmt::format("layer{}", layer);
}

struct SecondMoment : Ground {
  static constexpr const char* kind = "second_moment";

  std::string text, path;  // edit.text: a hash of what is in it, and where it is
  std::vector<std::int64_t> layers;

  static void fields(auto& self, auto&& field) {
    Ground::fields(self, field);
    field("text", self.text);
    field.local("path", self.path);
    field("layers", self.layers);
  }
  std::vector<std::string> deck_keys() const {
    return {"model.dtype", "flearning.batch_tokens", "edit.text_tokens"};
  }

  void run(Worker& worker, StageRun& run) const {
    const Deck& deck = run.deck();
    Model model = worker.use(directory);
    const std::vector<WeightTerm> terms = start_terms(run, *this, model.weights);
    add_terms(model.weights, terms);
    const auto wanted = static_cast<std::size_t>(deck.integer("edit.text_tokens"));
    const ModelConfig& config = model.weights.config;
    const auto longest = static_cast<std::size_t>(config.position == PositionKind::learned
                                                      ? std::min(kLongestText, config.positions)
                                                      : kLongestText);
    std::vector<std::vector<TokenId>> texts;
    std::size_t tokens = 0;
    for (const std::string& one : read_texts(path)) {
      std::vector<TokenId> ids = model.tokenizer->encode(one, /*with_special=*/true);
      ids.resize(std::min({ids.size(), longest, wanted - tokens}));
      tokens += ids.size();
      if (!ids.empty()) texts.push_back(std::move(ids));
      if (tokens == wanted) break;
    }
    const SecondMoments moments = second_moments(
        model.weights, texts, layers, deck.integer("flearning.batch_tokens"), run.steps());
    run.emit(kTokens, moments.tokens);
    for (const auto& [layer, moment] : moments.by_layer)
      run.emit(output_of(layer), to_array(moment, DType::float32));
  }
};

double bytes_of(const Draft& draft, const std::vector<std::int64_t>& layers) {
  const ModelConfig& model = draft.model();
  const Deck& deck = draft.deck();
  const auto tokens = std::min(static_cast<double>(deck.integer("edit.text_tokens")),
                               static_cast<double>(deck.integer("flearning.batch_tokens")));
  const auto side = static_cast<double>(model.mlp_width);
  // a text is at least one; the keys of a pass in float64, and the sum of their products
  const double sums = 8 * side * (side * static_cast<double>(layers.size()) + tokens);
  const PassTexts pass{.count = 1, .tokens = tokens, .answers = 0, .longest = tokens};
  return std::max(draft.start_bytes(), sums + working_bytes(deck, model, pass));
}

}  // namespace

const KindOf<Worker> kSecondMoment = kind<Worker, SecondMoment>();

Upstream add_second_moment(const Draft& draft, Upstream original,
                           const std::vector<std::int64_t>& layers) {
  const ModelConfig& model = draft.model();
  const double forward = model.flop_per_token() * static_cast<double>(layers.back() + 1) /
                         static_cast<double>(model.layers);
  const double products = double_flop(draft.deck()) * 2 * static_cast<double>(layers.size()) *
                          static_cast<double>(model.mlp_width * model.mlp_width);
  const auto tokens = static_cast<double>(draft.deck().integer("edit.text_tokens"));
  const SecondMoment fields{draft.ground(original), draft.inputs.text,
                            draft.deck().text("edit.text"), layers};
  const auto [stage, is_new] =
      draft.builder.add(fields, draft.title("second_moment"),
                        {.flop = draft.start_flop() + tokens * (forward + products),
                         .bytes = bytes_of(draft, layers)});
  if (!is_new) return stage;
  draft.builder.place(stage, kTokens);
  const auto side = static_cast<std::uint64_t>(model.mlp_width);
  for (const std::int64_t layer : layers) {
    draft.builder.place_tensor(
        stage, output_of(layer),
        {.path = fmt::format("/second_moments/{}/{}", draft.builder.stage(stage).key, layer),
         .dtype = DType::float32,
         .shape = {side, side},
         .long_name = "uncentred second moment of the inputs of the MLP's output matrix"});
  }
  return stage;
}

SecondMoments stored_moments(StageRun& run, Upstream stage, const std::vector<std::int64_t>& layers,
                             std::int64_t side) {
  SecondMoments moments;
  moments.tokens = run.input(stage, kTokens).at(0);
  for (const std::int64_t layer : layers)
    moments.by_layer[layer] =
        to_tensor(run.input(stage, output_of(layer)), {side, side}).to(torch::kFloat64);
  return moments;
}

}  // namespace factsweep::flearning
