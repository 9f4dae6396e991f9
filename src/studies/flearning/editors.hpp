// Settings of the editors: a named preset, and what the deck puts in its place.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "factsweep/deck/deck.hpp"
#include "factsweep/edit/ft_c.hpp"
#include "factsweep/edit/memit.hpp"
#include "factsweep/edit/rome.hpp"

namespace factsweep::flearning {

FtSettings ft_c_settings(const Deck& deck, const std::string& preset);
RomeSettings rome_settings(const Deck& deck, const std::string& preset);
MemitSettings memit_settings(const Deck& deck, const std::string& preset);

/// Layers whose keys' second moment `method` reads, ascending; empty: none.
std::vector<std::int64_t> second_moment_layers(const Deck& deck, const std::string& method,
                                               const std::string& preset);

}  // namespace factsweep::flearning
