#include "sentence_config.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cmath>
#include <limits>
#include <utility>
#include <vector>

#include "../model/config_reader.hpp"
#include "factsweep/core/error.hpp"
#include "factsweep/core/file.hpp"

namespace factsweep::encoder {
namespace fs = std::filesystem;
namespace {

constexpr const char* kWhat = "sentence embeddings";  // what values are not supported for

/// `visit(reader)` with the file's content, where there is such a file.
template <typename Visit>
void visit_file(const fs::path& file, Visit visit) {
  if (!fs::exists(file)) return;
  const nlohmann::json content = read_json(file);
  visit(ConfigReader(content, file.string(), kWhat));
}

/// Versions before 6 wrote one flag for each mode, later ones a name or a list of names.
std::vector<std::string> pooling_modes(const ConfigReader& reader, const nlohmann::json& content) {
  if (reader.has("pooling_mode")) {
    if (content["pooling_mode"].is_array()) return reader.words("pooling_mode");
    return {reader.word("pooling_mode", "")};
  }
  static constexpr std::pair<const char*, const char*> kFlags[] = {
      {"pooling_mode_cls_token", "cls"},
      {"pooling_mode_mean_tokens", "mean"},
      {"pooling_mode_max_tokens", "max"},
      {"pooling_mode_mean_sqrt_len_tokens", "mean_sqrt_len_tokens"},
      {"pooling_mode_weightedmean_tokens", "weightedmean"},
      {"pooling_mode_lasttoken", "lasttoken"}};
  std::vector<std::string> modes;
  for (const auto& [flag, mode] : kFlags) {
    if (reader.flag(flag, false)) modes.emplace_back(mode);
  }
  return modes;
}

void read_pooling(const fs::path& folder, SentenceConfig& config) {
  const std::string file = (folder / "config.json").string();
  const nlohmann::json content = read_json(file);
  const ConfigReader reader(content, file, kWhat);
  const std::vector<std::string> modes = pooling_modes(reader, content);
  if (modes.size() != 1 || (modes.front() != "cls" && modes.front() != "mean")) {
    reader.fail(fmt::format("pooling by [{}] is not supported. Supported: one of cls, mean.",
                            fmt::join(modes, ", ")));
  }
  config.pooling = modes.front() == "cls" ? Pooling::cls : Pooling::mean;
  config.pooled_width =
      reader.count("embedding_dimension", reader.count("word_embedding_dimension", 0));
  // without a prompt there is nothing to leave out
  if (!config.prompt.empty()) reader.only("include_prompt", true);
}

/// The modules one after the other: Transformer, Pooling, and perhaps Normalize.
void read_modules(const fs::path& directory, SentenceConfig& config) {
  const fs::path file = directory / "modules.json";
  if (!fs::exists(file)) return;
  const nlohmann::json list = read_json(file);
  const auto fail = [&](const std::string& reason) {
    throw InputError(
        fmt::format("{}: {} Supported: Transformer, Pooling and then at most "
                    "Normalize.",
                    file.string(), reason));
  };
  if (!list.is_array() || list.size() < 2) fail("two or three modules are needed.");
  for (std::size_t i = 0; i < list.size(); ++i) {
    const ConfigReader module(list[i], file.string(), kWhat);
    const std::string type = module.word("type", ""), path = module.word("path", "");
    const std::string name = type.substr(type.rfind('.') + 1);
    const std::vector<std::string> wanted = {"Transformer", "Pooling", "Normalize"};
    if (i >= wanted.size() || name != wanted[i])
      fail(fmt::format("module {} is '{}', which is not supported there.", i, type));
    if (i == 0 && !path.empty()) config.transformer = directory / path;
    if (i == 1) read_pooling(directory / path, config);
    if (i == 2) config.normalize = true;
  }
}

void read_prompt(const ConfigReader& reader, SentenceConfig& config) {
  const std::string name = reader.word("default_prompt_name", "");
  if (name.empty()) return;
  const ConfigReader prompts = reader.section("prompts");
  if (!prompts.has(name.c_str())) {
    reader.fail(
        fmt::format("'default_prompt_name' = '{}' is not among the keys of 'prompts'.", name));
  }
  config.prompt = prompts.word(name.c_str(), "");
}

void read_tokenizer_config(const ConfigReader& reader, SentenceConfig& config) {
  reader.only("truncation_side", "right");
  // "no limit" is written as 1e30
  const double limit = reader.number("model_max_length", std::numeric_limits<double>::infinity());
  if (limit < 1e9 && !config.max_tokens) config.max_tokens = std::llround(limit);
}

}  // namespace

SentenceConfig SentenceConfig::read(const fs::path& directory) {
  SentenceConfig config;
  config.transformer = directory;
  visit_file(directory / "config_sentence_transformers.json",
             [&](const ConfigReader& reader) { read_prompt(reader, config); });
  read_modules(directory, config);
  for (const char* name : {"sentence_bert_config.json", "sentence_roberta_config.json",
                           "sentence_xlm-roberta_config.json"}) {
    visit_file(config.transformer / name, [&](const ConfigReader& reader) {
      reader.only("do_lower_case", false);
      if (!config.max_tokens && reader.has("max_seq_length"))
        config.max_tokens = reader.size("max_seq_length");
    });
  }
  visit_file(config.transformer / "tokenizer_config.json",
             [&](const ConfigReader& reader) { read_tokenizer_config(reader, config); });
  return config;
}

}  // namespace factsweep::encoder
