#include "factsweep/edit/ft_c.hpp"

#include <fmt/format.h>
#include <torch/csrc/autograd/autograd.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <stdexcept>

#include "adam.hpp"
#include "factsweep/core/error.hpp"
#include "factsweep/model/staging.hpp"
#include "factsweep/model/torch.hpp"
#include "lookup.hpp"

namespace factsweep {
namespace {

using torch::Tensor;

/// The records of one Adam step. The layers below the lowest edited one are run once, here.
struct StepBatch {
  std::int64_t first = 0, count = 0;  // records
  PackedTokens tokens;
  Tensor entering_ND;
  Tensor rows_R;    // whose logits are wanted
  Tensor row_of_T;  // for each token of an answer the place of its row in rows_R
  Tensor target_T;
  Tensor weight_T;  // the mean over records of the mean over an answer
};

StepBatch make_batch(const Model& model, std::span<const EditRecord> records, std::int64_t first,
                 FtObjective objective, std::int64_t lowest_layer) {
  StepBatch batch{.first = first, .count = static_cast<std::int64_t>(records.size())};
  std::vector<std::vector<TokenId>> texts;
  std::vector<std::int64_t> rows, row_of, targets;
  std::vector<float> weights;
  std::int64_t tokens = 0;
  for (const EditRecord& record : records) {
    auto [text, target] = prompt_and_target(model, record, record.prompt);
    const std::int64_t after_prompt = tokens + static_cast<std::int64_t>(text.size()) - 1;
    rows.push_back(after_prompt);
    for (std::size_t t = 0; t < target.size(); ++t) {
      if (t > 0 && objective == FtObjective::target_new)
        rows.push_back(after_prompt + static_cast<std::int64_t>(t));
      row_of.push_back(static_cast<std::int64_t>(rows.size()) - 1);
      targets.push_back(target[t]);
      weights.push_back(1 / static_cast<float>(records.size() * target.size()));
    }
    if (objective == FtObjective::target_new)
      text.insert(text.end(), target.begin(), target.end() - 1);
    tokens += static_cast<std::int64_t>(text.size());
    texts.push_back(std::move(text));
  }
  const std::int64_t start = 0;
  batch.tokens = PackedTokens::pack(texts, {&start, 1}, model.device(), {rows, row_of, targets});
  batch.entering_ND = hidden_states(model.weights, batch.tokens, {.end_layer = lowest_layer});
  batch.rows_R = batch.tokens.lists[0];
  batch.row_of_T = batch.tokens.lists[1];
  batch.target_T = batch.tokens.lists[2];
  batch.weight_T = staged(weights, model.device());
  return batch;
}

Tensor loss_of(const Weights& weights, const StepBatch& batch, std::int64_t lowest_layer) {
  const torch::AutoGradMode gradients(true);
  const Tensor hidden = hidden_states(
      weights, batch.tokens,
      {.rows_R = batch.rows_R, .first_layer = lowest_layer, .entering_ND = batch.entering_ND});
  const Tensor log_p = logits(weights, hidden).to(torch::kFloat32).log_softmax(1);
  const Tensor nll_T =
      -log_p.index_select(0, batch.row_of_T).gather(1, batch.target_T.unsqueeze(1)).squeeze(1);
  return (nll_T * batch.weight_T).sum();
}

/// One trained weight in float32: what the loss is computed with, and the copy that Adam steps.
class Trained {
 public:
  Trained(std::int64_t layer, const Tensor& start, const FtSettings& settings)
      : layer_(layer),
        start_(start.to(torch::kFloat32)),
        bound_(settings.bound),
        master_(start_.clone()),
        adam_(settings.learning_rate),
        working_(start_.clone().set_requires_grad(true)) {}

  void step(const Tensor& gradient) {
    adam_.step(master_, gradient);
    if (bound_ > 0) {
      const Tensor center = start_.to(torch::kFloat64);
      master_ = master_.clamp((center - bound_).to(torch::kFloat32),
                              (center + bound_).to(torch::kFloat32));
    }
    working_.copy_(within_bound(master_));
  }
  const Tensor& working() const { return working_; }
  WeightDelta delta() const {
    return {layer_, working_.detach().to(torch::kFloat64) - start_.to(torch::kFloat64)};
  }

  void store(WorkState& state) const {
    if (adam_.steps() == 0) return;
    const auto steps = static_cast<double>(adam_.steps());
    state.tensors.emplace_back(name("steps"), torch::tensor({steps}, torch::kFloat64));
    state.tensors.emplace_back(name("master"), master_);
    state.tensors.emplace_back(name("momentum"), adam_.momentum());
    state.tensors.emplace_back(name("variance"), adam_.variance());
  }
  /// Nothing: it had not been stepped yet. InputError: WorkState::at().
  struct Earlier {
    std::int64_t steps = 0;
    Tensor master, momentum, variance;
  };
  std::optional<Earlier> earlier(const WorkState& state) const {
    const auto is_steps = [&](const auto& one) { return one.first == name("steps"); };
    if (std::none_of(state.tensors.begin(), state.tensors.end(), is_steps)) return std::nullopt;
    const auto tensor = [&](const char* what) {
      return state.at(name(what), start_.sizes())
          .to(start_.device(), torch::kFloat32, /*non_blocking=*/false, /*copy=*/true);
    };
    return Earlier{static_cast<std::int64_t>(state.at(name("steps"), {1}).item<double>()),
                   tensor("master"), tensor("momentum"), tensor("variance")};
  }
  void restore(const Earlier& earlier) {
    master_ = earlier.master;
    adam_.restore(earlier.steps, earlier.momentum, earlier.variance);
    working_.copy_(within_bound(master_));
  }

