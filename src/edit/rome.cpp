#include "factsweep/edit/rome.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "factsweep/core/error.hpp"
#include "factsweep/model/torch.hpp"
#include "moments.hpp"
#include "search.hpp"

namespace factsweep {
namespace {

using torch::Tensor;

/// The update that maps a record's key to its value.
RomeEdit update(const RomeSettings& settings, const Tensor& keys_CF, const Tensor& outputs_CD,
                const Tensor& delta_D, const Tensor& lower_FF) {
  const Tensor mean_F = keys_CF.mean(0);
  Tensor u_F =
      lower_FF.defined() ? at::cholesky_solve(mean_F.unsqueeze(1), lower_FF).squeeze(1) : mean_F;
  u_F = u_F / u_F.norm();
  const Tensor key_F = settings.mean_key ? mean_F : keys_CF[0],
               output_D = settings.mean_key ? outputs_CD.mean(0) : outputs_CD[0];
  const Tensor left_D = (outputs_CD[0] + delta_D - output_D) / key_F.dot(u_F);
  return {settings.layer, left_D.to(torch::kFloat32), u_F.to(torch::kFloat32), {}};
}

}  // namespace

WeightDelta RomeEdit::delta() const {
  return {layer, torch::outer(left_D, right_F)};
}

RomeSettings RomeSettings::preset(std::string_view name) {
  RomeSettings settings;
  if (name == "paper") {
    settings.value.learning_rate = 5e-3;
    settings.moment_adjustment = true;
    settings.mean_key = false;
  } else if (name == "easyedit-gptj") {
    settings.value.steps = 20;
    settings.value.weight_decay = 0.5;
  } else if (name != "easyedit-llama") {
    throw InputError(fmt::format(
        "ROME has no preset '{}'. Choose paper, easyedit-llama or easyedit-gptj.", name));
  }
  return settings;
}

Rome::Rome(const Model& like, std::vector<std::string> contexts, const SecondMoments& moments,
           RomeSettings settings)
    : settings_(std::move(settings)), contexts_(std::move(contexts)) {
  torch::NoGradGuard no_grad;
  check_layer(like.weights.config, "ROME", settings_.layer);
  if (settings_.moment_adjustment)
    lower_FF_ =
        factor(moment_of(moments, settings_.layer, like.device()), moments, settings_.layer);
}

void Rome::check(const Model& model, const std::vector<EditRecord>& records) const {
  for (const EditRecord& record : records) cut_texts(model, record, {"{}"});
}

std::vector<RomeEdit> Rome::edit(const Model& model, const std::vector<EditRecord>& records,
                                 const std::function<void(double, std::int64_t)>& step) const {
  torch::NoGradGuard no_grad;
  const std::int64_t layer = settings_.layer;
  const std::vector<EditRequest> requests = edit_requests(model, records, contexts_);
  const auto C = static_cast<std::int64_t>(contexts_.size());
  std::vector<RomeEdit> edits;
  const auto batch_size = static_cast<std::size_t>(settings_.value.batch_requests);
  for (std::size_t begin = 0; begin < requests.size(); begin += batch_size) {
    const auto batch =
        std::span(requests).subspan(begin, std::min(batch_size, requests.size() - begin));
    const Lookup lookup = look_up(model.weights, up_to_subjects(batch), layer);
    const Tensor keys_MCF = lookup.keys_SF.to(torch::kFloat64).unflatten(0, {-1, C}),
                 outputs_MCD = lookup.outputs_SD.unflatten(0, {-1, C});
    const Values values = search_values(
        model.weights, batch, layer, ValuePlace::mlp_output, outputs_MCD.select(1, 0),
        settings_.value, [&](double done, std::int64_t tokens) {
          step((static_cast<double>(begin) + done * static_cast<double>(batch.size())) /
                   static_cast<double>(requests.size()),
               tokens);
        });
    for (std::size_t m = 0; m < batch.size(); ++m) {
      const auto i = static_cast<std::int64_t>(m);
      edits.push_back(update(settings_, keys_MCF[i], outputs_MCD[i].to(torch::kFloat64),
                             values.delta_MD[i].to(torch::kFloat64), lower_FF_));
      edits.back().search = values.reports[m];
    }
  }
  return edits;
}

Weights Rome::edit_in_sequence(const Model& model, const std::vector<EditRecord>& records,
                               const std::function<void(double, std::int64_t)>& step,
                               const WorkKeeper& keeper) const {
  Model now = model;
  const auto matrix = [&]() -> Tensor& {
    LayerWeights& layer = now.weights.layers.at(static_cast<std::size_t>(settings_.layer));
    return layer.linears[dense::down].weight;
  };
  std::size_t done = 0;
  keeper.take_up([&](const WorkState& from) {
    from.check_done(records.size());
    matrix() = from.at("matrix", matrix().sizes()).to(matrix().options());
    done = static_cast<std::size_t>(from.done);
  });
  const auto state = [&] {
    return WorkState{static_cast<std::int64_t>(done), {{"matrix", matrix()}}};
  };
  while (done < records.size()) {
    const WeightDelta delta = edit(now, {records[done]},
                                   [&](double share, std::int64_t tokens) {
                                     step((static_cast<double>(done) + share) /
                                              static_cast<double>(records.size()),
                                          tokens);
                                   })
                                  .front()
                                  .delta();
    now.weights = edited(now.weights, {&delta, 1});
    ++done;
    keeper.keep(done == records.size(), state);
  }
  return now.weights;
}

}  // namespace factsweep
