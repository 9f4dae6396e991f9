// JSON documents that are texts already.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace factsweep {

/// InputError with `where`:line:column and what is wrong with a JSON document.
[[noreturn]] void refuse_json(const nlohmann::json::exception& error, std::string_view text,
                              const std::string& where);

/// Parses the text of a JSON document of any of the library's kinds. InputError as refuse_json().
template <typename Json>
Json parse_json(std::string_view text, const std::string& where,
                const typename Json::parser_callback_t& visit = nullptr) {
  try {
    return Json::parse(text, visit);
  } catch (const nlohmann::json::exception& error) {
    refuse_json(error, text, where);
  }
}

}  // namespace factsweep
