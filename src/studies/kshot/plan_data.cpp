// Open data in the plan: embeddings, and what is selected by them.
#include <fmt/format.h>

#include <algorithm>

#include "builder.hpp"
#include "factsweep/core/file.hpp"
#include "factsweep/model/fingerprint.hpp"

namespace factsweep::kshot {
namespace {

constexpr std::uint64_t kEmbeddedTogether = 4096;  // of a pool, a stage

}  // namespace

void Builder::read_encoder() {
  const std::string directory = deck_.text("augment.encoder");
  const auto config = read_json(std::filesystem::path(directory) / "config.json");
  if (!config.contains("hidden_size") || !config.at("hidden_size").is_number_integer())
    throw InputError(directory + "/config.json: has no number 'hidden_size'.");
  width_ = config.at("hidden_size");
  encoder_fingerprint_ = factsweep::encoder_fingerprint(directory);
}

Stage Builder::embedding(const std::string& title, const TaskSet& texts) const {
  Stage result = stage("embed", title);
  result.configuration = {{"encoder", encoder_fingerprint_},
                          {"prefix", deck_.text("augment.prefix")},
                          {"dtype", deck_.text("model.dtype")},
                          {"examples", fingerprint(texts)}};
  result.cost_flop = tokens_of(texts) * 24 * static_cast<double>(width_ * width_) * 6;
  return result;
}

const std::vector<std::size_t>& Builder::embed_pool(std::size_t pool) {
  const auto [found, fresh] = pool_stages_.try_emplace(pool);
  if (!fresh) return found->second;
  const TaskSet& set = sets_.pools[pool].set;
  DatasetSpec spec;
  spec.file = File::weights;
  spec.path = "/embeddings/pools/" + sets_.pools[pool].name;
  spec.dtype = DType::float32;
  spec.shape = {set.examples.size(), width_};
  spec.long_name = "embedding of each example of the pool";
  for (std::uint64_t first = 0; first < spec.shape[0]; first += kEmbeddedTogether) {
    const std::uint64_t count = std::min(kEmbeddedTogether, spec.shape[0] - first);
    TaskSet part{set.name, set.kind, {}};
    part.examples.assign(set.examples.begin() + static_cast<std::ptrdiff_t>(first),
                         set.examples.begin() + static_cast<std::ptrdiff_t>(first + count));
    Stage result =
        embedding(fmt::format("{} {}-{}", sets_.pools[pool].name, first, first + count - 1), part);
    result.configuration["pool"] = sets_.pools[pool].name;
    result.configuration["first"] = first;
    result.configuration["count"] = count;
    result.outputs.push_back(
        {"embedding", {{spec.file, spec.path, {first, 0}, {count, width_}}}, false});
    found->second.push_back(plan_.add_stage(std::move(result)));
  }
  plan_.datasets.push_back(std::move(spec));
  return found->second;
}

std::size_t Builder::embed_shots(const GridPoint& at) {
  const TaskSet shots = all_shots(at.task, at.draw);
  const std::string& task = sets_.tasks[at.task].name;
  Stage result = embedding(fmt::format("shots of {} draw {}", task, at.draw), shots);
  result.configuration["task"] = sets_.tasks[at.task].name;
  result.configuration["draw"] = at.draw;
  result.configuration["shots"] = shape_.shots;
  DatasetSpec spec;
  spec.file = File::weights;
  spec.path = fmt::format("/embeddings/shots/{}/{}", task, at.draw);
  spec.dtype = DType::float32;
  spec.shape = {shape_.shots, width_};
  spec.long_name = "embedding of each shot of the largest draw";
  result.outputs.push_back({"embedding", {whole(spec)}, false});
  const std::size_t before = plan_.stages.size(), index = plan_.add_stage(std::move(result));
  if (plan_.stages.size() > before) plan_.datasets.push_back(std::move(spec));
  return index;
}

std::size_t Builder::augment(const GridPoint& at) {
  Stage result = stage("augment", fmt::format("{} draw {} k{} c{} {}", sets_.tasks[at.task].name,
                                              at.draw, at.shots, at.budget, at.selection));
  result.configuration["task"] = sets_.tasks[at.task].name;
  result.configuration["draw"] = at.draw;
  result.configuration["shots"] = at.shots;
  result.configuration["budget"] = at.budget;
  result.configuration["selection"] = at.selection;
  if (has_tau(at.selection)) result.configuration["tau"] = at.tau;
  if (is_drawn(at.selection)) result.configuration["seed"] = at.seed;
  result.upstream = {embed_shots(at)};
  for (const std::size_t part : embed_pool(*sets_.tasks[at.task].pool))
    result.upstream.push_back(part);
  point_output(result, "selection/row", true);
  point_output(result, "selection/similarity");
  point_output(result, "points/selected_data", true);
  return plan_.add_stage(std::move(result));
}

}  // namespace factsweep::kshot
