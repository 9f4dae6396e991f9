// The bank's adapters: what their files hold, where the file of results has them, and how stages
// read them.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "factsweep/adapter/lora.hpp"
#include "factsweep/stage/stage_run.hpp"

namespace factsweep::kshot {

struct Draft;
struct Sets;
struct Worker;

/// PEFT's configuration of an adapter and its tensors.
struct AdapterForm {
  LoraConfig config;
  std::string json;  // what adapter_config.json says
  std::vector<std::pair<std::string, std::vector<std::int64_t>>> shapes;
  std::vector<std::string> modules;  // adapted, by layer, slot and row
};

/// An adapter of the bank, as a stage reads it.
struct BankAdapter {
  std::string name;
  Upstream stage;  // that trained it, or took it over from the user

  static void fields(auto& self, auto&& field) {
    field("adapter", self.name);
    field("bank", self.stage);
  }
  bool is_usable(StageRun& run) const;
  /// Why it is not.
  std::string failure(StageRun& run) const;
  /// As a point's kLossRose; of one that a user brings nothing is known.
  bool loss_rose(StageRun& run) const;
  /// In the base's dtype.
  LoraAdapter read(const Worker& worker, StageRun& run) const;
};

/// All of them.
struct Bank {
  std::vector<std::string> names;     // what the numbers of adapters mean
  std::vector<std::uint64_t> places;  // [adapter] of its stage in `stages`
  std::vector<Upstream> stages;       // each once: adapters that are trained together share one

  static void fields(auto& self, auto&& field) {
    field("bank", self.names);
    field("bank_places", self.places);
    field("bank_stages", self.stages);
  }
  std::size_t size() const { return names.size(); }
  BankAdapter at(std::size_t adapter) const {
    return {names.at(adapter), stages.at(places.at(adapter))};
  }
};

/// A column of /bank whose rows stages fill: an output of the adapter's name.
template <typename T>
Column<T> bank_column(const std::string& adapter, const std::string& name, const std::string& units,
                      const std::string& long_name) {
  const std::string path = "/bank/" + name;
  return named(column<T>(path, {"adapter"}, units, long_name), path + "/" + adapter);
}
/// The group of the weights file that holds an adapter of the bank.
std::string bank_group(const std::string& adapter);
/// kAsked of points that make no weights of their own: a bank_group(), or "/".
Column<std::string> asked_column(const Sets& sets);
Column<std::uint8_t> usable_column(const std::string& adapter);
Column<std::string> failure_column(const std::string& adapter);
Column<std::uint8_t> loss_rose_column(const std::string& adapter);

/// The adapter's tensors in the weights file, whether it is usable, and whether its loss rose.
void place_adapter(Draft& draft, Upstream stage, std::size_t adapter);
/// Emits them, in store.delta_dtype.
void emit_adapter(StageRun& run, const std::string& name, const LoraAdapter& adapter);

}  // namespace factsweep::kshot
