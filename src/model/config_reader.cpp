#include "config_reader.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cmath>
#include <map>

#include "factsweep/core/error.hpp"

namespace factsweep {
namespace {

constexpr std::int64_t kLargestSize = std::int64_t{1} << 24;  // products of sizes stay in 64 bits
constexpr std::int64_t kMostLayers = 4096;

/// gelu_new, gelu_fast and gelu_pytorch_tanh are three spellings of one formula.
const std::map<std::string, Activation> kActivations = {
    {"silu", Activation::silu},
    {"swish", Activation::silu},
    {"gelu", Activation::gelu},
    {"gelu_new", Activation::gelu_tanh},
    {"gelu_fast", Activation::gelu_tanh},
    {"gelu_pytorch_tanh", Activation::gelu_tanh},
    {"relu", Activation::relu}};

}  // namespace

ConfigReader::ConfigReader(const nlohmann::json& config, std::string file, std::string architecture)
    : config_(config), file_(std::move(file)), architecture_(std::move(architecture)) {
  if (!config_.is_object()) fail("a JSON object is needed here.");
}

bool ConfigReader::has(const char* key) const {
  const auto found = config_.find(key);
  return found != config_.end() && !found->is_null();
}

bool ConfigReader::is_null(const char* key) const {
  const auto found = config_.find(key);
  return found != config_.end() && found->is_null();
}

const nlohmann::json& ConfigReader::value(const char* key) const {
  if (has(key)) return config_[key];
  fail(fmt::format("'{}' is missing{}.", key,
                   architecture_.empty() ? "" : "; " + architecture_ + " needs it"));
}

void ConfigReader::fail(const std::string& reason) const {
  throw InputError(file_ + ": " + reason);
}

void ConfigReader::refuse(const char* key, const std::string& supported) const {
  fail(fmt::format("'{}' = {} is not supported for {}. Supported: {}.", key, value(key).dump(),
                   architecture_, supported));
}

std::int64_t ConfigReader::count(const char* key, std::int64_t fallback) const {
  if (!has(key)) return fallback;
  const nlohmann::json& found = value(key);
  const bool whole = found.is_number_integer();
  if (!whole || found.get<std::int64_t>() < 0 || found.get<std::int64_t>() > kLargestSize) {
    fail(
        fmt::format("'{}' = {} is no whole number from 0 to {}.", key, found.dump(), kLargestSize));
  }
  return found.get<std::int64_t>();
}

std::int64_t ConfigReader::size(const char* key) const {
  value(key);
  return size(key, 0);
}

std::int64_t ConfigReader::size(const char* key, std::int64_t fallback) const {
  if (!has(key)) return fallback;
  const std::int64_t number = count(key, fallback);
  if (number == 0) fail(fmt::format("'{}' = 0 must be positive.", key));
  return number;
}

std::int64_t ConfigReader::layers(const char* key) const {
  const std::int64_t number = size(key);
  if (number > kMostLayers)
    fail(fmt::format("'{}' = {} must be at most {}.", key, number, kMostLayers));
  return number;
}

double ConfigReader::cap(const char* key, double fallback) const {
  if (is_null(key)) return 0;
  return has(key) ? positive(key, fallback) : fallback;
}

double ConfigReader::number(const char* key, double fallback) const {
  if (!has(key)) return fallback;
  const nlohmann::json& found = value(key);
  if (!found.is_number() || !std::isfinite(found.get<double>())) {
    fail(fmt::format("'{}' = {} is no finite number.", key, found.dump()));
  }
  return found.get<double>();
}

double ConfigReader::positive(const char* key, double fallback) const {
  const double found = number(key, fallback);
  if (!(found > 0)) fail(fmt::format("'{}' = {} must be positive.", key, found));
  return found;
}

bool ConfigReader::flag(const char* key, bool fallback) const {
  if (!has(key)) return fallback;
  const nlohmann::json& found = value(key);
  if (!found.is_boolean()) fail(fmt::format("'{}' = {} is not true or false.", key, found.dump()));
  return found.get<bool>();
}

std::string ConfigReader::word(const char* key, const std::string& fallback) const {
  if (!has(key)) return fallback;
  const nlohmann::json& found = value(key);
  if (!found.is_string()) fail(fmt::format("'{}' = {} is no string.", key, found.dump()));
  return found.get<std::string>();
}

std::vector<std::string> ConfigReader::words(const char* key) const {
  const nlohmann::json& found = value(key);
  std::vector<std::string> list;
  for (const nlohmann::json& item : found) {
    if (!found.is_array() || !item.is_string()) {
      fail(fmt::format("'{}' = {} is no list of strings.", key, found.dump()));
    }
    list.push_back(item.get<std::string>());
  }
  return list;
}

std::vector<double> ConfigReader::numbers(const char* key) const {
  const nlohmann::json& found = value(key);
  std::vector<double> list;
  for (const nlohmann::json& item : found) {
    if (!found.is_array() || !item.is_number() || !std::isfinite(item.get<double>()))
      fail(fmt::format("'{}' = {} is no list of numbers.", key, found.dump()));
    list.push_back(item.get<double>());
  }
  return list;
}

Activation ConfigReader::activation(const char* key, const std::string& fallback) const {
  const auto found = kActivations.find(word(key, fallback));
  if (found != kActivations.end()) return found->second;
  std::vector<std::string> names;
  for (const auto& [name, activation] : kActivations) names.push_back(name);
  refuse(key, fmt::format("{}", fmt::join(names, ", ")));
}

ConfigReader ConfigReader::section(const char* key) const {
  static const nlohmann::json nothing = nlohmann::json::object();
  return {has(key) ? config_[key] : nothing, fmt::format("{}: in '{}'", file_, key), architecture_};
}

void ConfigReader::only(const char* key, const nlohmann::json& supported) const {
  if (has(key) && config_[key] != supported) refuse(key, supported.dump());
}

}  // namespace factsweep
