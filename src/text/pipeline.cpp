#include "pipeline.hpp"

#include <fmt/format.h>

#include "factsweep/core/file.hpp"
#include "tokenizer_class.hpp"
#include "unicode.hpp"

namespace factsweep::text {

Pipeline::Pipeline(Parts parts, const TokenizerConfig& config) : parts_(std::move(parts)) {
  Vocabulary vocabulary = parts_.model->vocabulary();
  const std::vector<AddedToken> added =
      join_added_tokens(std::move(parts_.added_tokens), config, vocabulary);
  for (const AddedToken& token : added) {
    const bool changes = token.normalized && parts_.normalizer;
    const std::string pattern = changes ? parts_.normalizer->apply(token.content) : token.content;
    (token.normalized ? in_normalized_ : in_raw_).add(token, pattern);
    // Hugging Face decodes such a token to its normalized form
    if (changes) vocabulary.set(pattern, *token.id);
  }
  set_tokens(vocabulary, added, std::move(parts_.decoder));
  set_special(config.id_of("bos_token", vocabulary), config.id_of("eos_token", vocabulary));
}

std::vector<TokenId> Pipeline::encode(std::string_view text, bool with_special) const {
  std::string repaired;
  if (!is_valid_utf8(text)) {
    repaired = replace_invalid_utf8(text);
    text = repaired;
  }
  std::vector<TokenId> ids;
  if (with_special) ids = parts_.post_processor.before;
  for (const Segment& outer : in_raw_.split(text)) {
    if (outer.id) {
      ids.push_back(*outer.id);
    } else {
      encode_segment(outer.text, outer.text.data() == text.data(), ids);
    }
  }
  if (with_special) {
    const auto& after = parts_.post_processor.after;
    ids.insert(ids.end(), after.begin(), after.end());
  }
  return ids;
}

void Pipeline::encode_segment(std::string_view text, bool at_start,
                              std::vector<TokenId>& ids) const {
  std::string normal;
  if (parts_.normalizer) {
    normal = parts_.normalizer->apply(std::string(text));
    text = normal;
  }
  for (const Segment& inner : in_normalized_.split(text)) {
    if (inner.id) {
      ids.push_back(*inner.id);
    } else {
      encode_plain(inner.text, at_start && inner.text.data() == text.data(), ids);
    }
  }
}

void Pipeline::encode_plain(std::string_view text, bool at_start, std::vector<TokenId>& ids) const {
  if (!parts_.pre_tokenizer) {
    parts_.model->encode(text, ids);
    return;
  }
  Words words;
  words.list.push_back({text, at_start});
  parts_.pre_tokenizer->apply(words);
  for (const Word& word : words.list) parts_.model->encode(word.text, ids);
}

void read_components(const Component& root, Parts& parts) {
  if (root.has("normalizer")) parts.normalizer = make_normalizer(root.at("normalizer"));
  if (root.has("pre_tokenizer")) parts.pre_tokenizer = make_pre_tokenizer(root.at("pre_tokenizer"));
  if (root.has("decoder")) parts.decoder = Decoder(root.at("decoder"));
}

void surround(const TokenizerConfig& config, const std::string& first, const std::string& last,
              Parts& parts) {
  Vocabulary vocabulary = parts.model->vocabulary();
  join_added_tokens(parts.added_tokens, config, vocabulary);
  if (const auto id = config.id_of(first, vocabulary)) parts.post_processor.before = {*id};
  if (const auto id = config.id_of(last, vocabulary)) parts.post_processor.after = {*id};
}

void add_bos_and_eos(const TokenizerConfig& config, Parts& parts) {
  surround(config, config.add_bos_token.value_or(false) ? "bos_token" : "",
           config.add_eos_token.value_or(false) ? "eos_token" : "", parts);
}

namespace {

std::vector<AddedToken> read_added_tokens(const Component& root) {
  std::vector<AddedToken> tokens;
  if (!root.has("added_tokens")) return tokens;
  std::map<TokenId, std::string> seen;
  for (const Component& item : root.list("added_tokens")) {
    AddedToken token = read_added_token(item);
    if (!token.id) item.fail("'id' is missing.");
    const auto [place, is_new] = seen.emplace(*token.id, token.content);
    if (!is_new && place->second != token.content) {
      item.fail(fmt::format("the added tokens '{}' and '{}' both have the id {}.", place->second,
                            token.content, *token.id));
    }
    tokens.push_back(std::move(token));
  }
  return tokens;
}

}  // namespace

std::unique_ptr<Tokenizer> load_tokenizer_json(const std::filesystem::path& directory) {
  const std::filesystem::path path = find_file(directory / "tokenizer.json");
  nlohmann::json content = read_json(path);
  const Component root(content, path.string());
  if (!content.is_object()) root.fail("a JSON object is needed.");
  const TokenizerConfig config = read_tokenizer_config(directory);
  apply_class(config, content, path.string());
  Parts parts{.model = make_model(root.at("model")), .added_tokens = read_added_tokens(root)};
  read_components(root, parts);
  // what this file says of BOS and EOS counts: transformers too reads past the add_bos_token beside
  // it
  if (root.has("post_processor")) {
    parts.post_processor = make_post_processor(root.at("post_processor"));
  }
  return std::make_unique<Pipeline>(std::move(parts), config);
}

}  // namespace factsweep::text
