// DECK and --section.key=value of `run` and `plan`.
#pragma once

#include <string>
#include <vector>

#include "factsweep/deck/deck.hpp"
#include "factsweep/stage/study.hpp"

namespace factsweep::cli {

struct DeckArguments {
  std::string path;
  std::vector<std::string> overrides;  // --section.key=value
  bool print_deck = false;
  // of `plan`
  int ranks = 1;             // --ranks
  int ranks_per_device = 1;  // --ranks-per-device
  std::string device;        // --device: a name of known_machines(); empty: none
  double device_memory = 0;  // --device-memory, bytes; 0: not said
  std::vector<std::string> seen;  // --seen, each time it is given
  double flops = 0;          // --flops: FLOP/s that a rank reaches; 0: not said
  /// InputError: no deck, two decks, an unknown flag.
  static DeckArguments parse(const std::vector<std::string>& words, bool for_plan);
};

bool asks_for_help(const std::vector<std::string>& words);

/// Flags of `plan` or `run`, and the sections of each study's deck.
void print_deck_help(bool for_plan);

struct Task {
  Study study;
  Deck deck;
};

/// The study that the deck names (run.study), and the deck parsed with its keys. Keys of other
/// studies are unknown keys.
Task read_task(const DeckArguments& arguments, const std::string& text);

}  // namespace factsweep::cli
