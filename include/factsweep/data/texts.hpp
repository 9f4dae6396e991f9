// Files of texts without labels.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace factsweep {

/// The texts of a file of JSON lines {"text"}, or the lines of a plain one that are not blank.
/// InputError with file and line.
std::vector<std::string> read_texts(const std::filesystem::path& path);

/// The same, but a plain file is one text, as it stands.
std::vector<std::string> read_whole_texts(const std::filesystem::path& path);

}  // namespace factsweep
