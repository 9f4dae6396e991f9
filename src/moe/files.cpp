// moe.json and moe.safetensors.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <functional>
#include <map>

#include "expert_slots.hpp"
#include "factsweep/adapter/finite.hpp"
#include "factsweep/core/error.hpp"
#include "factsweep/core/file.hpp"
#include "factsweep/model/torch.hpp"
#include "routing_rule.hpp"

namespace factsweep {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;
using torch::Tensor;

constexpr const char* kType = "factsweep mixture of LoRA experts";

struct Config {
  std::vector<std::string> names;
  Routing routing = Routing::learned;
  std::int64_t top_k = 0;
  double dropout = 0;
  std::vector<ExpertModule> modules;
};

Routing parse_routing(const std::string& name, const std::string& where) {
  std::vector<std::string> names;
  for (const RoutingRule& rule : routing_rules()) {
    if (rule.name == name) return rule.routing;
    names.push_back(rule.name);
  }
  throw InputError(fmt::format("{}: 'routing' is \"{}\", which is none of: {}.", where, name,
                               fmt::join(names, ", ")));
}

/// What keeps a file from being used, as one sentence; empty: nothing.
std::string fault(const Config& config) {
  const std::size_t count = config.names.size();
  if (config.modules.empty()) return "'modules' is empty";
  if (config.top_k < 1 || config.top_k > static_cast<std::int64_t>(count))
    return fmt::format("top_k = {} is outside [1, {}]", config.top_k, count);
  if (!(config.dropout >= 0 && config.dropout < 1))
    return fmt::format("dropout = {} is outside [0, 1)", config.dropout);
  for (const ExpertModule& module : config.modules) {
    if (module.ranks.size() != count || module.scales.size() != count)
      return fmt::format("'{}' needs a rank and a scale for each of {} experts", module.name,
                         count);
    for (const std::int64_t rank : module.ranks) {
      if (rank < 0 || rank > 1 << 16)
        return fmt::format("'{}' has an expert of rank {}", module.name, rank);
    }
    if (std::count(module.ranks.begin(), module.ranks.end(), 0) == static_cast<std::ptrdiff_t>(count))
      return fmt::format("'{}' is adapted by no expert", module.name);
    const auto differ = [](const auto& values) {
      return std::adjacent_find(values.begin(), values.end(), std::not_equal_to<>()) !=
             values.end();
    };
    if (config.routing == Routing::merged && (differ(module.ranks) || differ(module.scales)))
      return fmt::format("'{}' has experts of several ranks or scales, which cannot be merged",
                         module.name);
  }
  return "";
}

Config parse(const std::string& text, const std::string& where) {
  Config config;
  try {
    const Json json = Json::parse(text);
    if (json.at("type") != kType)
      throw InputError(fmt::format("{}: 'type' is not \"{}\".", where, kType));
    config.names = json.at("experts").get<std::vector<std::string>>();
    config.routing = parse_routing(json.at("routing").get<std::string>(), where);
    config.top_k = json.at("top_k").get<std::int64_t>();
    config.dropout = json.at("dropout").get<double>();
    for (const auto& [name, module] : json.at("modules").items()) {
      config.modules.push_back({name, module.at("ranks").get<std::vector<std::int64_t>>(),
                                module.at("scales").get<std::vector<double>>()});
    }
  } catch (const nlohmann::json::exception& error) {
    throw InputError(fmt::format("{}: {}.", where, error.what()));
  }
  const std::string reason = fault(config);
  if (!reason.empty()) throw InputError(fmt::format("{}: {}.", where, reason));
  return config;
}

/// Copies `tensors` to the places of the same names. `where` begins messages.
void fill(const NamedTensors& places, const NamedTensors& tensors, const std::string& where) {
  std::map<std::string, Tensor> left(tensors.begin(), tensors.end());
  for (const auto& [name, place] : places) {
    const auto found = left.extract(name);
    if (found.empty()) {
      throw InputError(fmt::format("{}: the tensor '{}' is missing, which {} asks for.", where,
                                   name, kMixtureFile));
    }
    const Tensor& tensor = found.mapped();
    if (tensor.sizes() != place.sizes() || !tensor.is_floating_point()) {
      throw InputError(fmt::format(
          "{}: the tensor '{}' is [{}], {} and this base model need [{}] of real numbers.", where,
          name, fmt::join(tensor.sizes(), ", "), kMixtureFile, fmt::join(place.sizes(), ", ")));
    }
    place.copy_(tensor);
  }
  if (!left.empty()) {
    throw InputError(
        fmt::format("{}: the tensor '{}' belongs to no module of {} ({} such "
                    "tensors).",
                    where, left.begin()->first, kMixtureFile, left.size()));
  }
}

}  // namespace

