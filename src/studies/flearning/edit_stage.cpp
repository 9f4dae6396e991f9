// Stages of the editors: second moments, FT-c, ROME, MEMIT.
#include <fmt/format.h>

#include <chrono>
#include <limits>
#include <sstream>

#include "datasets.hpp"
#include "factsweep/core/file.hpp"
#include "factsweep/model/tensors.hpp"
#include "factsweep/model/torch.hpp"
#include "stage_run.hpp"

namespace factsweep::flearning {
namespace {

/// The texts of a file of JSON lines {"text"}, or the lines of a plain one.
std::vector<std::string> read_texts(const std::filesystem::path& path) {
  const std::string content = read_file(path);
  std::vector<std::string> texts;
  const std::size_t begin = content.find_first_not_of(" \t\r\n");
  if (begin != std::string::npos && content[begin] == '{') {
    for_each_json_line(
        content, path.string(), [&](const nlohmann::json& line, std::int64_t number) {
          if (!line.contains("text") || !line.at("text").is_string())
            throw InputError(fmt::format("{}:{}: has no string \"text\".", path.string(), number));
          texts.push_back(line.at("text"));
        });
  } else {
    std::istringstream lines(content);
    for (std::string line; std::getline(lines, line);) {
      if (line.find_first_not_of(" \t\r") != std::string::npos) texts.push_back(line);
    }
  }
  return texts;
}

constexpr std::size_t kLongestText = 1024;  // tokens; longer ones are cut

}  // namespace

void StageRun::second_moment() {
  const std::vector<Term> terms = {original_term()};
  const Model model = assemble(terms, dtype());
  const auto wanted = stage_.configuration.at("tokens").get<std::size_t>();
  std::vector<std::vector<TokenId>> texts;
  std::size_t tokens = 0;
  for (const std::string& text : read_texts(deck_.text("edit.text"))) {
    std::vector<TokenId> ids = model.tokenizer->encode(text, /*with_special=*/true);
    ids.resize(std::min({ids.size(), kLongestText, wanted - tokens}));
    tokens += ids.size();
    if (!ids.empty()) texts.push_back(std::move(ids));
    if (tokens == wanted) break;
  }
  const auto layers = stage_.configuration.at("layers").get<std::vector<std::int64_t>>();
  const SecondMoments moments =
      second_moments(model.weights, texts, layers, deck_.integer("flearning.batch_tokens"), step());
  bench_.emit("tokens", Array::of(std::vector{moments.tokens}));
  for (const auto& [layer, moment] : moments.by_layer)
    bench_.emit(fmt::format("layer{}", layer), to_array(moment, DType::float32));
}

SecondMoments StageRun::stored_moments() const {
  SecondMoments moments;
  if (stage_.upstream.size() < 2) return moments;
  const std::size_t upstream = stage_.upstream[1];
  moments.tokens = bench_.input(upstream, "tokens").as<std::int64_t>()[0];
  const std::int64_t side = ModelConfig::read(text("directory")).mlp_width;
  for (const std::int64_t layer :
       plan_.stages[upstream].configuration.at("layers").get<std::vector<std::int64_t>>())
    moments.by_layer[layer] =
        to_tensor(bench_.input(upstream, fmt::format("layer{}", layer)), {side, side})
            .to(torch::kFloat64);
  return moments;
}

std::vector<EditRecord> StageRun::edited_records() const {
  const auto wanted = static_cast<std::size_t>(deck_.integer("edit.records"));
  const auto few = wanted == 0 ? records_ : records_.first(std::min(wanted, records_.size()));
  return {few.begin(), few.end()};
}

/// Each edit on the weights that the edits before it left.
std::vector<WeightDelta> StageRun::sequential_rome(const Model& start, const RomeSettings& settings,
                                                   const SecondMoments& moments,
                                                   const std::vector<std::string>& contexts) {
  std::vector<WeightDelta> deltas;
  Model now = start;
  for (const EditRecord& record : records_) {
    deltas.push_back(rome(now, {record}, contexts, moments, settings, step()).front().delta());
    now = now.with(edited(now.weights, {&deltas.back(), 1}));
  }
  return deltas;
}

/// Of edits that are each made on the original model: record i is asked of edit i alone.
void StageRun::evaluate_one_by_one(const Model& start, const std::vector<RomeEdit>& edits) {
  std::map<std::string, std::vector<double>> outcomes;
  const Evaluation all(deck_, start, records_);
  const ForcedPredictions before = original_locality(all);
  for (std::size_t i = 0; i < edits.size(); ++i) {
    const WeightDelta delta = edits[i].delta();
    const Evaluation one(deck_, start, records_.subspan(i, 1));
    ForcedPredictions here;
    here.predicted.assign(before.predicted.begin() + before.starts[i],
                          before.predicted.begin() + before.starts[i + 1]);
    here.labels.assign(before.labels.begin() + before.starts[i],
                       before.labels.begin() + before.starts[i + 1]);
    here.starts.push_back(static_cast<std::int64_t>(here.predicted.size()));
    const Model model = start.with(edited(start.weights, {&delta, 1}));
    for (const auto& [name, values] : one.ask(model, here, step()))
      outcomes[name].push_back(values.at(0));
  }
  emit_outcomes(outcomes);
}

void StageRun::edit() {
  const std::string method = text("method"), preset = text("preset");
  const std::vector<Term> terms = {original_term()};
  const Model start = assemble(terms, dtype());
  const std::vector<EditRecord> records =
      method == "ft_c" ? std::vector<EditRecord>(records_.begin(), records_.end())
                       : edited_records();
  records_ = records_.first(records.size());
  const auto began = std::chrono::steady_clock::now();
  std::vector<WeightDelta> deltas;
  std::vector<RomeEdit> apart;
  if (method == "ft_c") {
    deltas = ft_c(start, records, ft_c_settings(deck_, preset), step()).deltas;
  } else if (method == "memit") {
    const MemitSettings settings = memit_settings(deck_, preset);
    const auto contexts = sample_contexts(start, settings.contexts, seed(), step());
    deltas = memit(start, records, contexts, stored_moments(), settings, step()).deltas;
  } else {
    const RomeSettings settings = rome_settings(deck_, preset);
    const auto contexts = sample_contexts(start, settings.contexts, seed(), step());
    const SecondMoments moments = stored_moments();
    if (method == "rome")
      deltas = sequential_rome(start, settings, moments, contexts);
    else
      apart = rome(start, records, contexts, moments, settings, step());
  }
  const double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
  emit_value("edit_seconds", seconds);
  emit_value("lambda_used", std::numeric_limits<double>::quiet_NaN());
  if (!apart.empty()) return evaluate_one_by_one(start, apart);
  const Model after = start.with(edited(start.weights, deltas));
  evaluate(after);
  if (wanted_weights()) emit_delta(load(dtype()).weights, after.weights);
}

}  // namespace factsweep::flearning
