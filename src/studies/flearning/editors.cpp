#include "editors.hpp"

namespace factsweep::flearning {

FtSettings ft_c_settings(const Deck& deck, const std::string& preset) {
  FtSettings settings = FtSettings::preset(preset);
  settings.bound = deck.real("edit.ft_c_bound");
  if (deck.integer("edit.ft_c_layer") >= 0) settings.layers = {deck.integer("edit.ft_c_layer")};
  return settings;
}

RomeSettings rome_settings(const Deck& deck, const std::string& preset) {
  RomeSettings settings = RomeSettings::preset(preset);
  const std::vector<std::int64_t> layers = deck.integer_list("edit.layers");
  if (!layers.empty()) settings.layer = layers.front();
  return settings;
}

MemitSettings memit_settings(const Deck& deck, const std::string& preset) {
  MemitSettings settings = MemitSettings::preset(preset);
  const std::vector<std::int64_t> layers = deck.integer_list("edit.layers");
  if (!layers.empty()) settings.layers = layers;
  return settings;
}

std::vector<std::int64_t> second_moment_layers(const Deck& deck, const std::string& method,
                                               const std::string& preset) {
  if (method == "memit") return memit_settings(deck, preset).layers;
  if (method != "rome" && method != "rome_reset") return {};
  const RomeSettings settings = rome_settings(deck, preset);
  return settings.moment_adjustment ? std::vector{settings.layer} : std::vector<std::int64_t>{};
}

}  // namespace factsweep::flearning
