// A whole model directory: a tiny model of the unit tests with a tokenizer of single characters.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>

#include "factsweep/core/file.hpp"
#include "tiny_model.hpp"

namespace factsweep::test {

/// Writes llama-tied and its tokenizer of 64 characters to `folder`.
inline std::filesystem::path write_tiny_model(const std::filesystem::path& folder) {
  std::filesystem::create_directories(folder);
  for (const char* file : {"config.json", "model.safetensors"})
    std::filesystem::copy_file(model_data("llama-tied") / file, folder / file);
  const std::string characters = "\n abcdefghijklmnopqrstuvwxyz0123456789ABFPQTW.:?()',-";
  nlohmann::json vocabulary = {{"<unk>", 0}, {"<s>", 1}, {"</s>", 2}};
  for (const char c : characters) vocabulary[std::string(1, c)] = vocabulary.size();
  require(vocabulary.size() <= 64, "the tiny model has 64 tokens");
  nlohmann::json added = nlohmann::json::array();
  for (const auto& [text, id] : {std::pair{"<unk>", 0}, {"<s>", 1}, {"</s>", 2}})
    added.push_back({{"id", id},
                     {"content", text},
                     {"single_word", false},
                     {"lstrip", false},
                     {"rstrip", false},
                     {"normalized", false},
                     {"special", true}});
  const nlohmann::json tokenizer = {{"version", "1.0"},
                                    {"truncation", nullptr},
                                    {"padding", nullptr},
                                    {"added_tokens", added},
                                    {"normalizer", nullptr},
                                    {"pre_tokenizer", nullptr},
                                    {"post_processor", nullptr},
                                    {"decoder", {{"type", "Fuse"}}},
                                    {"model",
                                     {{"type", "BPE"},
                                      {"dropout", nullptr},
                                      {"unk_token", "<unk>"},
                                      {"continuing_subword_prefix", nullptr},
                                      {"end_of_word_suffix", nullptr},
                                      {"fuse_unk", false},
                                      {"byte_fallback", false},
                                      {"vocab", vocabulary},
                                      {"merges", nlohmann::json::array()}}}};
  write_file(folder / "tokenizer.json", tokenizer.dump());
  return folder;
}

/// Another family's model of the unit tests, with the same tokenizer.
inline std::filesystem::path write_family_model(const std::filesystem::path& folder,
                                                const std::string& family) {
  write_tiny_model(folder);
  for (const char* file : {"config.json", "model.safetensors"})
    std::filesystem::copy_file(model_data("families/" + family) / file, folder / file,
                               std::filesystem::copy_options::overwrite_existing);
  return folder;
}

/// Lets every text begin with <s>, as Llama's tokenizers do.
inline void begin_texts(const std::filesystem::path& folder) {
  nlohmann::json tokenizer = read_json(folder / "tokenizer.json");
  const nlohmann::json begin = {{"SpecialToken", {{"id", "<s>"}, {"type_id", 0}}}},
                       text = {{"Sequence", {{"id", "A"}, {"type_id", 0}}}};
  tokenizer["post_processor"] = {
      {"type", "TemplateProcessing"},
      {"single", {begin, text}},
      {"pair", {begin, text, {{"Sequence", {{"id", "B"}, {"type_id", 1}}}}}},
      {"special_tokens", {{"<s>", {{"id", "<s>"}, {"ids", {1}}, {"tokens", {"<s>"}}}}}}};
  write_file(folder / "tokenizer.json", tokenizer.dump());
  write_file(folder / "tokenizer_config.json", R"({"bos_token": "<s>"})");
}

/// Takes a character out of that tokenizer's vocabulary: no tokens spell a text with it.
inline void forget_character(const std::filesystem::path& folder, const std::string& character) {
  nlohmann::json tokenizer = read_json(folder / "tokenizer.json");
  nlohmann::json& vocabulary = tokenizer["model"]["vocab"];
  vocabulary["\u00e9"] = vocabulary.at(character);
  vocabulary.erase(character);
  write_file(folder / "tokenizer.json", tokenizer.dump());
}

}  // namespace factsweep::test