 private:
  std::string name(const char* what) const { return fmt::format("{}.{}", what, layer_); }

  /// Rounding the bound may step over it; the next number inwards does not.
  Tensor within_bound(const Tensor& rounded) const {
    if (bound_ == 0) return rounded;
    const Tensor change = rounded.to(torch::kFloat64) - start_.to(torch::kFloat64);
    return torch::where(change.abs() > bound_, torch::nextafter(rounded, start_), rounded);
  }

  std::int64_t layer_;
  Tensor start_;
  double bound_;
  Tensor master_;
  Adam adam_;
  Tensor working_;
};

}  // namespace

FtSettings FtSettings::preset(std::string_view name) {
  FtSettings settings;
  if (name == "paper") {
    settings.learning_rate = 5e-5;
    settings.epochs = 5;
    settings.bound = 5e-5;
  } else if (name != "easyedit-llama" && name != "easyedit-gptj") {
    throw InputError(fmt::format(
        "FT-c has no preset '{}'. Choose paper, easyedit-llama or easyedit-gptj.", name));
  }
  return settings;
}

FtEdit ft_c(const Model& model, const std::vector<EditRecord>& records, const FtSettings& settings,
            const std::function<void(double, std::int64_t)>& step, const WorkKeeper& keeper) {
  torch::NoGradGuard no_grad;
  require(!records.empty() && !settings.layers.empty(), "ft_c: nothing to edit");
  for (const std::int64_t layer : settings.layers) check_layer(model.weights.config, "FT-c", layer);
  const std::int64_t lowest = *std::min_element(settings.layers.begin(), settings.layers.end());
  std::vector<StepBatch> batches;
  const auto batch_size = static_cast<std::size_t>(settings.batch_size);
  for (std::size_t begin = 0; begin < records.size(); begin += batch_size) {
    batches.push_back(make_batch(
        model, std::span(records).subspan(begin, std::min(batch_size, records.size() - begin)),
        static_cast<std::int64_t>(begin), settings.objective, lowest));
  }
  Weights weights = model.weights;
  std::vector<Trained> trained;
  std::vector<Tensor> leaves;
  for (const std::int64_t layer : settings.layers) {
    Tensor& weight = weights.layers[static_cast<std::size_t>(layer)].linears[dense::down].weight;
    trained.emplace_back(layer, weight, settings);
    weight = trained.back().working();
    leaves.push_back(weight);
  }
  FtEdit edit;
  double sum = 0;         // of the epoch's losses
  std::int64_t done = 0;  // batches of all epochs
  const auto epoch = static_cast<std::int64_t>(batches.size());
  keeper.take_up([&](const WorkState& from) {
    from.check_done(static_cast<std::size_t>(epoch * settings.epochs));
    const Tensor numbers = from.at("losses", {2});
    std::vector<std::optional<Trained::Earlier>> earlier;
    for (const Trained& weight : trained) earlier.push_back(weight.earlier(from));
    done = from.done;
    sum = numbers[0].item<double>();
    edit.loss = numbers[1].item<double>();
    for (std::size_t i = 0; i < trained.size(); ++i) {
      if (earlier[i]) trained[i].restore(*earlier[i]);
    }
  });
  const auto is_over = [&] {
    return done > 0 && done % epoch == 0 &&
           (done / epoch >= settings.epochs || edit.loss < settings.stop_loss);
  };
  const auto state = [&] {
    WorkState now{done, {{"losses", torch::tensor({sum, edit.loss}, torch::kFloat64)}}};
    for (const Trained& weight : trained) weight.store(now);
    return now;
  };
  while (!is_over()) {
    const StepBatch& batch = batches[static_cast<std::size_t>(done % epoch)];
    const Tensor loss = loss_of(weights, batch, lowest);
    const auto value = loss.item<double>();
    if (!std::isfinite(value)) {
      throw std::runtime_error(fmt::format(
          "FT-c of record {} ('{}'): the loss is {} in epoch {}.",
          records[batch.first].row + 1, records[batch.first].prompt, value, done / epoch + 1));
    }
    if (value >= settings.stop_loss) {
      const std::vector<Tensor> gradients = torch::autograd::grad({loss}, leaves);
      for (std::size_t i = 0; i < trained.size(); ++i) trained[i].step(gradients[i]);
    }
    sum += value * static_cast<double>(batch.count);
    if (++done % epoch == 0) {
      edit.loss = sum / static_cast<double>(records.size());
      sum = 0;
    }
    keeper.keep(is_over(), state);
    step(static_cast<double>(done) / static_cast<double>(epoch * settings.epochs),
         batch.tokens.tokens());
  }
  edit.epochs = done / epoch;
  for (const Trained& weight : trained) edit.deltas.push_back(weight.delta());
  return edit;
}

}  // namespace factsweep
