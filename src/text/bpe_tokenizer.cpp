#include "bpe_tokenizer.hpp"

#include "factsweep/core/file.hpp"
#include "unicode.hpp"

namespace factsweep::text {

BpeTokenizer::BpeTokenizer(BpeParts parts, const TokenizerConfig& config)
    : parts_(std::move(parts)) {
  Vocabulary vocabulary = parts_.model.vocabulary();
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

std::vector<TokenId> BpeTokenizer::encode(std::string_view text, bool with_special) const {
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
      continue;
    }
    std::string normal(outer.text);
    if (parts_.normalizer) normal = parts_.normalizer->apply(std::move(normal));
    for (const Segment& inner : in_normalized_.split(normal)) {
      if (inner.id) {
        ids.push_back(*inner.id);
      } else {
        const bool at_start =
            outer.text.data() == text.data() && inner.text.data() == normal.data();
        encode_plain(inner.text, at_start, ids);
      }
    }
  }
  if (with_special) {
    const auto& after = parts_.post_processor.after;
    ids.insert(ids.end(), after.begin(), after.end());
  }
  return ids;
}

void BpeTokenizer::encode_plain(std::string_view text, bool at_start,
                                std::vector<TokenId>& ids) const {
  std::vector<Word> words{{std::string(text), at_start}};
  if (parts_.pre_tokenizer) parts_.pre_tokenizer->apply(words);
  for (const Word& word : words) parts_.model.encode(word.text, ids);
}

std::unique_ptr<Tokenizer> load_tokenizer_json(const std::filesystem::path& directory) {
  const std::filesystem::path path = find_file(directory / "tokenizer.json");
  const nlohmann::json content = read_json(path);
  const Component root(content, path.string());
  if (!content.is_object()) root.fail("a JSON object is needed.");
  BpeParts parts{.model = Bpe::from(root.at("model")),
                 .added_tokens = {},
                 .normalizer = nullptr,
                 .pre_tokenizer = nullptr,
                 .post_processor = {},
                 .decoder = {}};
  if (root.has("added_tokens")) {
    for (const Component& item : root.list("added_tokens")) {
      parts.added_tokens.push_back(read_added_token(item));
      if (!parts.added_tokens.back().id) item.fail("'id' is missing.");
    }
  }
  if (root.has("normalizer")) parts.normalizer = make_normalizer(root.at("normalizer"));
  if (root.has("pre_tokenizer")) parts.pre_tokenizer = make_pre_tokenizer(root.at("pre_tokenizer"));
  if (root.has("post_processor")) {
    parts.post_processor = make_post_processor(root.at("post_processor"));
  }
  if (root.has("decoder")) parts.decoder = Decoder(root.at("decoder"));
  return std::make_unique<BpeTokenizer>(std::move(parts), read_tokenizer_config(directory));
}

}  // namespace factsweep::text
