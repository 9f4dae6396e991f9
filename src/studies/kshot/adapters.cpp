#include "adapters.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "draft.hpp"
#include "factsweep/model/fingerprint.hpp"
#include "factsweep/model/tensors.hpp"
#include "factsweep/model/torch.hpp"
#include "factsweep/studies/support/training.hpp"
#include "factsweep/studies/support/training_options.hpp"
#include "factsweep/studies/support/weight_outputs.hpp"

namespace factsweep::kshot {
namespace {

constexpr std::size_t kLongestFailure = 160;

/// What the stage that makes the adapter calls a tensor of it.
std::string output_of(const std::string& adapter, const std::string& tensor) {
  return adapter + "/" + tensor;
}

/// An empty model of the base's shapes tells whether every tensor is there and fits.
void check_brought(const std::string& directory, const LoraConfig& config,
                   const ModelConfig& model) {
  if (config.bias != LoraBias::none)
    throw InputError(directory +
                     "/adapter_config.json: trains biases, which experts of a mixture cannot "
                     "have.");
  Weights shapes;
  shapes.config = model;
  shapes.embedding = torch::empty({0}, torch::kMeta);
  LoraAdapter::load(directory, shapes);
}

}  // namespace

void Sets::read_forms(const Deck& deck, const ModelConfig& model) {
  const auto form_of = [&](const LoraConfig& config, const std::string& where) {
    return AdapterForm{config, config.json(model), adapter_shapes(config, model, where),
                       each(find_targets(config, model, where),
                            [](const LoraTarget& target) { return target.module.name; })};
  };
  std::vector<LoraConfig> configs;
  for (BankEntry& entry : bank) {
    LoraConfig config = stored_lora_config(deck);
    std::string where = lora_place(deck);
    if (entry.is_brought()) {
      where = entry.adapter + "/adapter_config.json";
      config = read_adapter_config(entry.adapter, model);
      check_brought(entry.adapter, config, model);
    }
    entry.form = form_of(config, where);
    if (entry.can_be_mixed()) configs.push_back(config);
  }
  if (!configs.empty()) form = form_of(common_form(configs, model), "the bank's adapters");
}

std::string BankEntry::fingerprint() const {
  return model_fingerprint(adapter);
}

std::string bank_group(const std::string& adapter) {
  return "/bank/" + adapter;
}

Column<std::string> asked_column(const Sets& sets) {
  auto asked = column<std::string>(kAsked, {"point"}, "",
                                   "what it asked in place of weights of its own: the group of an "
                                   "adapter, or / for the base model");
  asked.role = Role::text;
  asked.text_length = 1;
  for (const BankEntry& entry : sets.bank)
    asked.text_length = std::max(asked.text_length, bank_group(entry.name).size());
  return asked;
}

Column<std::uint8_t> usable_column(const std::string& adapter) {
  return shared(bank_column<std::uint8_t>(adapter, "usable", "1", "0: its training diverged"));
}

Column<std::string> failure_column(const std::string& adapter) {
  auto column = shared(bank_column<std::string>(adapter, "failure", "1",
                                                "why its training failed; empty: it did not"));
  column.text_length = kLongestFailure;
  return column;
}

Column<std::uint8_t> loss_rose_column(const std::string& adapter) {
  return shared(bank_column<std::uint8_t>(adapter, "loss_rose", "1", kLossRose.long_name));
}

bool BankAdapter::is_usable(StageRun& run) const {
  return run.input(stage, usable_column(name)).at(0) == 1;
}

std::string BankAdapter::failure(StageRun& run) const {
  return run.input(stage, failure_column(name)).at(0);
}

bool BankAdapter::loss_rose(StageRun& run) const {
  return run.input(stage, loss_rose_column(name)).at(0) == 1;
}

LoraAdapter BankAdapter::read(const Worker& worker, StageRun& run) const {
  const AdapterForm& form = worker.sets.adapter(name).form;
  NamedTensors tensors;
  for (const auto& [tensor, shape] : form.shapes)
    tensors.emplace_back(tensor, to_tensor(run.input(stage, output_of(name, tensor)), shape));
  return LoraAdapter::of(form.config, tensors, worker.base.weights, name, name);
}

void place_adapter(Draft& draft, Upstream stage, std::size_t adapter) {
  const BankEntry& entry = draft.sets().bank[adapter];
  const std::string folder = bank_group(entry.name) + "/";
  draft.builder.place(stage, usable_column(entry.name), {adapter});
  draft.builder.place(stage, loss_rose_column(entry.name), {adapter});
  draft.builder.declare(
      weights_text(folder + kAdapterConfig, entry.form.json, "the adapter's adapter_config.json"));
  for (const auto& [name, text] : draft.base.about())
    draft.builder.declare(weights_text(folder + name, text, name));
  for (const auto& [tensor, shape] : entry.form.shapes)
    draft.builder.place_tensor(stage, output_of(entry.name, tensor),
                               {.path = folder + tensor,
                                .dtype = delta_dtype(draft.deck()),
                                .shape = {shape.begin(), shape.end()},
                                .long_name = "tensor of the adapter"});
}

void emit_adapter(StageRun& run, const std::string& name, const LoraAdapter& adapter) {
  const DType dtype = delta_dtype(run.deck());
  for (const auto& [tensor, value] : adapter.named())
    run.emit(output_of(name, tensor), to_array(value, dtype));
}

}  // namespace factsweep::kshot
