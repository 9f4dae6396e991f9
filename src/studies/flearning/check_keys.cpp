// What a deck asks that cannot be, and what it asks in vain.
#include <fmt/format.h>

#include <algorithm>

#include "corpus.hpp"
#include "editors.hpp"
#include "flearning.hpp"
#include "methods.hpp"

namespace factsweep::flearning {

void check_keys(const Deck& deck) {
  training_prompt(deck, "");
  evaluation_prompt(deck, "");
  const std::vector<std::string> chosen = deck.text_list("grid.method");
  const auto any = [&](auto wanted) {
    return std::any_of(chosen.begin(), chosen.end(),
                       [&](const std::string& name) { return wanted(method(name)); });
  };
  for (const std::string& method : chosen) {
    for (const std::string& preset : deck.text_list("edit.presets")) {
      if (!second_moment_layers(deck, method, preset).empty() && deck.text("edit.text").empty())
        throw deck.error("edit.text", fmt::format("is needed by {} with preset {}: a text file "
                                                  "whose keys' second moment is taken.",
                                                  method, preset));
    }
  }
  const bool lora =
      any([](const Method& m) { return m.learn == Tuning::lora || m.forget == Tuning::lora; });
  for (const auto& [key, value] : deck.science()) {
    if (key.starts_with("lora.") && !deck.is_default(key) && !lora)
      throw deck.error(key, "has no effect: no method of grid.method uses LoRA.");
  }
  if (deck.text("lora.bias") != "none")
    throw deck.error("lora.bias",
                     "is not supported here: forgetting subtracts matrices alone. "
                     "Use none.");
}

}  // namespace factsweep::flearning
