#include "factsweep/studies/support/models.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <functional>

#include "factsweep/core/error.hpp"
#include "factsweep/model/fingerprint.hpp"
#include "factsweep/model/folder.hpp"
#include "factsweep/model/tokenizer_rows.hpp"
#include "factsweep/studies/support/training_options.hpp"

namespace factsweep {

void declare_model_axis(OptionTable& table) {
  table.paths("grid.model", "",
              "axis: model directories, in place of model.path; empty: not swept");
}

std::vector<std::string> model_directories(const Deck& deck) {
  const std::vector<std::string> swept = deck.path_list("grid.model");
  return swept.empty() ? std::vector{deck.text("model.path")} : swept;
}

const TrainedPart& PlannedModel::trained(const Deck& deck,
                                         const std::optional<LoraConfig>& lora) const {
  const auto known = std::find_if(counted.begin(), counted.end(),
                                  [&](const TrainedPart& part) { return part.lora == lora; });
  return known != counted.end() ? *known : counted.emplace_back(config, lora, lora_place(deck));
}

std::map<std::string, std::string> PlannedModel::about() const {
  return {{kBaseModel, directory}, {kBaseFingerprint, weights_fingerprint}};
}

PlannedModel plan_model(PlanBuilder& builder, const std::string& key, const std::string& directory,
                        const std::string& name) {
  PlannedModel model{directory, name, ModelConfig::read(directory), model_fingerprint(directory),
                     weights_fingerprint(directory)};
  model.parameters = static_cast<double>(model.config.parameters());
  builder.input({key, directory, model.fingerprint});
  return model;
}

std::vector<PlannedModel> plan_models(PlanBuilder& builder) {
  const Deck& deck = builder.deck();
  const std::vector<std::string> directories = model_directories(deck), names = model_names(deck);
  const bool is_swept = !deck.path_list("grid.model").empty();
  std::vector<PlannedModel> models;
  for (std::size_t i = 0; i < directories.size(); ++i)
    models.push_back(plan_model(builder,
                                is_swept ? fmt::format("grid.model {}", i + 1) : "model.path",
                                directories[i], names[i]));
  return models;
}

CheckedModels check_models(const std::vector<std::string>& directories) {
  CheckedModels checked;
  for (const std::string& directory : directories) {
    const bool is_whole = has_weights(directory);
    const auto unless_missing = [&](const std::function<void()>& check) {
      try {
        check();
      } catch (const InputError& error) {
        if (is_whole) throw;
        checked.missing.push_back(error.what());
      }
    };
    unless_missing([&] { check_weights(directory); });
    unless_missing([&] {
      checked.tokenizers[directory] = within_rows(
          Tokenizer::shared(directory), ModelConfig::read(directory).vocabulary, directory);
    });
  }
  return checked;
}

std::vector<std::string> model_names(const Deck& deck) {
  std::vector<std::vector<std::string>> folders;  // of each model, the last one first
  for (const std::string& directory : model_directories(deck)) {
    std::vector<std::string>& list = folders.emplace_back();
    const std::filesystem::path path = std::filesystem::absolute(directory).lexically_normal();
    for (const std::filesystem::path& part : path.relative_path()) {
      if (!part.empty()) list.insert(list.begin(), part.string());
    }
    if (list.empty()) throw deck.error("grid.model", "names the root folder.");
    if (std::count(folders.begin(), folders.end(), list) > 1)
      throw deck.error("grid.model", fmt::format("names the model {} twice.", path.string()));
  }
  std::vector<std::size_t> depth(folders.size(), 1);
  std::vector<std::string> names(folders.size());
  for (std::string clash = "?"; !clash.empty();) {
    for (std::size_t i = 0; i < folders.size(); ++i) {
      names[i].clear();
      for (std::size_t k = depth[i]; k > 0; --k) names[i] += folders[i][k - 1] + (k > 1 ? "-" : "");
    }
    clash.clear();
    bool tells_more = false;
    for (std::size_t i = 0; i < folders.size(); ++i) {
      if (std::count(names.begin(), names.end(), names[i]) == 1) continue;
      clash = names[i];
      if (depth[i] == folders[i].size()) continue;
      ++depth[i];
      tells_more = true;
    }
    if (!clash.empty() && !tells_more)
      throw deck.error("grid.model",
                       fmt::format("names two models that would both be called '{}'. Rename a "
                                   "folder.",
                                   clash));
  }
  return names;
}

}  // namespace factsweep
