#include "factsweep/edit/memit.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "factsweep/core/error.hpp"
#include "factsweep/model/torch.hpp"
#include "moments.hpp"
#include "search.hpp"

namespace factsweep {
namespace {

using torch::Tensor;

constexpr double kSearchShare = 0.9;  // of all work, as the caller's step is told

/// The prompts alone, up to their subjects: the first context of each request.
std::vector<std::vector<TokenId>> prompts_of(std::span<const EditRequest> requests) {
  std::vector<std::vector<TokenId>> texts;
  for (const EditRequest& request : requests)
    texts.push_back(request.texts.front().up_to_subject());
  return texts;
}

/// Values [M, D] of the residual stream after `layer`, float32.
Tensor find_values(const Weights& weights, std::span<const EditRequest> requests,
                   std::int64_t layer, const ValueSettings& settings,
                   std::vector<SearchReport>& reports,
                   const std::function<void(double, std::int64_t)>& step,
                   const WorkKeeper& keeper) {
  std::vector<Tensor> values;
  const auto batch_size = static_cast<std::size_t>(settings.batch_requests);
  std::size_t done = 0;
  keeper.take_up([&](const WorkState& from) {
    const std::int64_t found = from.done;
    from.check_done(requests.size());
    const Tensor table = from.at("reports", {found, 2}).cpu();
    values.push_back(
        from.at("values", {found, weights.config.width}).to(weights.embedding.device()));
    for (std::int64_t m = 0; m < found; ++m)
      reports.push_back({table[m][0].item<double>(),
                         static_cast<std::int64_t>(table[m][1].item<double>())});
    done = static_cast<std::size_t>(found);
  });
  const auto state = [&] {
    std::vector<double> table;
    for (const SearchReport& report : reports)
      table.insert(table.end(), {report.loss, static_cast<double>(report.steps)});
    return WorkState{static_cast<std::int64_t>(done),
                     {{"values", torch::cat(values)},
                      {"reports", torch::tensor(table, torch::kFloat64).view({-1, 2})}}};
  };
  while (done < requests.size()) {
    const auto batch = requests.subspan(done, std::min(batch_size, requests.size() - done));
    const Tensor initial_MD = look_up(weights, prompts_of(batch), layer).stream_SD;
    const Values found = search_values(
        weights, batch, layer, ValuePlace::layer_output, initial_MD, settings,
        [&](double share, std::int64_t tokens) {
          step((static_cast<double>(done) + share * static_cast<double>(batch.size())) /
                   static_cast<double>(requests.size()),
               tokens);
        });
    values.push_back(initial_MD + found.delta_MD);
    reports.insert(reports.end(), found.reports.begin(), found.reports.end());
    done += batch.size();
    keeper.keep(done == requests.size(), state);
  }
  return torch::cat(values);
}

/// Keys [F, M] of `layer`, float64: half the prompt's own, half the mean over the other contexts.
Tensor keys_of(const Weights& weights, std::span<const EditRequest> requests, std::int64_t layer,
               std::int64_t contexts) {
  constexpr std::size_t kBatch = 64;  // requests whose contexts are held at once
  std::vector<Tensor> keys;
  for (std::size_t begin = 0; begin < requests.size(); begin += kBatch) {
    const auto batch = requests.subspan(begin, std::min(kBatch, requests.size() - begin));
    const Tensor all_MCF = look_up(weights, up_to_subjects(batch), layer)
                               .keys_SF.to(torch::kFloat64)
                               .unflatten(0, {-1, contexts});
    const Tensor own = all_MCF.select(1, 0);
    keys.push_back(contexts == 1 ? own : (own + all_MCF.narrow(1, 1, contexts - 1).mean(1)) / 2);
  }
  return torch::cat(keys).t();
}

}  // namespace

MemitSettings MemitSettings::preset(std::string_view name) {
  MemitSettings settings;
  if (name == "paper") {
    settings.value.learning_rate = 5e-2;
  } else if (name == "easyedit-gptj") {
    settings.layers = {3, 4, 5, 6, 7, 8};
    settings.value.weight_decay = 0.5;
    settings.value.clamp = 0.75;
  } else if (name != "easyedit-llama") {
    throw InputError(fmt::format(
        "MEMIT has no preset '{}'. Choose paper, easyedit-llama or easyedit-gptj.", name));
  }
  return settings;
}

MemitEdit memit(const Model& model, const std::vector<EditRecord>& records,
                const std::vector<std::string>& contexts, const SecondMoments& moments,
                const MemitSettings& settings,
                const std::function<void(double, std::int64_t)>& step, const WorkKeeper& keeper) {
  torch::NoGradGuard no_grad;
  require(
      std::is_sorted(settings.layers.begin(), settings.layers.end()) && !settings.layers.empty(),
      "memit: layers in ascending order");
  for (const std::int64_t layer : settings.layers)
    check_layer(model.weights.config, "MEMIT", layer);
  const std::vector<EditRequest> requests = edit_requests(model, records, contexts);
  const std::int64_t last = settings.layers.back();
  MemitEdit edit;
  const Tensor values_MD =
      find_values(model.weights, requests, last, settings.value, edit.searches,
                  [&](double done, std::int64_t tokens) { step(kSearchShare * done, tokens); },
                  keeper);
  const std::vector<std::vector<TokenId>> prompts = prompts_of(requests);
  for (std::size_t i = 0; i < settings.layers.size(); ++i) {
    const std::int64_t layer = settings.layers[i];
    const Weights current = edited(model.weights, edit.deltas);
    const Tensor K_FM =
        keys_of(current, requests, layer, static_cast<std::int64_t>(contexts.size()));
    const auto left = static_cast<double>(settings.layers.size() - i);
    const Tensor R_DM =
        (values_MD - look_up(current, prompts, last).stream_SD).to(torch::kFloat64).t() / left;
    Tensor sum_FF = moment_of(moments, layer, model.device()).mul(settings.moment_weight);
    sum_FF.addmm_(K_FM, K_FM.t());
    const Tensor solved_FM = at::cholesky_solve(K_FM, factor(sum_FF, moments, layer));
    edit.deltas.push_back({layer, torch::mm(R_DM, solved_FM.t()).to(torch::kFloat32)});
    step(kSearchShare + (1 - kSearchShare) * static_cast<double>(i + 1) /
                            static_cast<double>(settings.layers.size()),
         0);
  }
  return edit;
}

}  // namespace factsweep
