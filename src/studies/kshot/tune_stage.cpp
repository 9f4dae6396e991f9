// The last stage of a point: an expert is made of what was selected, and tested.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>

#include "factsweep/core/random.hpp"
#include "factsweep/label/probe.hpp"
#include "factsweep/model/tensors.hpp"
#include "factsweep/model/torch.hpp"
#include "factsweep/moe/moe.hpp"
#include "factsweep/studies/support/training.hpp"
#include "factsweep/studies/support/training_options.hpp"
#include "factsweep/tasks/likelihood.hpp"
#include "factsweep/tasks/prompt.hpp"
#include "merge.hpp"
#include "stage_run.hpp"

namespace factsweep::kshot {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

/// One that counts which experts the test's tokens go to.
MoePass counting_pass(const MoeAdapter& moe) {
  return {.picks =
              torch::zeros({static_cast<std::int64_t>(moe.modules().size()), moe.experts()},
                           torch::dtype(torch::kInt64).device(moe.slots().front().A.device()))};
}

}  // namespace

std::vector<std::int64_t> StageRun::selected() const {
  const auto stage = upstream("select") ? upstream("select") : upstream("best");
  require(stage.has_value(), "kshot: nothing was selected");
  std::vector<std::int64_t> adapters;
  for (const std::int32_t row : bench_.input(*stage, "selection/adapter").as<std::int32_t>()) {
    if (row >= 0) adapters.push_back(row);
  }
  return adapters;
}

std::vector<Example> StageRun::lessons() {
  TaskSet set = shots();
  if (const auto stage = upstream("augment")) {
    const TaskSet& pool = sets_.pools.at(*task().pool).set;
    for (const std::int64_t row : bench_.input(*stage, "selection/row").as<std::int64_t>()) {
      if (row >= 0) set.examples.push_back(pool.examples.at(static_cast<std::size_t>(row)));
    }
  }
  TrainingExamples lessons = lessons_of(set);
  emit_count("points/left_out",
             static_cast<std::int64_t>(set.examples.size() - lessons.examples.size()));
  emit_count("points/shortened", lessons.shortened);
  return std::move(lessons.examples);
}

TrainSettings StageRun::tuning_settings() const {
  TrainSettings settings = train_settings(deck_);
  settings.learning_rate = deck_.real("moe.learning_rate");
  if (deck_.text("train.schedule") == "cosine") settings.final_learning_rate = 0;
  settings.epochs = deck_.integer("moe.epochs");
  settings.seed = hash_words({hash_text("tune"), seed()});
  return settings;
}

void StageRun::tune() {
  switch (method(get<std::string>("method")).tuning) {
    case Method::Tuning::mixture:
      return mixture();
    case Method::Tuning::arrow:
      return arrow();
    case Method::Tuning::lora:
      return one_adapter();
    case Method::Tuning::average:
      return average();
    case Method::Tuning::search:
      return search();
    case Method::Tuning::none:
      break;
  }
  throw BugError("kshot: nothing to tune");
}

MoeAdapter StageRun::selected_experts(MoeSettings settings) const {
  std::vector<MoeExpert> experts;
  for (const std::int64_t i : selected())
    experts.push_back(
        {sets_.bank[static_cast<std::size_t>(i)].name, stored(static_cast<std::size_t>(i))});
  settings.top_k = get<std::int64_t>("top_k");
  return MoeAdapter::create(experts, base_.weights, settings);
}

void StageRun::mixture() {
  MoeAdapter moe = selected_experts(
      {.dropout = deck_.real("lora.dropout"), .seed = hash_words({hash_text("routers"), seed()})});
  Trainer trainer(moe_trainee(base_.weights, moe, deck_.real("moe.balance")), lessons(),
                  tuning_settings());
  const MoePass pass = counting_pass(moe);
  train_and_test(trainer, [&] {
    MoeAdapter master = moe.clone(torch::kFloat32);
    master.assign(trainer.master());
    keep(master);
    moe.assign(trainer.master());
    return base_.with(with_experts(base_.weights, moe, pass));
  });
  emit_shares(moe, pass);
}

void StageRun::arrow() {
  const MoeAdapter moe = selected_experts({.routing = Routing::arrow});
  const MoePass pass = counting_pass(moe);
  keep(moe);
  test_on(base_.with(with_experts(base_.weights, moe, pass)));
  emit_shares(moe, pass);
}

void StageRun::keep(const MoeAdapter& moe) {
  if (!has(kMixtureConfig)) return;
  const std::string json = moe.json();
  const std::size_t length = text_length_of(kMixtureConfig);
  require(json.size() <= length, "kshot: a mixture's moe.json is longer than planned");
  bench_.emit(kMixtureConfig, Array::of_text(std::vector{json}, length));
  for (const auto& [name, tensor] : moe.named())
    bench_.emit("final/" + name, to_array(tensor, delta_dtype(deck_)));
}

