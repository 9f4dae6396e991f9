// Tokens that are recognised as they stand in the text, before the model sees it ("<|im_end|>",
// runs of spaces).
#pragma once

#include <array>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "component.hpp"
#include "factsweep/text/tokenizer.hpp"

namespace factsweep::text {

struct AddedToken {
  std::string content;
  std::optional<TokenId> id;
  bool special = false;
  bool lstrip = false;       // swallows white space on its left
  bool rstrip = false;       // and on its right
  bool single_word = false;  // not inside a word
  bool normalized = false;   // looked for in the normalized text, else in the raw one
  std::string where;         // of the file that gives it an id
};

/// From an object of tokenizer.json or tokenizer_config.json; `id` from its own "id" where there is
/// one.
AddedToken read_added_token(const Component& object);

/// A stretch of text: an added token, or text for the model.
struct Segment {
  std::string_view text;
  std::optional<TokenId> id;
};

class AddedTokenFinder {
 public:
  /// All tokens must have ids.
  void add(const AddedToken& token, std::string pattern);
  /// Cuts `text` at the added tokens: leftmost first, then longest.
  std::vector<Segment> split(std::string_view text) const;

 private:
  struct Entry {
    AddedToken token;
    std::string pattern;
  };
  const Entry* match(std::string_view text, std::size_t at) const;

  std::array<std::vector<Entry>, 256> by_first_byte_;  // longest pattern first
};

}  // namespace factsweep::text
