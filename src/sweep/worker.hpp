// A rank's side of the sweep: asks for stages, runs them, writes what they produce.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>

#include "factsweep/sweep/protocol.hpp"
#include "factsweep/sweep/sweep.hpp"

namespace factsweep {

class Worker : public Workbench {
 public:
  Worker(const Communicator& comm, Executor& executor, const Plan& plan, Store& store,
         const SweepSettings& settings);

  /// Runs stages until told to end.
  void work();

  const Array& input(std::size_t upstream, std::string_view name) override;
  void emit(std::string_view name, const Array& array) override;
  void step(double fraction, std::int64_t tokens) override;
  std::string checkpoint_stem() const override;
  void say(std::string_view text) override;

 private:
  void run(std::size_t stage);
  void hand_back(const std::string& fault);
  std::string machine_fault() const;
  double take_peak_memory() const;
  StageSums sums() const;
  void check_weights(std::size_t upstream);
  Message receive();
  bool take(const Message& reply);
  void hand_on();

  const Communicator& comm_;
  Executor& executor_;
  const Plan& plan_;
  Store& store_;
  const SweepSettings& settings_;
  Activity unwatched_;
  Activity& activity_;
  const double report_s_;
  std::size_t stage_ = 0;                                     // the running one
  std::deque<std::size_t> held_;                              // those that come after it
  bool takes_no_more_ = false;                                // stages
  std::vector<SharedOutput> shared_;                          // what it has emitted for others
  std::map<std::string, std::uint64_t, std::less<>> sums_;    // of what it has emitted, by name
  std::map<std::size_t, bool> keeps_weights_;  // of stages whose weights are read
  std::map<std::size_t, std::vector<SharedOutput>> fetched_;  // of other stages
  Array read_;                                                // the last large input
  std::optional<double> begun_;                               // share done at its first step
  std::int64_t tokens_ = 0;
  double last_report_ = 0;
};

}  // namespace factsweep
