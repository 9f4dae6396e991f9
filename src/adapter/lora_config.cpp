#include "factsweep/adapter/lora_config.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <set>

#include "factsweep/core/error.hpp"
#include "factsweep/core/file.hpp"
#include "factsweep/core/json_text.hpp"

namespace factsweep {
namespace {

using Json = nlohmann::ordered_json;  // the order of patterns counts

constexpr std::int64_t kLargestRank = 1 << 16;

/// Keys that describe the file, its making, or features that another key switches on.
const std::set<std::string>& ignored_keys() {
  static const std::set<std::string> keys = {"auto_mapping",        "base_model_name_or_path",
                                             "fan_in_fan_out",
                                             "inference_mode",      "megatron_core",
                                             "merge_weights",       "peft_version",
                                             "qalora_group_size",   "revision",
                                             "runtime_config"};
  return keys;
}

const std::set<std::string>& honoured_keys() {
  static const std::set<std::string> keys = {"peft_type",
                                             "task_type",
                                             "r",
                                             "lora_alpha",
                                             "lora_dropout",
                                             "use_rslora",
                                             "bias",
                                             "rank_pattern",
                                             "alpha_pattern",
                                             "target_modules",
                                             "exclude_modules",
                                             "layers_pattern",
                                             "layers_to_transform",
                                             "init_lora_weights",
                                             "modules_to_save",
                                             "ensure_weight_tying"};
  return keys;
}

class Reader {
 public:
  Reader(const Json& json, const std::string& where) : json_(json), where_(where) {
    if (!json.is_object()) throw InputError(fmt::format("{}: is no JSON object.", where));
  }

  LoraConfig read() const {
    only("peft_type", {"LORA"}, "LORA");
    if (present("task_type")) only("task_type", {"CAUSAL_LM"}, "CAUSAL_LM or null");
    if (present("init_lora_weights")) {
      // the others change the base model's weights, which the adapter's file does not tell
      only("init_lora_weights", {true, false, "gaussian", "eva", "orthogonal"},
           "true, false, \"gaussian\", \"eva\" or \"orthogonal\"");
    }
    refuse_the_rest();
    LoraConfig config;
    config.rank = integer("r", json_.value("r", Json(8)), 1, kLargestRank);
    config.alpha = number("lora_alpha", json_.value("lora_alpha", Json(8)), -1e9, 1e9);
    config.dropout = number("lora_dropout", json_.value("lora_dropout", Json(0)), 0, 0.999);
    config.rslora = flag("use_rslora");
    if (present("bias")) config.bias = parse_lora_bias(text("bias"), where_ + ": bias");
    config.targets = filter("target_modules");
    if (config.targets.empty())
      fail("target_modules", "a list of module names, one regular expression, or \"all-linear\"");
    config.excluded = filter("exclude_modules");
    if (config.excluded.all_linear) fail("exclude_modules", "module names or a regular expression");
    for (const auto& [pattern, rank] : patterns("rank_pattern"))
      config.rank_pattern.emplace_back(pattern, integer("rank_pattern", rank, 1, kLargestRank));
    for (const auto& [pattern, alpha] : patterns("alpha_pattern"))
      config.alpha_pattern.emplace_back(pattern, number("alpha_pattern", alpha, -1e9, 1e9));
    read_layers(config);
    if (present("modules_to_save")) config.saved = texts("modules_to_save");
    config.keeps_tied = flag("ensure_weight_tying");
    if (!config.saved.empty() && config.bias == LoraBias::all)
      fail("modules_to_save", "null where bias is \"all\", which trains biases of the same modules");
    if (present("base_model_name_or_path")) config.base_model = text("base_model_name_or_path");
    return config;
  }

 private:
  bool present(const char* key) const { return json_.contains(key) && !json_[key].is_null(); }

  [[noreturn]] void fail(const char* key, const std::string& rule) const {
    throw InputError(fmt::format("{}: {} = {} is not supported. Supported: {}.", where_, key,
                                 json_.contains(key) ? json_[key].dump() : "(absent)", rule));
  }

  void only(const char* key, const std::vector<Json>& values, const std::string& rule) const {
    if (!present(key) || std::find(values.begin(), values.end(), json_[key]) == values.end())
      fail(key, rule);
  }

  void refuse_the_rest() const {
    for (const auto& [key, value] : json_.items()) {
      if (honoured_keys().count(key) != 0 || ignored_keys().count(key) != 0) continue;
      // numbers only set up what a flag or an object switches on
      if (value.is_null() || value == false || value.is_number() || value == "" ||
          (value.is_structured() && value.empty()))
        continue;
      throw InputError(fmt::format(
          "{}: {} = {} is not supported: only plain LoRA is (no DoRA, no other variant).",
          where_, key, value.dump()));
    }
  }

  std::int64_t integer(const char* key, const Json& value, std::int64_t low,
                       std::int64_t high) const {
    if (!value.is_number_integer() || value < low || value > high)
      fail(key, fmt::format("whole numbers from {} to {}", low, high));
    return value.get<std::int64_t>();
  }

  double number(const char* key, const Json& value, double low, double high) const {
    if (!value.is_number() || !(value.get<double>() >= low) || !(value.get<double>() <= high))
      fail(key, fmt::format("numbers from {} to {}", low, high));
    return value.get<double>();
  }

  bool flag(const char* key) const {
    if (!present(key)) return false;
    if (!json_[key].is_boolean()) fail(key, "true or false");
    return json_[key].get<bool>();
  }

  std::string text(const char* key) const {
    if (!json_[key].is_string()) fail(key, "a string");
    return json_[key].get<std::string>();
  }

