#include "factsweep/core/json_node.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <functional>

#include "factsweep/core/error.hpp"
#include "factsweep/core/file.hpp"
#include "factsweep/core/repeated_key.hpp"
#include "parse_json.hpp"

namespace factsweep {

nlohmann::json read_json_once(const std::filesystem::path& path) {
  RepeatedKey repeated;
  nlohmann::json json = parse_json_file(path, std::ref(repeated));
  if (repeated.found().empty()) return json;
  throw InputError(
      fmt::format("{}: the key '{}' is there twice in one object. Keep one of the two.",
                  find_file(path).string(), repeated.found()));
}

void JsonNode::fail(const std::string& rule) const {
  throw InputError(fmt::format("{} {}", where, rule));
}

void JsonNode::allow(std::initializer_list<std::string_view> keys) const {
  if (!json.is_object()) fail("is no object.");
  for (const auto& [key, value] : json.items()) {
    if (std::find(keys.begin(), keys.end(), key) == keys.end())
      fail(fmt::format("has the unknown key '{}'. Known: {}.", key, fmt::join(keys, ", ")));
  }
}

std::string JsonNode::text(const char* key) const {
  if (!has(key) || !json.at(key).is_string() || json.at(key).get<std::string>().empty())
    fail(fmt::format("needs a string '{}'.", key));
  return json.at(key);
}

std::string JsonNode::text_or(const char* key, const std::string& fallback) const {
  return has(key) ? text(key) : fallback;
}

std::int64_t JsonNode::count(const char* key, std::int64_t fallback) const {
  if (!has(key)) return fallback;
  if (!json.at(key).is_number_integer() || json.at(key).get<std::int64_t>() < 0)
    fail(fmt::format("needs a number 0, 1, 2, ... as '{}'.", key));
  return json.at(key);
}

bool JsonNode::flag(const char* key, bool fallback) const {
  if (!has(key)) return fallback;
  if (!json.at(key).is_boolean()) fail(fmt::format("needs true or false as '{}'.", key));
  return json.at(key);
}

JsonNode JsonNode::child(const char* key) const {
  return {json.at(key), fmt::format("{}: {}", where, key)};
}

std::vector<JsonNode> JsonNode::list(const char* key) const {
  std::vector<JsonNode> nodes;
  if (!has(key)) return nodes;
  if (!json.at(key).is_array()) fail(fmt::format("needs a list '{}'.", key));
  for (const nlohmann::json& item : json.at(key))
    nodes.push_back({item, fmt::format("{}: {}[{}]", where, key, nodes.size())});
  return nodes;
}

}  // namespace factsweep
