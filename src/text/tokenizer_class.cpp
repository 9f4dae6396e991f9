#include "tokenizer_class.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>

namespace factsweep::text {
namespace {

using Json = nlohmann::json;

constexpr const char* kSpace = "\u2581";  // how SentencePiece writes the space

bool is_type(const Json& part, std::string_view type) {
  return part.is_object() && part.value("type", Json()) == Json(type);
}

bool is_on(const Json& step, const char* key) {  // on where the step does not say
  return step.value(key, Json(true)) == Json(true);
}

/// The steps of a component: itself, or what a Sequence lists.
void collect_steps(Json& part, const char* list, std::vector<Json*>& steps, int depth = 0) {
  constexpr int kDeepest = 64;
  if (!part.is_object() || depth > kDeepest) return;
  if (!is_type(part, "Sequence")) {
    steps.push_back(&part);
  } else if (part.contains(list) && part[list].is_array()) {
    for (Json& step : part[list]) collect_steps(step, list, steps, depth + 1);
  }
}

class Overlay {
 public:
  Overlay(const TokenizerConfig& config, Json& content, const std::string& file)
      : config_(config), content_(content), file_(file) {}

  void apply() {
    const std::string name = config_.class_in_transformers();
    constexpr std::array kByteLevel = {"GPT2Tokenizer", "CodeGenTokenizer", "GPTNeoXTokenizer",
                                       "Qwen2Tokenizer", "RobertaTokenizer"};
    if (std::find(kByteLevel.begin(), kByteLevel.end(), name) != kByteLevel.end()) {
      as_byte_level(name);
    } else if (name == "LlamaTokenizer" && is_sentencepiece_bpe()) {
      as_llama();
    } else if (name == "XLMRobertaTokenizer") {
      as_xlm_roberta();
    } else {
      expect_prefix_space(name);
    }
    if (name == "BertTokenizer" || name == "MPNetTokenizer") as_bert();
  }

 private:
  std::vector<Json*> steps(const char* key, const char* list, std::string_view type) {
    std::vector<Json*> all, found;
    if (content_.contains(key)) collect_steps(content_[key], list, all);
    std::copy_if(all.begin(), all.end(), std::back_inserter(found),
                 [&](const Json* step) { return is_type(*step, type); });
    return found;
  }
  std::vector<Json*> normalizers(std::string_view type) {
    return steps("normalizer", "normalizers", type);
  }
  std::vector<Json*> pre_tokenizers(std::string_view type) {
    return steps("pre_tokenizer", "pretokenizers", type);
  }

  [[noreturn]] void fail(const char* key, bool value, std::string_view reason) const {
    throw InputError(fmt::format("{}: '{}' = {}, but {}: {}. Make the two files agree.",
                                 config_.where, key, value, file_, reason));
  }

  /// These classes put a space before a text only where tokenizer_config.json asks for it.
  void as_byte_level(const std::string& name) {
    const bool wanted = config_.add_prefix_space.value_or(false);
    const std::vector<Json*> found = pre_tokenizers("ByteLevel");
    if (found.empty() && wanted)
      fail("add_prefix_space", wanted, "its pre_tokenizer has no ByteLevel that could do so");
    const bool cut_before = found.size() > 0 && found.front() != &content_["pre_tokenizer"];
    for (Json* step : found) {
      // Qwen2Tokenizer has this very sequence, and puts the space before each of its words
      if (wanted && !is_on(*step, "add_prefix_space") && cut_before && name != "Qwen2Tokenizer") {
        fail("add_prefix_space", wanted,
             fmt::format("it cuts the text before ByteLevel sees it, which {} does not", name));
      }
      (*step)["add_prefix_space"] = wanted;
    }
    // this class adds BOS and EOS by no file but its own rule, and that says neither
    if (name == "GPTNeoXTokenizer") content_.erase("post_processor");
  }

