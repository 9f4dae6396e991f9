// Typed look-ups in config.json whose errors name the file, the key, the value and what is allowed.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "factsweep/model/config.hpp"

namespace factsweep {

class ConfigReader {
 public:
  /// `config` must outlive the reader. InputError: not an object.
  ConfigReader(const nlohmann::json& config, std::string file, std::string architecture);

  /// A key that is null counts as absent, as in transformers.
  bool has(const char* key) const;
  /// Present, and null.
  bool is_null(const char* key) const;
  /// A size: a whole number from 1 to 2^24.
  std::int64_t size(const char* key) const;
  std::int64_t size(const char* key, std::int64_t fallback) const;
  /// A size of at most 4096.
  std::int64_t layers(const char* key) const;
  /// As size(), but 0 is allowed.
  std::int64_t count(const char* key, std::int64_t fallback) const;
  /// A soft cap: positive; 0 for null.
  double cap(const char* key, double fallback) const;
  /// A finite number.
  double number(const char* key, double fallback) const;
  double positive(const char* key, double fallback) const;
  bool flag(const char* key, bool fallback) const;
  std::string word(const char* key, const std::string& fallback) const;
  std::vector<std::string> words(const char* key) const;
  /// A list of finite numbers.
  std::vector<double> numbers(const char* key) const;
  Activation activation(const char* key, const std::string& fallback) const;
  /// The object under `key`; an absent one reads as empty.
  ConfigReader section(const char* key) const;

  /// Refuses every value of `key` but `supported` (and absence).
  void only(const char* key, const nlohmann::json& supported) const;
  [[noreturn]] void fail(const std::string& reason) const;
  /// fail() for a value that exists but is not supported; `supported` completes "Supported: ".
  [[noreturn]] void refuse(const char* key, const std::string& supported) const;

 private:
  const nlohmann::json& value(const char* key) const;
  const nlohmann::json& config_;
  std::string file_, architecture_;
};

}  // namespace factsweep
