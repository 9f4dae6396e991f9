// How the readers of whole JSON files parse, for those that look at what they read meanwhile.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>

namespace factsweep {

/// Parses `path` or `path`.gz, which is read once, as it may be a pipe. InputError with
/// file:line:column and the parser's reason; whatever `visit` throws goes on.
nlohmann::json parse_json_file(const std::filesystem::path& path,
                               const nlohmann::json::parser_callback_t& visit = nullptr);

}  // namespace factsweep
