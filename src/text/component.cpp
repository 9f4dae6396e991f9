#include "component.hpp"

#include <fmt/format.h>

#include "characters.hpp"
#include "vocabulary.hpp"

namespace factsweep::text {

Component::Component(const nlohmann::json& value, std::string where, int depth)
    : value_(&value), where_(std::move(where)), depth_(depth) {
  constexpr int kDeepest = 100;
  if (depth_ > kDeepest) fail("components are nested too deeply.");
}

bool Component::has(const char* key) const {
  if (!value_->is_object()) return false;
  const auto found = value_->find(key);
  return found != value_->end() && !found->is_null();
}

Component Component::at(const char* key) const {
  if (!has(key)) fail(fmt::format("'{}' is missing.", key));
  // the file itself ends in "json", parts of it are joined with dots
  const bool is_file = where_.find(": ") == std::string::npos;
  return {value_->at(key), fmt::format("{}{}{}", where_, is_file ? ": " : ".", key), depth_ + 1};
}

std::vector<Component> Component::list(const char* key) const {
  const Component array = at(key);
  if (!array.value().is_array()) array.fail("a list is needed here.");
  std::vector<Component> items;
  items.reserve(array.value().size());
  for (std::size_t i = 0; i < array.value().size(); ++i) {
    items.emplace_back(array.value()[i], fmt::format("{}[{}]", array.where(), i), array.depth_ + 1);
  }
  return items;
}

std::string Component::text(const char* key) const {
  return at(key).as_text();
}

std::string Component::text(const char* key, std::string_view fallback) const {
  return has(key) ? text(key) : std::string(fallback);
}

std::string Component::character(const char* key) const {
  const std::string content = text(key);
  std::size_t end = 0;
  if (!content.empty()) next_character(content, end);
  if (content.empty() || end != content.size()) at(key).fail("one character is needed here.");
  return content;
}

std::string Component::character(const char* key, std::string_view fallback) const {
  return has(key) ? character(key) : std::string(fallback);
}

bool Component::flag(const char* key, bool fallback) const {
  if (!has(key)) return fallback;
  const Component item = at(key);
  if (!item.value().is_boolean()) item.fail("true or false is needed here.");
  return item.value().get<bool>();
}

std::int64_t Component::integer(const char* key, std::int64_t fallback) const {
  if (!has(key)) return fallback;
  const Component item = at(key);
  if (!item.value().is_number_integer()) item.fail("an integer is needed here.");
  return item.value().get<std::int64_t>();
}

TokenId Component::token_id() const {
  if (!value_->is_number_integer()) fail("a token id (an integer) is needed here.");
  const auto id = value_->get<std::int64_t>();
  if (id < 0 || id >= Vocabulary::kMaxId) {
    fail(fmt::format("token id {} is outside 0..{}.", id, Vocabulary::kMaxId - 1));
  }
  return static_cast<TokenId>(id);
}

std::string Component::as_text() const {
  if (!value_->is_string()) fail("a string is needed here.");
  return value_->get<std::string>();
}

void Component::fail(std::string_view reason) const {
  throw InputError(fmt::format("{}: {}", where_, reason));
}

void Component::unknown(std::string_view type, std::string_view supported) const {
  throw UnknownComponent(
      fmt::format("{}: '{}' is not supported. Supported here: {}.", where_, type, supported));
}

}  // namespace factsweep::text
