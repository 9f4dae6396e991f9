// Stage "adapter": an adapter that a user brings, taken over into the file. It is known by what it
// holds, wherever it lies.
#include "stages.hpp"

namespace factsweep::kshot {
namespace {

struct BroughtAdapter {
  static constexpr const char* kind = "adapter";

  std::string model;         // fingerprint of its files
  std::string name, config;  // what its adapter_config.json says
  std::string data;          // fingerprint of the adapter's files
  std::string directory;

  static void fields(auto& self, auto&& field) {
    field("model", self.model);
    field("name", self.name);
    field("config", self.config);
    field("data", self.data);
    field.local("directory", self.directory);
  }
  std::vector<std::string> deck_keys() const { return {"model.dtype", "store.delta_dtype"}; }

  void run(Worker& worker, StageRun& run) const {
    emit_adapter(run, name, LoraAdapter::load(directory, worker.base.weights));
    run.emit(usable_column(name), std::uint8_t{1});
    run.emit(loss_rose_column(name), std::uint8_t{0});
  }
};

}  // namespace

const KindOf<Worker> kAdapter = kind<Worker, BroughtAdapter>();

Upstream add_adapter(Draft& draft, std::size_t adapter) {
  const BankEntry& entry = draft.sets().bank[adapter];
  const BroughtAdapter brought{.model = draft.base.fingerprint,
                               .name = entry.name,
                               .config = entry.form.json,
                               .data = entry.fingerprint(),
                               .directory = entry.adapter};
  const Upstream stage = draft.builder.add(brought, "adapter " + entry.name, {}).stage;
  place_adapter(draft, stage, adapter);
  return stage;
}

}  // namespace factsweep::kshot