  std::vector<std::string> texts(const char* key) const {
    std::vector<std::string> list;
    if (!json_[key].is_array()) fail(key, "a string or a list of strings");
    for (const Json& item : json_[key]) {
      if (!item.is_string() || item == "") fail(key, "a list of strings");
      list.push_back(item.get<std::string>());
    }
    return list;
  }

  ModuleFilter filter(const char* key) const {
    ModuleFilter filter;
    if (!present(key)) return filter;
    if (!json_[key].is_string()) {
      filter.names = texts(key);
      return filter;
    }
    filter.pattern = text(key);
    std::string lower = filter.pattern;
    std::transform(lower.begin(), lower.end(), lower.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    if (lower == "all-linear") filter = {.all_linear = true, .names = {}, .pattern = {}};
    return filter;
  }

  std::vector<std::pair<std::string, Json>> patterns(const char* key) const {
    if (!present(key)) return {};
    if (!json_[key].is_object()) fail(key, "an object of regular expressions and numbers");
    std::vector<std::pair<std::string, Json>> list;
    for (const auto& [pattern, value] : json_[key].items()) list.emplace_back(pattern, value);
    return list;
  }

  void read_layers(LoraConfig& config) const {
    constexpr std::int64_t kMost = 4096;
    if (present("layers_to_transform")) {
      const Json& value = json_["layers_to_transform"];
      const std::vector<Json> list =
          value.is_array() ? value.get<std::vector<Json>>() : std::vector<Json>{value};
      for (const Json& layer : list)
        config.layers.push_back(integer("layers_to_transform", layer, 0, kMost));
    }
    if (present("layers_pattern")) {
      config.layers_pattern = json_["layers_pattern"].is_string()
                                  ? std::vector<std::string>{text("layers_pattern")}
                                  : texts("layers_pattern");
      std::erase(config.layers_pattern, "");
    }
    if (!config.layers.empty() && config.targets.names.empty())
      fail("layers_to_transform", "null where target_modules is no list of names");
    if (!config.layers_pattern.empty() && config.layers.empty())
      fail("layers_pattern", "null where layers_to_transform is");
  }

  const Json& json_;
  const std::string where_;
};

Json written(const ModuleFilter& filter) {
  if (filter.empty()) return nullptr;
  if (!filter.pattern.empty()) return filter.pattern;
  return filter.names;
}

/// Last parts of the names of the blocks' linears: a list says it to every reader, "all-linear"
/// only to PEFT.
std::vector<std::string> linear_names(const ModelConfig& base) {
  std::vector<std::string> names;
  for (std::int64_t layer = 0; layer < base.layers; ++layer) {
    for (const LinearModule& module : linear_modules(base, layer)) {
      const std::string last = module.name.substr(module.name.rfind('.') + 1);
      if (std::find(names.begin(), names.end(), last) == names.end()) names.push_back(last);
    }
  }
  return names;
}

/// Whether the model's files hold [in, out] matrices (GPT-2's Conv1D).
bool stored_transposed(const ModelConfig& base) {
  const LinearModule module = linear_modules(base, 0).front();
  for (const auto& [name, shape] : tensor_shapes(base)) {
    if (name.ends_with(".weight") && module_name(base, name) == module.name)
      return module.rows != module.inputs && shape == std::vector{module.inputs, module.rows};
  }
  throw BugError("stored_transposed: a module without weight");
}

const char* written(LoraBias bias) {
  return bias == LoraBias::none ? "none" : bias == LoraBias::all ? "all" : "lora_only";
}

}  // namespace

LoraBias parse_lora_bias(const std::string& name, const std::string& where) {
  for (const LoraBias bias : {LoraBias::none, LoraBias::all, LoraBias::lora_only}) {
    if (name == written(bias)) return bias;
  }
  throw InputError(fmt::format("{} = '{}' is not none, all or lora_only.", where, name));
}

LoraConfig LoraConfig::parse(const std::string& text, const std::string& where) {
  const Json json = parse_json<Json>(text, where);
  return Reader(json, where).read();
}

LoraConfig LoraConfig::read(const std::filesystem::path& file) {
  return parse(read_file(file), file.string());
}

std::string LoraConfig::json(const ModelConfig& base) const {
  Json ranks = Json::object(), alphas = Json::object();
  for (const auto& [pattern, value] : rank_pattern) ranks[pattern] = value;
  for (const auto& [pattern, value] : alpha_pattern) alphas[pattern] = value;
  // a whole alpha as PEFT's integer
  const auto number = [](double value) {
    return value == std::round(value) ? Json(static_cast<std::int64_t>(value)) : Json(value);
  };
  for (auto& [pattern, value] : alphas.items()) value = number(value.get<double>());
  const auto or_null = [](const auto& list) { return list.empty() ? Json() : Json(list); };
  Json json = {
      {"alpha_pattern", alphas},
      {"base_model_name_or_path", base_model.empty() ? Json() : Json(base_model)},
      {"bias", written(bias)},
      {"exclude_modules", written(excluded)},
      {"fan_in_fan_out", stored_transposed(base)},
      {"inference_mode", true},
      {"init_lora_weights", true},
      {"layers_pattern", or_null(layers_pattern)},
      {"layers_to_transform", or_null(layers)},
      {"lora_alpha", number(alpha)},
      {"lora_dropout", dropout},
      {"modules_to_save", or_null(saved)},
      {"peft_type", "LORA"},
      {"r", rank},
      {"rank_pattern", ranks},
      {"target_modules", targets.all_linear ? Json(linear_names(base)) : written(targets)},
      {"task_type", "CAUSAL_LM"},
      {"use_rslora", rslora}};
  if (keeps_tied) json["ensure_weight_tying"] = true;
  return json.dump(2) + "\n";
}

}  // namespace factsweep
