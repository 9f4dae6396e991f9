// Stage "tune": an expert of the task is made of what was selected, and tested. tune.cpp: the plan.
// tuning.cpp: the work.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "../methods.hpp"
#include "stages.hpp"

namespace factsweep::kshot {

inline const auto kLoss = column<double>("/curves/loss", {"point", "epoch"}, "nat",
                                         "training loss on shots and selected data");
inline const auto kSeconds = timed(
    column<double>("/points/train_seconds", {"point"}, "s", "wall time of the training or search"));
inline const auto kLeftOut =
    column<std::int64_t>("/points/left_out", {"point"}, "examples",
                         "shots and open data not learnt: the prompt alone is too long");
inline const auto kShortened = column<std::int64_t>("/points/shortened", {"point"}, "examples",
                                                    "shots and open data cut at the end");
inline const auto kWeight =
    column<double>("/selection/weight", {"point", "expert"}, "1",
                   "weight of each expert in the sum of uniform and lorahub");
inline const auto kShare =
    column<float>("/moe/share", {"point", "module", "expert"}, "fraction",
                  "share of an expert among the choices of the test's tokens");

struct Tune {
  static constexpr const char* kind = "tune";
  /// A mixture's configuration names the experts that were chosen: each stage emits its own.
  static constexpr const char* kOwnConfig = "about/mixture_config";

  std::string model;  // fingerprint of its files
  std::string method;
  Shots shots;
  std::string shot_examples, examples;     // fingerprints of the shots, and of what is asked
  std::vector<std::string> taught;         // [shot] its output, where anything learns
  std::string asking;                      // asking_fingerprint()
  std::optional<std::int64_t> top_k;       // of a mixture that chooses
  std::optional<std::int64_t> experts;     // of a mixture that is not of selected adapters
  std::vector<std::string> modules;        // of a mixture: rows of /moe/share
  std::optional<std::uint64_t> seed;       // where anything is drawn
  Bank bank;                               // where the method begins with adapters
  std::optional<Upstream> selected, best;  // who of it is taken
  std::optional<Upstream> data;            // that join the shots
  std::vector<std::string> learnt;         // [adapter] fingerprint of it, where gates learn that
  AbilityFields abilities;                 // what is asked beside
  std::optional<DType> kept;               // of stored weights, where they are stored

  static void fields(auto& self, auto&& field) {
    field("model", self.model);
    field("method", self.method);
    Shots::fields(self.shots, field);
    field("shot_examples", self.shot_examples);
    field("examples", self.examples);
    field("taught", self.taught);
    field("asking", self.asking);
    field("top_k", self.top_k);
    field("experts", self.experts);
    field("modules", self.modules);
    field("seed", self.seed);
    Bank::fields(self.bank, field);
    field("selected", self.selected);
    field("best", self.best);
    field("data", self.data);
    if (self.how().lessons == Method::Lessons::own) field("learnt", self.learnt);
    AbilityFields::fields(self.abilities, field);
    field.local("kept", self.kept);
  }
  std::vector<std::string> deck_keys() const;
  void run(Worker& worker, StageRun& run) const;

  const Method& how() const { return kshot::method(method); }
  /// The text's length in the file, at least that of the mixture's moe.json, which is not known
  /// before the experts are.
  std::size_t mixture_config_bytes(std::int64_t size) const;
};

}  // namespace factsweep::kshot