std::string MoeAdapter::json() const {
  Json json = {{"type", kType},
               {"experts", names_},
               {"routing", rule_of(routing_).name},
               {"top_k", top_k_},
               {"dropout", dropout_}};
  Json& modules = json["modules"] = Json::object();
  for (const MoeSlot& slot : slots_) {
    for (const MoePart& part : slot.parts)
      modules[part.module] = {{"ranks", part.ranks}, {"scales", part.scales}};
  }
  return json.dump(2) + "\n";
}

MoeAdapter MoeAdapter::of(const std::string& config_json, const NamedTensors& tensors,
                          const Weights& base, const std::string& config_place,
                          const std::string& tensor_place) {
  Config config = parse(config_json, config_place);
  MoeAdapter moe;
  moe.slots_ = expert_slots(config.modules, base, config_place);
  moe.names_ = std::move(config.names);
  moe.routing_ = config.routing;
  moe.top_k_ = config.top_k;
  moe.dropout_ = config.dropout;
  torch::NoGradGuard no_grad;
  fill(moe.named(), tensors, tensor_place);
  return moe;
}

NamedTensors mixture_tensors(const std::string& config_json, const NamedTensors& stored,
                             const std::string& where) {
  const Config config = parse(config_json, where);
  const std::map<std::string, Tensor> places(stored.begin(), stored.end());
  NamedTensors tensors;
  const auto take = [&](const std::string& name, std::int64_t dimension, std::int64_t size) {
    const auto found = places.find(name);
    if (found == places.end() || found->second.dim() != 2 || found->second.size(dimension) < size)
      throw InputError(fmt::format("{}: the tensor '{}', which it names, is missing or too small.",
                                   where, name));
    tensors.emplace_back(name, found->second.narrow(dimension, 0, size).contiguous());
  };
  for (const ExpertModule& module : config.modules) {
    take(router_tensor(module.name), 0, static_cast<std::int64_t>(config.names.size()));
    for (std::size_t i = 0; i < module.ranks.size(); ++i) {
      if (module.ranks[i] == 0) continue;
      take(expert_tensor(module.name, i, 'A'), 0, module.ranks[i]);
      take(expert_tensor(module.name, i, 'B'), 1, module.ranks[i]);
    }
  }
  return tensors;
}

MoeAdapter MoeAdapter::load(const fs::path& directory, const Weights& base) {
  const fs::path config = directory / kMixtureFile, file = directory / kMixtureTensorFile;
  const std::string text = read_file(config);
  const SafetensorsReader reader(file);
  NamedTensors tensors;
  for (const std::string& name : reader.names()) {
    tensors.emplace_back(name, reader.view(name));
    check_finite(file.string(), name, tensors.back().second);
  }
  return of(text, tensors, base, config.string(), file.string());
}

void MoeAdapter::save(const fs::path& directory) const {
  write_mixture(directory, json(), named());
}

bool is_mixture(const fs::path& directory) {
  std::error_code ignored;
  return fs::exists(directory / kMixtureFile, ignored);
}

void write_mixture(const fs::path& directory, const std::string& json,
                   const NamedTensors& tensors) {
  std::error_code failed;
  fs::create_directories(directory, failed);
  if (failed) {
    throw EnvironmentError(
        fmt::format("{}: cannot create the folder: {}.", directory.string(), failed.message()));
  }
  write_file(directory / kMixtureFile, json);
  write_safetensors(directory / kMixtureTensorFile, tensors, {});
}

}  // namespace factsweep
