// An object of a JSON file that a user wrote, and what messages call it: `sets.json: tasks[2]`.
#pragma once

#include <cstdint>
#include <filesystem>
#include <initializer_list>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace factsweep {

/// read_json(), and InputError where an object has a key twice: of JSON's two values one would be
/// lost.
nlohmann::json read_json_once(const std::filesystem::path& path);

/// Every function throws an InputError that names the place and the rule.
struct JsonNode {
  const nlohmann::json& json;
  std::string where;

  [[noreturn]] void fail(const std::string& rule) const;
  /// It is an object, and has no other keys.
  void allow(std::initializer_list<std::string_view> keys) const;
  bool has(const char* key) const { return json.contains(key); }
  /// A string that is not empty.
  std::string text(const char* key) const;
  std::string text_or(const char* key, const std::string& fallback) const;
  /// 0, 1, 2, ...
  std::int64_t count(const char* key, std::int64_t fallback) const;
  bool flag(const char* key, bool fallback) const;
  JsonNode child(const char* key) const;
  /// The items of a list; none where there is no such key.
  std::vector<JsonNode> list(const char* key) const;
};

}  // namespace factsweep
