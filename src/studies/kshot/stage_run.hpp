// One stage at work.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "datasets.hpp"
#include "factsweep/adapter/lora.hpp"
#include "factsweep/encoder/encoder.hpp"
#include "factsweep/model/model.hpp"
#include "factsweep/moe/moe.hpp"
#include "factsweep/stage/study.hpp"
#include "factsweep/tasks/evaluation.hpp"
#include "factsweep/tasks/prompt.hpp"
#include "factsweep/train/trainer.hpp"
#include "grid.hpp"
#include "methods.hpp"
#include "sets.hpp"

namespace factsweep::kshot {

class StageRun {
 public:
  StageRun(const Deck& deck, const Sets& sets, const Plan& plan, const Stage& stage,
           const Model& base, Workbench& bench);

  // bank_stage.cpp
  void bank();
  void adapter();
  void similarity();

  // signal_stage.cpp
  void signals();
  void test();
  void own();
  void best();
  void select();

  // data_stage.cpp
  void embed(const Encoder& encoder);
  void augment();

  // tune_stage.cpp
  void tune();

 private:
  // bank_stage.cpp
  void emit_adapter(const std::string& member, const LoraAdapter& adapter);
  bool is_usable(std::size_t adapter) const;
  LoraAdapter stored(std::size_t adapter) const;  // in the base's dtype
  std::size_t bank_stage(std::size_t adapter) const;

  // signal_stage.cpp
  EvaluationSettings evaluation_settings() const;
  void emit_score(const TaskScore& score);
  void emit_untested();
  void copy_test(std::size_t upstream);
  ExpertSignals gather_signals();

  // tune_stage.cpp
  std::vector<std::int64_t> selected() const;  // rows of the bank
  std::vector<Example> lessons();              // shots and selected data; emits what was cut
  TrainSettings tuning_settings() const;
  void train_and_test(Trainer& trainer, const std::function<Model()>& result);
  MoeAdapter selected_experts(MoeSettings settings) const;
  void mixture();
  void arrow();
  void emit_shares(const MoeAdapter& moe, const MoePass& pass);
  void one_adapter();
  void average();
  void search();
  void test_on(const Model& model);
  void emit_weights(const std::vector<double>& weights);
  /// Stores it where store.deltas asks for it.
  void keep(const MoeAdapter& moe);
  void keep(const LoraAdapter& adapter);
  std::size_t text_length_of(const std::string& output) const;

  std::optional<std::size_t> upstream(const std::string& kind) const;
  bool has(const std::string& output) const;
  const Slab& place_of(const std::string& output) const;
  void emit_value(const std::string& output, double value);
  void emit_count(const std::string& output, std::int64_t count);
  /// `values`, `fill` behind them up to the length of the dataset's row.
  template <typename T>
  void emit_row(const std::string& output, std::vector<T> values, T fill) {
    values.resize(static_cast<std::size_t>(place_of(output).count.back()), fill);
    bench_.emit(output, Array::of(values));
  }
  std::function<void(double, std::int64_t)> step() const;

  template <typename T>
  T get(const std::string& key) const {
    return stage_.configuration.at(key).get<T>();
  }
  std::uint64_t seed() const { return get<std::uint64_t>("seed"); }
  const TaskEntry& task() const { return sets_.task(get<std::string>("task")); }
  TaskSet shots() const;
  /// What training sees of a set. InputError: nothing.
  TrainingExamples lessons_of(const TaskSet& set) const;
  /// Positions of the stage's shots among those of the largest draw, of which `upstream` knows.
  std::vector<std::int64_t> shots_among(std::size_t upstream) const;
  std::string prompts() const;  // kshot.template

  const Deck& deck_;
  const Sets& sets_;
  const Plan& plan_;
  const Stage& stage_;
  const Model& base_;
  Workbench& bench_;
};

}  // namespace factsweep::kshot
