// Keys that stand twice in one object of a JSON text.
#pragma once

#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

namespace factsweep {

/// Watches a text while it is parsed, std::ref() of it as the parser's callback: of a key that an
/// object has twice JSON keeps one value, and the other is lost without a word.
class RepeatedKey {
 public:
  bool operator()(int depth, nlohmann::json::parse_event_t event, nlohmann::json& parsed);
  /// The last one that was seen; empty: none was.
  const std::string& found() const { return found_; }

 private:
  std::vector<std::set<std::string>> open_;  // keys of the objects around
  std::string found_;
};

}  // namespace factsweep
