// The bank in the plan: adapters, their signals and tests, and who is selected.
#include <fmt/format.h>

#include <algorithm>

#include "builder.hpp"
#include "factsweep/model/fingerprint.hpp"
#include "factsweep/model/torch.hpp"
#include "factsweep/studies/support/training_options.hpp"

namespace factsweep::kshot {

std::vector<std::string> Builder::AdapterForm::modules() const {
  std::vector<std::string> modules;
  for (const auto& [name, shape] : shapes) {
    static constexpr std::string_view kRoot = "base_model.model.", kEnd = ".lora_A.weight";
    if (!name.ends_with(kEnd)) continue;
    modules.push_back(name.substr(kRoot.size(), name.size() - kRoot.size() - kEnd.size()));
  }
  return modules;
}

std::string Builder::AdapterForm::scaling() const {
  const auto json = nlohmann::json::parse(config);
  std::string text;
  for (const char* key : {"r", "lora_alpha", "use_rslora", "rank_pattern", "alpha_pattern"}) {
    if (json.contains(key) && !json.at(key).empty())
      text += fmt::format("{}{} = {}", text.empty() ? "" : ", ", key, json.at(key).dump());
  }
  return text;
}

void Builder::read_adapters() {
  for (const BankEntry& entry : sets_.bank) {
    LoraConfig config = stored_lora_config(deck_);
    std::string where = lora_place(deck_);
    if (entry.is_brought()) {
      where = entry.adapter + "/adapter_config.json";
      config = LoraConfig::read(where);
      if (config.bias != LoraBias::none)
        throw InputError(where + ": trains biases, which experts of a mixture cannot have.");
      // into an empty model of the base's shapes: whether every tensor is there and fits
      Weights shapes;
      shapes.config = model_;
      shapes.embedding = torch::empty({0}, torch::kMeta);
      LoraAdapter::load(entry.adapter, shapes);
    }
    adapters_.push_back({config.json(model_), adapter_shapes(config, model_, where)});
    const auto first = adapters_.front().modules(), here = adapters_.back().modules();
    const auto [a, b] = std::mismatch(first.begin(), first.end(), here.begin(), here.end());
    if (a == first.end() && b == here.end()) continue;
    throw InputError(fmt::format(
        "{}: the adapters of a bank adapt the same modules, but '{}' adapts {} modules and '{}' "
        "{}; they differ at '{}'.",
        deck_.where("data.sets") + ": data.sets", sets_.bank.front().name, first.size(), entry.name,
        here.size(), a != first.end() ? *a : *b));
  }
}

void Builder::add_bank() {
  const auto together = static_cast<std::size_t>(deck_.integer("bank.packed"));
  bank_.resize(sets_.bank.size());
  std::vector<std::size_t> group;
  for (std::size_t i = 0; i < sets_.bank.size(); ++i) {
    if (sets_.bank[i].is_brought()) {
      brought(i);
      continue;
    }
    group.push_back(i);
    if (group.size() == together) trained(std::exchange(group, {}));
  }
  if (!group.empty()) trained(group);
  bank_stages_ = bank_;
  std::sort(bank_stages_.begin(), bank_stages_.end());
  bank_stages_.erase(std::unique(bank_stages_.begin(), bank_stages_.end()), bank_stages_.end());
}

void Builder::trained(const std::vector<std::size_t>& group) {
  std::string title;
  for (const std::size_t i : group) title += (title.empty() ? "" : ", ") + sets_.bank[i].name;
  Stage result = stage("bank", title);
  std::vector<std::string> names, data;
  double tokens = 0;
  for (const std::size_t i : group) {
    names.push_back(sets_.bank[i].name);
    data.push_back(fingerprint(sets_.bank[i].set));
    tokens += tokens_of(sets_.bank[i].set);
  }
  result.configuration["adapters"] = names;
  result.configuration["data"] = data;
  result.configuration["training"] =
      deck_.science({"bank.epochs", "bank.learning_rate", "bank.seed", "train.", "lora.",
                     "kshot.template", "kshot.longest", "store.delta_dtype"});
  result.cost_flop =
      2 * static_cast<double>(deck_.integer("bank.epochs")) * tokens * model_.flop_per_token();
  training_memory(result, static_cast<double>(group.size()));
  add_bank_stage(std::move(result), group);
}

void Builder::brought(std::size_t adapter) {
  Stage result = stage("adapter", sets_.bank[adapter].name);
  result.configuration["adapters"] = std::vector{sets_.bank[adapter].name};
  result.configuration["config"] = adapters_[adapter].config;
  result.configuration["stored"] = deck_.science({"store.delta_dtype"});
  result.configuration["data"] = factsweep::model_fingerprint(sets_.bank[adapter].adapter);
  add_bank_stage(std::move(result), {adapter});
}

void Builder::add_bank_stage(Stage result, const std::vector<std::size_t>& group) {
  const DType dtype = delta_dtype(deck_);
  for (const std::size_t i : group) {
    const std::string base = fmt::format("/bank/{}/", sets_.bank[i].name);
    const auto row = [&](const std::string& column, bool shared) {
      result.outputs.push_back(row_of("/bank/" + column, {i}, shared));
      result.outputs.back().name = column + "/" + sets_.bank[i].name;
    };
    row("usable", true);
    if (result.kind == "bank") {
      row("failure", true);
      for (const char* column : {"loss", "left_out", "shortened"}) row(column, false);
    }
    plan_.datasets.push_back(adapter_config(base + kAdapterConfig, adapters_[i].config));
    for (const auto& [name, shape] : adapters_[i].shapes) {
      DatasetSpec spec;
      spec.file = File::weights;
      spec.path = base + name;
      spec.dtype = dtype;
      spec.shape = {shape.begin(), shape.end()};
      spec.long_name = "tensor of the adapter";
      result.outputs.push_back(
          {fmt::format("{}/{}", sets_.bank[i].name, name), {whole(spec)}, false});
      plan_.datasets.push_back(std::move(spec));
    }
  }
  const std::size_t index = plan_.add_stage(std::move(result));
  for (const std::size_t i : group) bank_[i] = index;
}

std::size_t Builder::test(std::size_t task, std::size_t model) {
  const TaskEntry& entry = sets_.tasks[task];
  Stage result = stage(
      "test", fmt::format("{} {}", entry.name, model == 0 ? "base" : sets_.bank[model - 1].name));
  result.configuration["task"] = entry.name;
  result.configuration["examples"] = fingerprint(entry.test);
  result.configuration["tested"] = model == 0 ? "" : sets_.bank[model - 1].name;
  evaluation(result, entry);
  if (model > 0) result.upstream = {bank_[model - 1]};
  const std::size_t before = plan_.stages.size();
  test_outputs(result);
  const std::size_t index = plan_.add_stage(std::move(result));
  if (plan_.stages.size() == before) return index;
  for (Output& output : plan_.stages[index].outputs) {
    const std::string column = output.name.substr(output.name.find('/'));
    output.places = row_of("/tests" + column, {task, model}, false).places;
    output.shared = true;
  }
  return index;
}

std::size_t Builder::own(std::size_t task) {
  const std::size_t adapter = *sets_.expert_of(task);
  Stage result = stage("own", sets_.tasks[task].name);
  result.configuration["adapter"] = sets_.bank[adapter].name;
  result.upstream = {test(task, 1 + adapter), bank_[adapter]};
  test_outputs(result);
  return plan_.add_stage(std::move(result));
}

std::size_t Builder::best(std::size_t task) {
  Stage result = stage("best", sets_.tasks[task].name);
  result.configuration["bank"] = bank_names();
  for (std::size_t model = 1; model <= sets_.bank.size(); ++model)
    result.upstream.push_back(test(task, model));
  point_output(result, "selection/adapter", true);
  test_outputs(result);
  return plan_.add_stage(std::move(result));
}

std::vector<std::string> Builder::bank_names() const {
  std::vector<std::string> names;
  for (const BankEntry& entry : sets_.bank) names.push_back(entry.name);
  return names;
}

/// A stage for each adapter.
const std::vector<std::size_t>& Builder::signals(std::size_t task, std::int64_t draw) {
  const auto [found, fresh] = signal_stages_.try_emplace({task, draw});
  if (!fresh) return found->second;
  const TaskEntry& entry = sets_.tasks[task];
  const TaskSet shots = all_shots(task, draw);
  const auto draw_index =
      static_cast<std::uint64_t>(std::find(draws_.begin(), draws_.end(), draw) - draws_.begin());
  Stage common = stage("signals", "");
  common.configuration["task"] = entry.name;
  common.configuration["draw"] = draw;
  common.configuration["shots"] = shape_.shots;
  common.configuration["examples"] = fingerprint(shots);
  for (const std::int64_t shot : shots_of(entry, static_cast<std::int64_t>(shape_.shots), draw))
    common.configuration["reasoned"].push_back(entry.reasoned(shot));
  evaluation(common, entry);
  common.cost_flop = 3 * tokens_of(shots) * model_.flop_per_token();
  for (std::size_t adapter = 0; adapter < sets_.bank.size(); ++adapter) {
    Stage result = common;
    result.title = fmt::format("signals {} draw {} {}", entry.name, draw, sets_.bank[adapter].name);
    result.configuration["adapter"] = sets_.bank[adapter].name;
    result.upstream = {bank_[adapter]};
    for (const char* name : {"perplexity", "reasoning_perplexity", "right"})
      result.outputs.push_back(
          row_of(std::string("/signals/") + name, {task, draw_index, adapter}, true));
    found->second.push_back(plan_.add_stage(std::move(result)));
  }
  return found->second;
}

std::size_t Builder::similarity() {
  Stage result = stage("similarity", "of the bank");
  result.upstream = bank_stages_;
  result.configuration["diversity"] = deck_.text("kshot.diversity");
  result.configuration["bank"] = bank_names();  // rows and columns, in their order
  result.outputs.push_back(row_of("/bank/similarity", {}, true));
  return plan_.add_stage(std::move(result));
}

std::size_t Builder::select(const GridPoint& at) {
  Stage result = stage("select", fmt::format("{} draw {} k{} n{} {}", sets_.tasks[at.task].name,
                                             at.draw, at.shots, at.experts, at.signals));
  result.configuration["task"] = sets_.tasks[at.task].name;
  result.configuration["draw"] = at.draw;
  result.configuration["shots"] = at.shots;
  result.configuration["experts"] = at.experts;
  result.configuration["signals"] = at.signals;
  result.configuration["bank"] = bank_names();  // what the numbers of adapters mean
  result.upstream = bank_stages_;
  if (at.signals == "random") {
    result.configuration["seed"] = at.seed;
  } else {
    for (const std::size_t one : signals(at.task, at.draw)) result.upstream.push_back(one);
  }
  if (at.signals == "pad") {
    result.configuration["pool"] = deck_.integer("kshot.pool");
    result.upstream.push_back(similarity());
  }
  point_output(result, "selection/adapter", true);
  for (const char* name : {"selection/perplexity_rank", "selection/accuracy_rank", "selection/pool",
                           "points/group_similarity", "points/diversity_rank"})
    point_output(result, name);
  return plan_.add_stage(std::move(result));
}

}  // namespace factsweep::kshot
