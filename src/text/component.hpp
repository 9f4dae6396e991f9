// A part of a JSON file that knows where it is ("tokenizer.json:
// pre_tokenizer.pretokenizers[1]"), so that every complaint about it can say so. All reads check
// the type: a damaged file is an InputError, never a crash.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "factsweep/core/error.hpp"
#include "factsweep/text/tokenizer.hpp"

namespace factsweep::text {

/// A well-formed component that we do not implement: the directory may have another tokenizer file
/// to use.
struct UnknownComponent : InputError {
  using InputError::InputError;
};

class Component {
 public:
  /// `value` must outlive the component.
  Component(const nlohmann::json& value, std::string where, int depth = 0);

  const nlohmann::json& value() const { return *value_; }
  const std::string& where() const { return where_; }

  bool has(const char* key) const;  // present and not null
  Component at(const char* key) const;
  std::vector<Component> list(const char* key) const;
  std::string text(const char* key) const;
  std::string text(const char* key, std::string_view fallback) const;
  /// A string of exactly one character.
  std::string character(const char* key) const;
  std::string character(const char* key, std::string_view fallback) const;
  bool flag(const char* key, bool fallback) const;
  std::int64_t integer(const char* key, std::int64_t fallback) const;
  TokenId token_id() const;     // this value itself
  std::string as_text() const;  // this value itself

  /// InputError: "<where>: <reason>".
  [[noreturn]] void fail(std::string_view reason) const;
  /// UnknownComponent naming the offending `type` and what is supported.
  [[noreturn]] void unknown(std::string_view type, std::string_view supported) const;

 private:
  const nlohmann::json* value_;
  std::string where_;
  int depth_;  // of nesting: a file made to be deep must not exhaust the stack
};

}  // namespace factsweep::text
