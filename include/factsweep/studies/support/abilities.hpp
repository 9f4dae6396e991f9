// What else a model can do, and what teaching it costs there: labelled tasks and a text, neither of
// which has to do with what a study teaches (ability.*).
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "factsweep/deck/deck.hpp"
#include "factsweep/model/model.hpp"
#include "factsweep/stage/plan_builder.hpp"
#include "factsweep/stage/stage_run.hpp"
#include "factsweep/studies/support/counts.hpp"
#include "factsweep/studies/support/models.hpp"
#include "factsweep/tasks/evaluation.hpp"

namespace factsweep {

/// Deck keys of a study that asking goes by.
struct AbilityKeys {
  const char* seed;                    // chooses examples
  const char* batch_tokens;            // of a pass
  const char* bad_records = nullptr;   // share of a file that may be bad; none: kBadRecords
};

/// ability.tasks, ability.examples, ability.text, ability.text_tokens, ability.text_window.
void declare_abilities(OptionTable& table, const AbilityKeys& keys);

/// Fields of a stage that asks them. Where nothing is asked they are no part of its key.
struct AbilityFields {
  std::string fingerprint;        // changes with all that is asked
  std::vector<std::string> keys;  // of the deck, that asking reads; none: nothing is asked

  bool any() const { return !keys.empty(); }
  static void fields(auto& self, auto&& field) {
    field.local("ability_keys", self.keys);
    if (self.any()) field("abilities", self.fingerprint);
  }
};

class Abilities {
 public:
  /// The tasks, cut to ability.examples of each, and the text. InputError: also a task that needs
  /// code to be run, two of one name, a text without a word, keys without effect.
  static Abilities read(const Deck& deck, const AbilityKeys& keys);

  /// Whether anything is asked.
  bool any() const { return !tasks_.empty() || !texts_.empty(); }
  /// Changes with all that is asked.
  const std::string& fingerprint() const { return fingerprint_; }
  AbilityFields fields() const;

  /// /points/ability_<task> and, of a task whose options are no more than read, _likelihood beside
  /// it; /points/ability_perplexity. `when`: "_final" at the end of each.
  std::vector<Column<double>> columns(const std::string& when = "") const;
  std::vector<AnyColumn> any_columns(const std::string& when = "") const;
  /// The same outputs without `when`, of a base model: /abilities/... [model].
  std::vector<AnyColumn> base_columns() const;

  /// A value for each column. `model_of`: of each prompt a model of its own, in place of `model`;
  /// the perplexity is NaN then, as a text has no prompt. InputError: a prompt longer than the
  /// model's positions, a text of fewer than two tokens.
  std::vector<double> ask(const Model& model, std::int64_t batch_tokens, const StepCallback& step,
                          const ModelOf& model_of = {}) const;
  /// Asks and emits, where somebody wants it.
  void emit(StageRun& run, const Model& model, const ModelOf& model_of = {}) const;
  /// Of asking a model once, an estimate.
  double flop(const ModelConfig& model) const;

  /// Adds what they were read from, /abilities/model, and of each model the stage BaseAbilities,
  /// where anything is asked. Returns these stages.
  std::vector<Upstream> plan_base(PlanBuilder& builder,
                                  const std::vector<PlannedModel>& models) const;
  /// Records of the tasks' files that cannot be read.
  std::vector<SourceCounts> left_out() const;
  /// Lines of a plan: left_out(), and answers that no tokens of a model's vocabulary spell.
  std::vector<std::string> notes(const std::vector<std::string>& models) const;

 private:
  /// Fills fingerprint_ and tokens_: plans ask for them at every point.
  void sum_up();
  double perplexity(const Model& model, std::int64_t batch_tokens, const StepCallback& step) const;

  AbilityKeys keys_{};
  std::vector<TaskSet> tasks_;
  std::vector<std::string> texts_, files_;  // files: of ability.tasks
  std::string text_file_;
  std::int64_t text_tokens_ = 0, text_window_ = 0;
  std::string fingerprint_;
  double tokens_ = 0;  // of asking once, about
};

/// Stage "abilities": what a base model can do, for comparison.
struct BaseAbilities {
  static constexpr const char* kind = "abilities";

  std::string model;  // fingerprint of its files
  AbilityFields abilities;
  std::string directory;  // of the model

  static void fields(auto& self, auto&& field) {
    field("model", self.model);
    AbilityFields::fields(self.abilities, field);
    field.local("directory", self.directory);
  }
  std::vector<std::string> deck_keys() const;
};

/// The same in a study's table of kinds. `Worker` has `Abilities abilities`, and `use(directory)`
/// gives a base model.
template <typename Worker>
struct BaseAbilitiesOf : BaseAbilities {
  void run(Worker& worker, StageRun& run) const {
    worker.abilities.emit(run, worker.use(directory));
  }
};

}  // namespace factsweep
