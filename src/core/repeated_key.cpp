#include "factsweep/core/repeated_key.hpp"

namespace factsweep {

bool RepeatedKey::operator()(int, nlohmann::json::parse_event_t event, nlohmann::json& parsed) {
  using Event = nlohmann::json::parse_event_t;
  if (event == Event::object_start) open_.emplace_back();
  if (event == Event::object_end) open_.pop_back();
  if (event == Event::key && !open_.back().insert(parsed.get<std::string>()).second)
    found_ = parsed.get<std::string>();
  return true;
}

}  // namespace factsweep
