// What the tokenizer tests share: stored data, throwaway model folders, readable failures.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "catch.hpp"
#include "factsweep/core/error.hpp"
#include "factsweep/core/file.hpp"
#include "factsweep/text/tokenizer.hpp"

namespace factsweep::testing {

using Ids = std::vector<TokenId>;

inline std::filesystem::path source_root() {
  const char* root = std::getenv("FACTSWEEP_SOURCE");
  return root != nullptr ? root : std::filesystem::current_path();
}

inline std::filesystem::path stored(const std::string& name) {
  return source_root() / "tests" / "unit" / "text" / "data" / name;
}

/// A model folder that vanishes with the object.
class Folder {
 public:
  Folder() {
    std::string name = (std::filesystem::temp_directory_path() / "factsweep_text_XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) throw EnvironmentError("no temporary folder: " + name);
    path_ = name;
  }
  ~Folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  void write(const std::string& name, std::string_view content) const {
    std::ofstream(path_ / name, std::ios::binary) << content;
  }
  void write_json(const std::string& name, const nlohmann::json& content) const {
    write(name, std::string_view(content.dump()));
  }
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

/// The message of the InputError that loading `folder` ends in; empty when it loads.
inline std::string load_error(const std::filesystem::path& folder) {
  try {
    Tokenizer::load(folder);
  } catch (const InputError& error) {
    return error.what();
  }
  return {};
}

/// A stored text with its ids, those with special tokens, and what the ids are decoded to.
inline void check_text(const Tokenizer& tokenizer, const nlohmann::json& expected) {
  const auto text = expected.at("text").get<std::string>();
  const Ids ids = expected.at("ids").get<Ids>();
  CHECK(tokenizer.encode(text) == ids);
  CHECK(tokenizer.encode(text, true) == expected.at("special").get<Ids>());
  CHECK(tokenizer.decode(ids) == expected.at("decoded").get<std::string>());
}

inline std::string pieces_of(const Tokenizer& tokenizer, const Ids& ids) {
  std::string text;
  for (const TokenId id : ids) text += tokenizer.piece(id);
  return text;
}

}  // namespace factsweep::testing
