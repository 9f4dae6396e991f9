// Stages of open data: embeddings, and which examples join the shots.
#include <fmt/format.h>

#include "factsweep/core/random.hpp"
#include "factsweep/model/tensors.hpp"
#include "factsweep/model/torch.hpp"
#include "factsweep/selection/sim_div.hpp"
#include "stage_run.hpp"

namespace factsweep::kshot {
namespace {

/// What the released code embeds, with the deck's prefix in front.
std::string text_of(const TaskExample& example, const std::string& prefix) {
  return fmt::format("{}instruction:{}\ninput:{}\noutput:{}", prefix, example.instruction,
                     example.input, example.output);
}

}  // namespace

void StageRun::embed(const Encoder& encoder) {
  TaskSet set;
  if (stage_.configuration.contains("pool")) {
    const TaskSet& whole = sets_.pool(get<std::string>("pool")).set;
    const auto first = whole.examples.begin() + get<std::ptrdiff_t>("first");
    set.examples.assign(first, first + get<std::ptrdiff_t>("count"));
  } else {
    set = shots();
  }
  constexpr std::size_t kTogether = 256;  // a stop is heard between
  std::vector<torch::Tensor> rows;
  const std::string prefix = deck_.text("augment.prefix");
  for (std::size_t first = 0; first < set.examples.size(); first += kTogether) {
    std::vector<std::string> texts;
    for (std::size_t i = first; i < std::min(first + kTogether, set.examples.size()); ++i)
      texts.push_back(text_of(set.examples[i], prefix));
    EmbedSettings settings;
    settings.normalize = true;
    rows.push_back(encoder.embed(texts, settings).rows_ND.cpu());
    bench_.step(
        static_cast<double>(first + texts.size()) / static_cast<double>(set.examples.size()), 0);
  }
  bench_.emit("embedding", to_array(torch::cat(rows), DType::float32));
}

void StageRun::augment() {
  const std::size_t shot_stage = stage_.upstream.at(0);
  const auto read = [&](std::size_t stage) {
    const std::vector<std::uint64_t>& count = plan_.stages[stage].outputs.at(0).places.at(0).count;
    const std::vector<std::int64_t> shape(count.begin(), count.end());
    return to_tensor(bench_.input(stage, "embedding"), shape).to(base_.device());
  };
  const torch::Tensor shots_KD =
      read(shot_stage).index_select(0, torch::tensor(shots_among(shot_stage)).to(base_.device()));
  std::vector<torch::Tensor> parts;
  for (std::size_t i = 1; i < stage_.upstream.size(); ++i)
    parts.push_back(read(stage_.upstream[i]));
  const auto selection = get<std::string>("selection");
  DataSettings settings = data_settings(selection);
  settings.count = get<std::int64_t>("budget");
  if (has_tau(selection)) settings.tau = get<double>("tau");
  if (is_drawn(selection))
    settings.seed = hash_words(
        {hash_text("open data"), hash_text(task().name), get<std::uint64_t>("draw"), seed()});
  const DataChoice choice =
      choose_data(shots_KD, CandidateEmbeddings::of(torch::cat(parts)), settings,
                  [&](double fraction) { bench_.step(fraction, 0); });
  std::vector<std::int64_t> rows;
  std::vector<float> similarity;
  for (const ChosenSample& sample : choice.samples) {
    rows.push_back(sample.index);
    similarity.push_back(static_cast<float>(sample.similarity));
  }
  emit_count("points/selected_data", static_cast<std::int64_t>(rows.size()));
  emit_row<std::int64_t>("selection/row", rows, -1);
  emit_row("selection/similarity", similarity, std::numeric_limits<float>::quiet_NaN());
}

}  // namespace factsweep::kshot
