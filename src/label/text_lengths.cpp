#include "factsweep/label/text_lengths.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "factsweep/core/error.hpp"
#include "factsweep/label/probe.hpp"

namespace factsweep {

TextLengths::TextLengths(const std::filesystem::path& model) {
  model_.weights.config = ModelConfig::read(model);
  try {
    model_.tokenizer = Tokenizer::shared(model);
  } catch (const InputError&) {
    return;
  }
  // penalties by distance have no end
  if (model_.weights.config.position != PositionKind::alibi)
    positions_ = model_.weights.config.positions;
}

bool TextLengths::are_bounded() const {
  return model_.weights.config.position == PositionKind::learned;
}

TextLengths::Tokens TextLengths::tokens(const std::string& prompt,
                                        const std::string& answer) const {
  if (!model_.tokenizer) return {};
  const ProbeItem item = make_item(model_, prompt, "", answer, nullptr);
  return {std::ssize(item.prompt), std::ssize(item.gold)};
}

std::string TextLengths::excess(const std::string& prompt, const std::string& answer,
                                std::int64_t more, std::int64_t longest) const {
  // a token has a byte at least, but for those that stand around a text
  constexpr std::int64_t kAround = 8;
  const auto bytes = static_cast<std::int64_t>(prompt.size() + answer.size());
  if (positions_ == 0 || std::min(bytes + more + kAround, longest) <= positions_) return "";
  const ProbeItem item = make_item(model_, prompt, "", answer, nullptr);
  const auto tokens = static_cast<std::int64_t>(item.prompt.size() + item.gold.size()) + more;
  if (std::min(tokens, longest) <= positions_) return "";
  return fmt::format("asked or taught as the deck says it is a text of more tokens than {}: {} of {}",
                     are_bounded() ? "the model has positions" : "the model was trained with", tokens,
                     positions_);
}

}  // namespace factsweep