  /// A BPE over text with U+2581 for spaces, and nothing else done to the text.
  bool is_sentencepiece_bpe() {
    const Json model = content_.value("model", Json());
    if (!model.is_object() || model.value("byte_fallback", Json()) != Json(true)) return false;
    std::vector<Json*> all;
    for (const auto& [key, list] :
         {std::pair{"normalizer", "normalizers"}, std::pair{"pre_tokenizer", "pretokenizers"}}) {
      if (content_.contains(key)) collect_steps(content_[key], list, all);
    }
    return !all.empty() && std::all_of(all.begin(), all.end(), [](const Json* step) {
      const Json to = step->value(is_type(*step, "Prepend") ? "prepend" : "content", Json());
      return is_type(*step, "Metaspace") ||
             ((is_type(*step, "Prepend") || is_type(*step, "Replace")) && to == Json(kSpace));
    });
  }

  void as_llama() {
    const bool prefix = config_.add_prefix_space.value_or(true);
    content_["normalizer"] = nullptr;
    content_["pre_tokenizer"] = {
        {"type", "Metaspace"},
        {"replacement", kSpace},
        {"prepend_scheme", !prefix          ? "never"
                           : config_.legacy ? "always"
                                            : "first"},
        {"split", false}};
    Json decoders = {{{"type", "Replace"}, {"pattern", {{"String", kSpace}}}, {"content", " "}},
                     {{"type", "ByteFallback"}},
                     {{"type", "Fuse"}}};
    if (prefix)
      decoders.push_back({{"type", "Strip"}, {"content", " "}, {"start", 1}, {"stop", 0}});
    content_["decoder"] = {{"type", "Sequence"}, {"decoders", decoders}};
  }

  void as_xlm_roberta() {
    if (!config_.add_prefix_space) return;
    const bool wanted = *config_.add_prefix_space;
    std::vector<Json*> found = pre_tokenizers("Metaspace");
    if (found.empty() && wanted)
      fail("add_prefix_space", wanted, "its pre_tokenizer has no Metaspace that could do so");
    const std::vector<Json*> decoders = steps("decoder", "decoders", "Metaspace");
    found.insert(found.end(), decoders.begin(), decoders.end());
    for (Json* step : found) {
      step->erase("add_prefix_space");
      (*step)["prepend_scheme"] = wanted ? "always" : "never";
    }
  }

  void as_bert() {
    const std::vector<Json*> found = normalizers("BertNormalizer");
    if (found.empty()) {
      const std::array switches = {std::pair{"do_lower_case", config_.do_lower_case},
                                   std::pair{"strip_accents", config_.strip_accents},
                                   std::pair{"tokenize_chinese_chars",
                                             config_.tokenize_chinese_chars}};
      for (const auto& [key, value] : switches) {
        if (value) fail(key, *value, "its normalizer has no BertNormalizer that could do so");
      }
    }
    for (Json* step : found) {
      (*step)["lowercase"] = config_.do_lower_case.value_or(true);
      (*step)["handle_chinese_chars"] = config_.tokenize_chinese_chars.value_or(true);
      (*step)["strip_accents"] = config_.strip_accents ? Json(*config_.strip_accents) : Json();
    }
  }

  bool puts_space_before() {
    const auto any = [](const std::vector<Json*>& found, bool (*puts)(const Json*)) {
      return std::any_of(found.begin(), found.end(), puts);
    };
    return !normalizers("Prepend").empty() ||
           any(pre_tokenizers("ByteLevel"),
               [](const Json* step) { return is_on(*step, "add_prefix_space"); }) ||
           any(pre_tokenizers("Metaspace"), [](const Json* step) {
             return step->contains("prepend_scheme") ? (*step)["prepend_scheme"] != Json("never")
                                                     : is_on(*step, "add_prefix_space");
           });
  }

  /// All other classes read tokenizer.json as it is; earlier ones of transformers obeyed the key.
  void expect_prefix_space(const std::string& name) {
    if (!config_.add_prefix_space || *config_.add_prefix_space == puts_space_before()) return;
    fail("add_prefix_space", *config_.add_prefix_space,
         fmt::format("{} a space before a text, and {} reads that file alone",
                     *config_.add_prefix_space ? "it does not put" : "it puts",
                     name.empty() ? "transformers" : name));
  }

  const TokenizerConfig& config_;
  Json& content_;
  const std::string& file_;
};

}  // namespace

void apply_class(const TokenizerConfig& config, Json& content, const std::string& file) {
  Overlay(config, content, file).apply();
}

}  // namespace factsweep::text
