#include "model.hpp"

#include <fmt/format.h>

#include "bpe.hpp"
#include "unigram.hpp"
#include "word_models.hpp"

namespace factsweep::text {
namespace {

/// Old files leave the type out; the fields tell.
std::string type_of(const Component& description) {
  if (description.has("type")) return description.text("type");
  if (description.has("merges")) return "BPE";
  if (description.has("max_input_chars_per_word")) return "WordPiece";
  return description.at("vocab").value().is_array() ? "Unigram" : "WordLevel";
}

}  // namespace

std::unique_ptr<Model> make_model(const Component& description) {
  const std::string type = type_of(description);
  if (type == "BPE") return make_bpe(description);
  if (type == "Unigram") return make_unigram(description);
  if (type == "WordPiece") return std::make_unique<WordPiece>(description);
  if (type == "WordLevel") return std::make_unique<WordLevel>(description);
  description.unknown(type, "BPE, Unigram, WordPiece, WordLevel");
}

Vocabulary read_vocabulary(const Component& object) {
  if (!object.value().is_object()) object.fail("an object of token: id is needed here.");
  Vocabulary vocabulary;
  vocabulary.reserve(object.value().size());
  for (const auto& [token, value] : object.value().items()) {
    const bool plain =
        value.is_number_unsigned() && value.get<std::uint64_t>() < Vocabulary::kMaxId;
    // the message is built for the broken entry only: there are up to 300,000 of them
    const TokenId id =
        plain ? value.get<TokenId>()
              : Component(value, fmt::format("{}['{}']", object.where(), token)).token_id();
    if (id < vocabulary.size() && !vocabulary.text(id).empty()) {
      object.fail(fmt::format("the tokens '{}' and '{}' both have the id {}.", vocabulary.text(id),
                              token, id));
    }
    vocabulary.set(token, id);
  }
  return vocabulary;
}

std::vector<TokenId> byte_tokens(const Vocabulary& vocabulary) {
  std::vector<TokenId> ids;
  for (int byte = 0; byte < 256; ++byte) {
    ids.push_back(vocabulary.find(fmt::format("<0x{:02X}>", byte)).value_or(-1));
  }
  return ids;
}

}  // namespace factsweep::text
