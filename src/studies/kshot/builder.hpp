// The deck as stages and points, and what each stage fills.
// plan.cpp: points and their last stages. plan_bank.cpp: adapters, what is known of them, and who
// is selected. plan_data.cpp: open data.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "datasets.hpp"
#include "factsweep/model/config.hpp"
#include "factsweep/plan/plan.hpp"
#include "grid.hpp"
#include "sets.hpp"

namespace factsweep::kshot {

class Builder {
 public:
  /// Reads the grid and the bank's adapters. InputError.
  Builder(const Deck& deck, const Sets& sets);
  Plan build();

 private:
  /// What the file of an adapter will hold: PEFT's configuration and its tensors.
  struct AdapterForm {
    std::string config;
    std::vector<std::pair<std::string, std::vector<std::int64_t>>> shapes;

    std::vector<std::string> modules() const;
    /// Ranks and scales, as one text.
    std::string scaling() const;
  };

  // plan.cpp
  void measure();
  void check_sums() const;
  void check_kept() const;
  /// About as many tokens as training on a set sees, for cost estimates.
  double tokens_of(const TaskSet& set) const;
  Stage stage(const std::string& kind, const std::string& title) const;
  Output row_of(const std::string& path, const std::vector<std::uint64_t>& at, bool shared) const;
  void test_outputs(Stage& stage) const;
  void learning_outputs(Stage& stage) const;
  void add_places(std::size_t index, std::uint64_t point, std::string_view only = {});
  void evaluation(Stage& stage, const TaskEntry& task) const;
  void training_memory(Stage& stage, double adapters) const;
  TaskSet all_shots(std::size_t task, std::int64_t draw) const;
  std::size_t leaf(const GridPoint& at, std::uint64_t point);
  std::size_t tune(const GridPoint& at, const std::vector<std::size_t>& upstream);
  void weight_outputs(std::size_t index, const GridPoint& at);

  // plan_bank.cpp
  void read_adapters();
  std::vector<std::string> bank_names() const;
  void add_bank();
  void trained(const std::vector<std::size_t>& group);
  void brought(std::size_t adapter);
  void add_bank_stage(Stage result, const std::vector<std::size_t>& group);
  std::size_t test(std::size_t task, std::size_t model);
  std::size_t own(std::size_t task);
  std::size_t best(std::size_t task);
  const std::vector<std::size_t>& signals(std::size_t task, std::int64_t draw);
  std::size_t similarity();
  std::size_t select(const GridPoint& at);

  // plan_data.cpp
  void read_encoder();
  Stage embedding(const std::string& title, const TaskSet& texts) const;
  const std::vector<std::size_t>& embed_pool(std::size_t pool);
  std::size_t embed_shots(const GridPoint& at);
  std::size_t augment(const GridPoint& at);

  const Deck& deck_;
  const Sets& sets_;
  const ModelConfig model_;
  const std::string model_fingerprint_;
  const std::string template_;
  const std::vector<GridPoint> points_;
  std::vector<AdapterForm> adapters_;  // of the bank
  FileShape shape_;
  std::vector<std::int64_t> draws_;
  std::string encoder_fingerprint_;
  std::uint64_t width_ = 0;               // of an embedding
  std::vector<DatasetSpec> of_points_;    // a row for each point
  std::vector<std::size_t> bank_;         // stage of each adapter
  std::vector<std::size_t> bank_stages_;  // each once
  std::map<std::size_t, std::vector<std::size_t>> pool_stages_;
  std::map<std::pair<std::size_t, std::int64_t>, std::vector<std::size_t>> signal_stages_;
  Plan plan_;
};

/// An output whose places are rows of datasets of points: see Builder::add_places.
void point_output(Stage& stage, const std::string& name, bool shared = false);

}  // namespace factsweep::kshot
