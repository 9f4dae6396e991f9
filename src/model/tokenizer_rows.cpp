#include "factsweep/model/tokenizer_rows.hpp"

#include <fmt/format.h>

#include <map>
#include <utility>

#include "factsweep/core/error.hpp"
#include "factsweep/core/utf8.hpp"
#include "factsweep/text/special_tokens.hpp"

namespace factsweep {
namespace fs = std::filesystem;
namespace {

using Added = std::map<TokenId, std::string>;

class RowsTokenizer final : public Tokenizer {
 public:
  RowsTokenizer(std::shared_ptr<const Tokenizer> all, TokenId rows, Added added, fs::path directory)
      : all_(std::move(all)),
        rows_(rows),
        added_(std::move(added)),
        directory_(std::move(directory)) {}

  std::vector<TokenId> encode(std::string_view text, bool with_special) const override {
    std::vector<TokenId> ids = all_->encode(text, with_special);
    for (const TokenId id : ids) {
      if (id >= rows_) refuse(id, text);
    }
    return ids;
  }
  std::string decode(std::span<const TokenId> ids) const override { return all_->decode(ids); }
  std::string_view piece(TokenId id) const override { return all_->piece(id); }
  std::int32_t size() const override { return rows_; }
  std::optional<TokenId> bos() const override { return within(all_->bos()); }
  std::optional<TokenId> eos() const override { return within(all_->eos()); }
  bool is_special(TokenId id) const override { return all_->is_special(id); }

 private:
  std::optional<TokenId> within(std::optional<TokenId> id) const {
    return id && *id < rows_ ? id : std::nullopt;
  }

  [[noreturn]] void refuse(TokenId id, std::string_view text) const {
    constexpr std::size_t kShown = 60;
    const auto found = added_.find(id);
    throw InputError(fmt::format(
        "{}: the text '{}' holds the token {}{}, for which the embedding, of {} rows, has none. "
        "Change the text, or give the model a row for it.",
        directory_.string(), utf8_prefix(text, kShown), id,
        found == added_.end() ? "" : fmt::format(" ('{}')", found->second), rows_));
  }

  std::shared_ptr<const Tokenizer> all_;
  TokenId rows_;
  Added added_;
  fs::path directory_;
};

}  // namespace

std::shared_ptr<const Tokenizer> within_rows(std::shared_ptr<const Tokenizer> tokenizer,
                                             std::int64_t rows, const fs::path& directory) {
  if (tokenizer->size() <= rows) return tokenizer;
  Added added = added_tokens(directory);
  const auto first = static_cast<TokenId>(rows);
  for (TokenId id = first; id < tokenizer->size(); ++id) {
    const bool is_own = !tokenizer->is_special(id) && !added.contains(id);
    if (is_own && !tokenizer->piece(id).empty()) {
      throw InputError(fmt::format(
          "{}: the tokenizer has {} ids, the embedding only {} rows. Do both belong to one model?",
          directory.string(), tokenizer->size(), rows));
    }
  }
  return std::make_shared<RowsTokenizer>(std::move(tokenizer), first, std::move(added), directory);
}

}  // namespace factsweep