void StageRun::keep(const LoraAdapter& adapter) {
  for (const auto& [name, tensor] : adapter.named()) {
    if (has("final/" + name)) bench_.emit("final/" + name, to_array(tensor, delta_dtype(deck_)));
  }
}

void StageRun::emit_shares(const MoeAdapter& moe, const MoePass& pass) {
  const Slab& place = place_of("moe/share");
  const torch::Tensor share = torch::full(
      {static_cast<std::int64_t>(place.count.at(1)), static_cast<std::int64_t>(place.count.at(2))},
      std::numeric_limits<float>::quiet_NaN(), torch::kFloat32);
  const torch::Tensor picks = pass.picks.cpu().to(torch::kFloat32);
  share.narrow(1, 0, moe.experts()).copy_(picks / picks.sum(1, true));
  bench_.emit("moe/share", Array::of(std::span<const float>(
                               share.data_ptr<float>(), static_cast<std::size_t>(share.numel()))));
}

void StageRun::one_adapter() {
  const TrainSettings settings = tuning_settings();
  const bool fresh = method(get<std::string>("method")).start == Method::Start::fresh;
  const LoraAdapter start = fresh ? LoraAdapter::create(lora_config(deck_), base_.weights,
                                                        settings.seed, lora_place(deck_))
                                  : stored(static_cast<std::size_t>(selected().at(0)));
  Trainer trainer(Trainee::lora(base_.weights, start), lessons(), settings);
  train_and_test(trainer, [&] {
    LoraAdapter master = start.clone(torch::kFloat32);
    master.assign(trainer.master());
    keep(master);
    return base_.with(trainer.weights());
  });
}

/// An interruption of the test keeps the finished training.
void StageRun::train_and_test(Trainer& trainer, const std::function<Model()>& result) {
  const LoopResult record =
      train(trainer, stage_loop(bench_, deck_.seconds("run.checkpoint_interval")));
  emit_row("curves/loss", record.loss.front(), kNaN);
  emit_value("points/train_seconds", record.seconds);
  test_on(result());
  remove_checkpoint(checkpoint_of(bench_));
}

void StageRun::emit_weights(const std::vector<double>& weights) {
  emit_row("selection/weight", weights, kNaN);
}

void StageRun::average() {
  std::vector<LoraAdapter> adapters;
  for (const std::int64_t i : selected()) adapters.push_back(stored(static_cast<std::size_t>(i)));
  const std::vector<double> weights(adapters.size(), 1 / static_cast<double>(adapters.size()));
  for (LoraAdapter& adapter : adapters) adapter = scaled(adapter, weights.front());
  emit_weights(weights);
  test_on(base_.with(with_adapters(base_.weights, adapters)));
}

/// LoRAHub (arXiv 2307.13269): weights of the adapters' matrices that make the shots likely.
void StageRun::search() {
  std::vector<LoraAdapter> adapters;
  for (const std::int64_t i : selected()) adapters.push_back(stored(static_cast<std::size_t>(i)));
  const auto start = std::chrono::steady_clock::now();
  std::vector<ScoreRequest> requests;
  for (Example& lesson : lessons())
    requests.push_back({std::move(lesson.prompt), {std::move(lesson.answer)}});
  const std::int64_t evaluations = deck_.integer("lorahub.evaluations");
  const double regularization = deck_.real("lorahub.regularization");
  std::int64_t done = 0;
  const auto loss = [&](const std::vector<double>& weights) {
    const LoraAdapter sum = weighted_sum(adapters, weights);
    const Model model = base_.with(with_adapters(base_.weights, {&sum, 1}));
    double likelihood = 0, tokens = 0, size = 0;
    const auto scores = score_continuations(
        model, requests, deck_.integer("eval.batch_tokens"),
        [&](std::int64_t, std::int64_t passed) {
          bench_.step(static_cast<double>(done) / static_cast<double>(evaluations + 1), passed);
        });
    for (const auto& score : scores) {
      likelihood += score[0].sum;
      tokens += static_cast<double>(score[0].tokens);
    }
    for (const double weight : weights)
      size += std::abs(weight) / static_cast<double>(weights.size());
    ++done;
    return -likelihood / tokens + regularization * size;
  };
  const std::vector<double> weights =
      search_weights(adapters.size(), evaluations, loss,
                     CounterRandom(hash_words({hash_text("lorahub"), hash_text(task().name),
                                               get<std::uint64_t>("draw"), seed()})));
  emit_weights(weights);
  emit_value("points/train_seconds",
             std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  const LoraAdapter sum = weighted_sum(adapters, weights);
  keep(sum);
  test_on(base_.with(with_adapters(base_.weights, {&sum, 1})));
}

}  // namespace factsweep::kshot
