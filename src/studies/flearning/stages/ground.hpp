// What all stages have in common: the model and the records that they are about, and the weights
// that they begin with.
#pragma once

#include <limits>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "../grid.hpp"
#include "factsweep/adapter/weight_changes.hpp"
#include "factsweep/stage/kind.hpp"
#include "factsweep/stage/stage_run.hpp"
#include "factsweep/studies/support/lengths.hpp"
#include "factsweep/studies/support/lists.hpp"
#include "factsweep/studies/support/weight_outputs.hpp"

namespace factsweep::flearning {

/// Every kind of stage has these fields.
struct Ground {
  std::string fingerprint;           // of the model's files
  std::string edits, abilities;      // of the records, and of what is asked beside them
  std::uint64_t seed = 0;            // of the trainings that the stage is and stands on
  std::optional<Upstream> original;  // the original model; nothing: the stage makes it
  // where this sweep has the model and the records: the first `count` of a corpus
  std::string directory;
  std::size_t data_set = 0, count = 0;
  bool untrained = false;  // the original model is the base model

  static void fields(auto& self, auto&& field) {
    field("model", self.fingerprint);
    field("edits", self.edits);
    field("abilities", self.abilities);
    field("seed", self.seed);
    field("original", self.original);
    field.local("directory", self.directory);
    field.local("data_set", self.data_set);
    field.local("count", self.count);
    field.local("untrained", self.untrained);
  }

  std::span<const EditRecord> records(const Worker& worker) const;
  /// Of the whole data set.
  bool has_portability(const Worker& worker) const;
};

/// A part of the old knowledge's parameters, to be subtracted.
struct Forgetting {
  std::optional<Upstream> delta;   // nothing: nothing is forgotten
  std::optional<Upstream> search;  // nothing: lambda is given
  bool lora = false;               // delta is an adapter
  std::string layers;              // that forget, "all" or "0-9"
  double lambda = std::numeric_limits<double>::quiet_NaN();

  static void fields(auto& self, auto&& field) {
    field("delta", self.delta);
    field("search", self.search);
    field("forget_lora", self.lora);
    field("layers", self.layers);
    field("lambda", self.lambda);
  }
  /// What start_terms() reads of the deck.
  std::vector<std::string> deck_keys() const;
  /// lambda, whoever found it; NaN where nothing is forgotten.
  double rate(StageRun& run) const;
};

/// What turns the base model into the original one, and then forgets at this rate. `base`: the
/// model in model.dtype, which is rounded to that before any term, whatever a sum is kept in.
std::vector<WeightTerm> start_terms(StageRun& run, const Ground& ground, const Weights& base,
                                    const Forgetting& forgetting = {}, double rate = 0);

/// Whether the original model is trained: original.train, and old answers to train it on.
bool trains_original(const Deck& deck, const EditCorpus& corpus, const GridPoint& at);

/// What the point's model is more than its base, where that is an adapter: all of it was trained as
/// LoRA. A sum of two has both ranks.
std::optional<LoraConfig> left_adapter(const Deck& deck, const EditCorpus& corpus,
                                       const GridPoint& at);

/// How long the texts of a data set are in tokens of a model: questions with their new answers as
/// taught, these with their ends.
struct TextTokens {
  Lengths lengths;
  double per_character = 0;

  static TextTokens of(const Deck& deck, const std::string& model, const EditCorpus& corpus);
};

/// What a plan knows of the input files.
struct Inputs {
  const Worker& worker;
  std::map<std::string, PlannedModel> models = {};             // by directory
  std::map<std::string, std::vector<TextTokens>> tokens = {};  // the same, of each corpus
  std::string abilities = {}, text = {};                 // of what is asked beside; of edit.text
  Matrices matrices = {};                                // axes of /norms
};

/// A point whose stages are being planned.
struct Draft {
  PlanBuilder& builder;
  const Inputs& inputs;
  const Keeping& keeping;
  const GridPoint& at;
  std::uint64_t row = 0;  // of /points

  const Deck& deck() const { return builder.deck(); }
  const PlannedModel& base() const { return inputs.models.at(at.model); }
  const ModelConfig& model() const { return base().config; }
  Ground ground(std::optional<Upstream> original) const;
  const EditCorpus& corpus() const { return inputs.worker.corpora[at.data_set]; }
  std::optional<LoraConfig> left_adapter() const {
    return flearning::left_adapter(deck(), corpus(), at);
  }
  /// "delta full llama zsre n10 s1"
  std::string title(const std::string& what) const;
  /// "learn f_learning_ft-0.3-llama-zsre-n10-s1", of a stage that is this point's alone.
  std::string point_title(const std::string& kind) const;

  const TextTokens& tokens() const { return inputs.tokens.at(at.model)[at.data_set]; }
  /// Of the point's records.
  Lengths lengths() const { return tokens().lengths.first(static_cast<double>(at.records)); }
  double model_bytes() const;
  /// To read the base model and to add the terms that a stage starts from.
  double start_flop() const;
  /// One text of each record.
  double forward_flop() const;
  /// What evaluate() asks, and what one of its passes takes beyond the model.
  double evaluation_flop() const;
  double evaluation_bytes() const;
  /// To add the terms that a stage starts from, beyond the model.
  double start_bytes() const;

  /// What the point's row has of its model's answers. `abilities`: to what is asked beside, too.
  std::vector<AnyColumn> columns(bool abilities = true) const;
  /// The stage fills the point's row of these columns.
  void place_row(Upstream stage, const std::vector<AnyColumn>& columns) const;
  /// Of the point's weights minus the base model's, or of its adapter, where store.deltas keeps them.
  std::optional<DType> kept() const;
  /// Outputs "final/<tensor>" for what a stage changes: of the model, or of an adapter. `no_adapter`:
  /// why it is none, where one may be looked for.
  void place_changes(Upstream stage, const std::optional<LoraConfig>& adapter = {},
                     const std::string& no_adapter = "") const;
};

}  // namespace factsweep::flearning
