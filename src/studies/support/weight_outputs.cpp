#include "factsweep/studies/support/weight_outputs.hpp"

#include <fmt/format.h>

#include "factsweep/core/console.hpp"
#include "factsweep/model/tensors.hpp"
#include "factsweep/stage/common_options.hpp"
#include "factsweep/studies/support/training_options.hpp"

namespace factsweep {
namespace {

}  // namespace

Keeping::Keeping(const Deck& deck, const TrainedWeights& whole, const TrainedWeights& adapters)
    : asked_(deck.text("store.deltas")), whole_(whole), adapters_(adapters) {}

void Keeping::add(const Deck& deck, const PlannedModel& model,
                  const std::optional<LoraConfig>& lora, bool is_new) {
  const double bytes = bytes_of(deck, model.trained(deck, lora).elements);
  (lora ? adapters_ : whole_).add(bytes, is_new);
}

std::vector<std::string> Keeping::when(bool is_adapter) const {
  constexpr double kMostWhole = 1e9, kMostAdapters = 10e9;
  if (asked_ == "early_stop+final") return {"early_stop", "final"};
  const bool is_small = is_adapter ? adapters_.bytes <= kMostAdapters : whole_.bytes <= kMostWhole;
  return asked_ == "final" || (asked_ == "auto" && is_small) ? std::vector<std::string>{"final"}
                                                             : std::vector<std::string>();
}

void Keeping::tell(PlanBuilder& builder) const {
  std::string kept, lost;
  const auto add = [](std::string& list, const TrainedWeights& of, const char* what) {
    const std::string shared =
        of.models < of.points ? console::counted(of.models, "model") + ", " : "";
    list += fmt::format("{}{} of {} ({}{})", list.empty() ? "" : ", and the ", what,
                        console::counted(of.points, "point"), shared, console::bytes(of.bytes));
  };
  for (const bool is_adapter : {false, true}) {
    const TrainedWeights& of = is_adapter ? adapters_ : whole_;
    if (of.points > 0)
      add(keeps(is_adapter) ? kept : lost, of, is_adapter ? "adapters" : "weights");
  }
  builder.weights(
      kept.empty() ? "" : fmt::format("Kept for export: the {} (store.deltas = {}).", kept, asked_),
      lost.empty() ? ""
                   : fmt::format("Not kept: the {}, as store.deltas = {}. With store.deltas = final "
                                 "they are; run.reuse takes over all else.",
                                 lost, asked_));
}

double bytes_of(const Deck& deck, double elements) {
  return elements * static_cast<double>(size_of(delta_dtype(deck)));
}

void place_weights(PlanBuilder& builder, Upstream stage, const std::vector<std::string>& when,
                   const PlannedModel& model, const std::optional<LoraConfig>& lora,
                   const std::string& long_name, const std::string& no_adapter) {
  if (when.empty()) return;
  const Deck& deck = builder.deck();
  WeightGroup group{.name = lora ? "lora" : "full", .about = model.about(), .outputs = {}};
  if (lora) group.about[kAdapterConfig] = lora->json(model.config);
  if (!lora && !no_adapter.empty()) group.about[kNoAdapter] = no_adapter;
  for (const std::string& time : when) {
    for (const auto& [name, shape] : model.trained(deck, lora).tensors)
      group.outputs.push_back({.path = time + "/" + name,
                               .dtype = delta_dtype(deck),
                               .shape = {shape.begin(), shape.end()},
                               .long_name = lora ? "tensor of the LoRA adapter" : long_name});
  }
  builder.place_weights(stage, group);
}

TakeTensor weight_outputs(StageRun& run, const std::string& when, DType dtype) {
  return [&run, when, dtype](const std::string& name, const torch::Tensor& tensor) {
    run.emit(when + "/" + name, to_array(tensor, dtype));
  };
}

}  // namespace factsweep
