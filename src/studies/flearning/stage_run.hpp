// One stage at work: the weights that it begins with, and what it does to them.
#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "factsweep/studies/support/training.hpp"
#include "ability.hpp"
#include "changes.hpp"
#include "corpus.hpp"
#include "editors.hpp"
#include "evaluation.hpp"
#include "factsweep/stage/study.hpp"
#include "methods.hpp"
#include "weights_arithmetic.hpp"

namespace factsweep::flearning {

class StageRun {
 public:
  StageRun(const Deck& deck, const EditCorpus& corpus, const std::vector<TaskSet>& abilities,
           const Plan& plan, const Stage& stage, torch::Device device, Workbench& bench);

  void original();
  void delta();
  void search();
  void forget();
  void learn();
  void second_moment();
  void edit();

 private:
  // start.cpp
  Model load(torch::Dtype dtype) const;  // the base model
  Term original_term() const;            // what turns the base model into the original one
  Term forgetting_term(double lambda) const;
  LoraAdapter stored_adapter(std::size_t upstream) const;
  TensorSource stored_delta(std::size_t upstream) const;
  /// Base model and terms, in the deck's dtype or, as what a full fine-tuning starts from, float32.
  Model assemble(std::span<const Term> terms, torch::Dtype dtype) const;
  std::vector<Term> start_terms() const;  // original, and forgetting where the stage has it
  double lambda() const;

  // tune_stage.cpp
  struct Tuned {
    Model model;                         // in the deck's dtype
    Weights weights;                     // float32, of full fine-tuning
    std::optional<LoraAdapter> adapter;  // float32, of LoRA
    LoopResult record;
  };
  Tuned tune(Model start, const std::string& section, Answer answer);
  std::uint64_t hash_of_training(const std::string& section) const;
  void emit_curve(const LoopResult& record);
  void emit_delta(const Weights& before, const Weights& after);
  void emit_changes(const Tuned& tuned);

  // report.cpp
  const Slab& place_of(const std::string& output) const;
  bool wanted(const std::string& output) const;  // has a place to go to
  bool wanted_weights() const;
  void emit_row(const std::string& output, std::vector<double> values);
  void emit_value(const std::string& point_column, double value);
  void emit_outcomes(const std::map<std::string, std::vector<double>>& outcomes);
  void evaluate(const Model& model);
  void emit_abilities(const Model& model);
  ForcedPredictions original_locality(const Evaluation& evaluation) const;
  EvaluationStep step() const;

  // edit_stage.cpp
  std::vector<WeightDelta> sequential_rome(const Model& start, const RomeSettings& settings,
                                           const SecondMoments& moments,
                                           const std::vector<std::string>& contexts);
  void evaluate_one_by_one(const Model& start, const std::vector<RomeEdit>& edits);
  SecondMoments stored_moments() const;
  std::vector<EditRecord> edited_records() const;

  std::string text(const std::string& key) const { return stage_.configuration.at(key); }
  torch::Dtype dtype() const { return parse_dtype(text("dtype")); }
  std::uint64_t seed() const { return stage_.configuration.at("seed"); }
  Tuning how() const { return parse_tuning(text("how")); }
  bool forgets() const { return stage_.configuration.contains("forget"); }
  Tuning forgets_by() const;

  const Deck& deck_;
  const std::vector<TaskSet>& abilities_;
  const Plan& plan_;
  const Stage& stage_;
  const torch::Device device_;
  Workbench& bench_;
  std::span<const EditRecord> records_;
};

}  // namespace factsweep::flearning
