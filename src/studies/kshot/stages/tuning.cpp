// A tuning from what was selected to the test of what it made.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>
#include <map>
#include <string_view>

#include "asking.hpp"
#include "factsweep/core/random.hpp"
#include "factsweep/model/tensors.hpp"
#include "factsweep/model/torch.hpp"
#include "factsweep/moe/moe.hpp"
#include "factsweep/selection/lorahub.hpp"
#include "factsweep/studies/support/training.hpp"
#include "factsweep/studies/support/training_options.hpp"
#include "factsweep/tasks/likelihood.hpp"
#include "gates.hpp"
#include "learning.hpp"
#include "tune.hpp"

namespace factsweep::kshot {
namespace {

/// One that counts which experts the test's tokens go to.
MoePass counting_pass(const MoeAdapter& moe) {
  return {.picks =
              torch::zeros({static_cast<std::int64_t>(moe.modules().size()), moe.experts()},
                           torch::dtype(torch::kInt64).device(moe.slots().front().A.device()))};
}

constexpr std::string_view kFinal = "final/";

class Tuner {
 public:
  Tuner(const Tune& stage, const Worker& worker, StageRun& run)
      : stage_(stage),
        how_(stage.how()),
        worker_(worker),
        deck_(run.deck()),
        base_(worker.base),
        run_(run) {}

  void run() {
    tune();
    run_.emit(kLossRose, static_cast<std::uint8_t>(loss_rose_));
  }

 private:
  void tune() {
    switch (how_.tuning) {
      case Method::Tuning::mixture:
        return mixture();
      case Method::Tuning::gates:
        return gates();
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

  void mixture() {
    MoeAdapter moe = mixture_of(experts());
    if (!how_.is_trained()) {
      keep(moe);
      return test(moe);
    }
    const double balance = how_.is_balanced() ? deck_.real(how_.balance) : 0;
    Trainer trainer(moe_trainee(base_.weights, moe, balance), lessons(), tuning_settings());
    train_and_test(trainer, [&] {
      keep(master_of(moe, trainer));
      moe.assign(trainer.master());
      test(moe);
    });
  }

  /// What the training has made of the adapter, or the mixture, in float32.
  template <typename Adapter>
  static Adapter master_of(const Adapter& start, const Trainer& trainer) {
    Adapter master = start.clone(torch::kFloat32);
    master.assign(trainer.master());
    return master;
  }

  MoeAdapter mixture_of(const std::vector<MoeExpert>& list) const {
    const auto all = static_cast<std::int64_t>(list.size());
    MoeSettings settings{.routing = how_.routing, .top_k = stage_.top_k.value_or(all)};
    if (how_.is_trained()) {
      settings.dropout = deck_.real("lora.dropout");
      settings.seed = hash_words({hash_text("routers"), seed()});
    }
    return MoeAdapter::create(list, base_.weights, settings);
  }

  void gates() {
    std::vector<MoeExpert> list = experts();
    GateTraining training(list, base_, run_);
    const bool is_own = how_.lessons == Method::Lessons::own;
    const std::vector<Example> common = is_own ? std::vector<Example>() : lessons();
    const std::uint64_t drawn_by =
        is_own ? static_cast<std::uint64_t>(deck_.integer("bank.seed")) : seed();
    for (std::size_t i = 0; i < list.size(); ++i)
      training.learn(i, is_own ? own_lessons(list[i].name, drawn_by) : common,
                     hash_words({hash_text("gates"), hash_text(list[i].name), drawn_by}));
    run_.emit(kSeconds, training.seconds());
    loss_rose_ = loss_rose_ || training.loss_rose();
    const MoeAdapter moe = mixture_of(list);
    keep(moe);
    test(moe);
    training.forget();
  }

  void one_adapter() {
    const TrainSettings settings = tuning_settings();
    const LoraAdapter start = how_.start == Method::Start::fresh ? fresh_adapter(settings.seed)
                                                                 : adapter(selected().at(0));
    Trainer trainer(Trainee::lora(base_.weights, start), lessons(), settings);
    train_and_test(trainer, [&] {
      keep(master_of(start, trainer));
      test(base_.with(trainer.weights()));
    });
  }

  void average() {
    const std::vector<LoraAdapter> adapters = selected_adapters();
    const std::vector<double> weights(adapters.size(), 1 / static_cast<double>(adapters.size()));
    const LoraAdapter sum = stacked(adapters, weights);
    run_.emit_padded(kWeight, weights, kNaN);
    keep(sum.named());
    test(adapted(base_, sum));
  }

  /// LoRAHub (arXiv 2307.13269): weights of the adapters' matrices that make the lessons likely.
  void search() {
    const std::vector<LoraAdapter> adapters = selected_adapters();
    const auto start = std::chrono::steady_clock::now();
    std::vector<ScoreRequest> requests;
    for (Example& lesson : lessons())
      requests.push_back({std::move(lesson.prompt), {std::move(lesson.answer)}});
    const std::int64_t evaluations = deck_.integer("lorahub.evaluations");
    const double regularization = deck_.real("lorahub.regularization");
    std::int64_t done = 0;
    const auto loss = [&](const std::vector<double>& weights) {
      const LoraAdapter sum = weighted_sum(adapters, weights);
      double likelihood = 0, tokens = 0, size = 0;
      const auto scores = score_continuations(
          adapted(base_, sum), requests, deck_.integer("eval.batch_tokens"),
          [&](std::int64_t, std::int64_t passed) {
            run_.step(static_cast<double>(done) / static_cast<double>(evaluations + 1), passed);
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
    const std::vector<double> weights = search_weights(
        adapters.size(), evaluations, loss, CounterRandom(stage_.shots.key("lorahub", seed())));
    run_.emit_padded(kWeight, weights, kNaN);
    run_.emit(kSeconds,
              std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
    const LoraAdapter sum = weighted_sum(adapters, weights);
    keep(sum);
    test(adapted(base_, sum));
  }

  std::uint64_t seed() const { return stage_.seed.value(); }

  /// Numbers of adapters of the bank.
  std::vector<std::size_t> selected() {
    const Upstream from = stage_.selected ? *stage_.selected : stage_.best.value();
    std::vector<std::size_t> adapters;
    for (const std::int32_t row : run_.input(from, kExperts)) {
      if (row >= 0) adapters.push_back(static_cast<std::size_t>(row));
    }
    for (const std::size_t i : adapters)
      loss_rose_ = loss_rose_ || stage_.bank.at(i).loss_rose(run_);
    return adapters;
  }

  /// InputError: one that cannot be mixed is the best.
  LoraAdapter adapter(std::size_t i) const {
    const BankAdapter of = stage_.bank.at(i);
    if (!worker_.sets.adapter(of.name).can_be_mixed())
      throw InputError(
          fmt::format("the best adapter, '{}', saves whole modules (modules_to_save), so {} cannot "
                      "begin with it: it is asked as it is. Use source_best.",
                      of.name, how_.name));
    return of.read(worker_, run_);
  }

  /// In the bank's form.
  std::vector<LoraAdapter> selected_adapters() {
    std::vector<LoraAdapter> adapters;
    for (const std::size_t i : selected()) adapters.push_back(in_bank_form(adapter(i)));
    return adapters;
  }

  /// What the mixture begins with: the selected adapters, copies of the best, or fresh ones.
  std::vector<MoeExpert> experts() {
    std::vector<MoeExpert> list;
    if (how_.start == Method::Start::fresh) {
      for (std::int64_t i = 0; i < stage_.experts.value(); ++i)
        list.push_back({fmt::format("fresh-{}", i + 1),
                        fresh_adapter(hash_words(
                            {hash_text("expert"), seed(), static_cast<std::uint64_t>(i)}))});
      return list;
    }
    for (const std::size_t i : selected()) list.push_back({stage_.bank.names.at(i), adapter(i)});
    for (std::int64_t copy = 2; copy <= stage_.experts.value_or(1); ++copy)
      list.push_back({fmt::format("{}-{}", list.front().name, copy), list.front().adapter});
    return list;
  }

  LoraAdapter in_bank_form(const LoraAdapter& adapter) const {
    return adapter.in_form(worker_.sets.form.config);
  }

  LoraAdapter fresh_adapter(std::uint64_t drawn_by) const {
    return LoraAdapter::create(lora_config(deck_), base_.weights, drawn_by, lora_place(deck_));
  }

  /// Shots and selected data; says what of them was cut.
  std::vector<Example> lessons() {
    TaskSet set = stage_.shots.read(worker_.sets);
    for (std::size_t i = 0; i < set.examples.size(); ++i)
      set.examples[i].output = stage_.taught.at(i);
    if (stage_.data) {
      const std::size_t pool = worker_.sets.task(stage_.shots.task).pool.value();
      const std::vector<TaskExample>& open = worker_.sets.pools[pool].set.examples;
      for (const std::int64_t row : run_.input(*stage_.data, kDataRows)) {
        if (row >= 0) set.examples.push_back(open.at(static_cast<std::size_t>(row)));
      }
    }
    TrainingExamples taught = lessons_of(set, base_, deck_);
    run_.emit(kLeftOut, static_cast<std::int64_t>(set.examples.size() - taught.examples.size()));
    run_.emit(kShortened, taught.shortened);
    return std::move(taught.examples);
  }

  /// Of what an adapter of the bank has learnt itself.
  std::vector<Example> own_lessons(const std::string& adapter, std::uint64_t drawn_by) const {
    const TaskSet& learnt = worker_.sets.adapter(adapter).set;
    return lessons_of(gate_lessons(learnt, drawn_by, deck_), base_, deck_).examples;
  }

  TrainSettings tuning_settings() const {
    return learning_settings("moe", hash_words({hash_text("tune"), seed()}), deck_);
  }

  /// An interruption of the test, which is in `finish`, keeps the finished training.
  void train_and_test(Trainer& trainer, const std::function<void()>& finish) {
    const LoopResult record = train(trainer, stage_loop(run_));
    run_.emit_padded(kLoss, record.loss.front(), kNaN);
    loss_rose_ = loss_rose_ || loss_rose(record.loss.front(), base_.weights.config.vocabulary);
    run_.emit(kSeconds, record.seconds);
    finish();
    remove_checkpoint(checkpoint_of(run_.bench()));
  }

  void test(const Model& model) {
    kshot::test(model, worker_.sets.task(stage_.shots.task), worker_.sets, run_);
    worker_.abilities.emit(run_, model);
  }

  void test(const MoeAdapter& moe) {
    if (how_.is_merged()) return test_merged(moe);
    const MoePass pass = counting_pass(moe);
    kshot::test(base_.with(with_experts(base_.weights, moe, pass)),
                worker_.sets.task(stage_.shots.task), worker_.sets, run_);
    emit_shares(moe, pass.picks);
    worker_.abilities.emit(run_, base_.with(with_experts(base_.weights, moe)));
  }

  void test_merged(const MoeAdapter& moe) {
    torch::Tensor sums;  // of the questions' weights
    const auto merged = [&](const std::vector<TokenId>& prompt) {
      torch::Tensor weights;
      Model model = base_.with(merged_for(base_.weights, moe, prompt, &weights));
      sums = sums.defined() ? sums + weights : weights;
      return model;
    };
    test_one_by_one(base_, merged, worker_.sets.task(stage_.shots.task), worker_.sets, run_);
    emit_shares(moe, sums);
    worker_.abilities.emit(run_, base_, [&](const std::vector<TokenId>& prompt) {
      return base_.with(merged_for(base_.weights, moe, prompt));
    });
  }

  /// Share of each expert of the [modules, X] choices, or weights; NaN after the last expert, and of
  /// modules that none of the experts adapts.
  void emit_shares(const MoeAdapter& moe, const torch::Tensor& picks) {
    const torch::Tensor share =
        torch::full({static_cast<std::int64_t>(stage_.modules.size()),
                     static_cast<std::int64_t>(run_.width(kShare))},
                    std::numeric_limits<float>::quiet_NaN(), torch::kFloat32);
    const torch::Tensor counts = picks.cpu().to(torch::kFloat32), shares = counts / counts.sum(1, true);
    const std::vector<std::string> mixed = moe.modules();
    for (std::size_t m = 0; m < mixed.size(); ++m) {
      const auto row = std::find(stage_.modules.begin(), stage_.modules.end(), mixed[m]);
      require(row != stage_.modules.end(), "kshot: a mixture has a module that no row is for");
      share[row - stage_.modules.begin()]
          .narrow(0, 0, counts.size(1))
          .copy_(shares[static_cast<std::int64_t>(m)]);
    }
    const float* values = share.data_ptr<float>();
    run_.emit(kShare, std::vector<float>(values, values + share.numel()));
  }

  /// Where store.deltas asks for it.
  void keep(const MoeAdapter& moe) {
    if (!stage_.kept) return;
    const std::string json = moe.json();
    const std::size_t length = stage_.mixture_config_bytes(moe.experts());
    require(json.size() <= length, "kshot: a mixture's moe.json is longer than planned");
    run_.emit(Tune::kOwnConfig, Array::of_text(std::vector{json}, length));
    keep(moe.named());
  }
  void keep(const LoraAdapter& adapter) {
    keep((how_.start == Method::Start::fresh ? adapter : in_bank_form(adapter)).named());
  }
  /// Each in the corner of its place, which has room for the largest adapters of the bank; zeros are
  /// what is not there.
  void keep(const NamedTensors& tensors) {
    if (!stage_.kept) return;
    const std::map<std::string, torch::Tensor> named(tensors.begin(), tensors.end());
    for (const Output& output : run_.stage().outputs) {
      if (!output.name.text().starts_with(kFinal)) continue;
      const std::vector<std::uint64_t>& row = output.places.at(0).count;
      const std::vector<std::int64_t> shape(row.begin() + 1, row.end());
      const torch::Tensor place = torch::zeros(shape, torch::kFloat32);
      const auto found = named.find(output.name.text().substr(kFinal.size()));
      if (found != named.end())
        place.narrow(0, 0, found->second.size(0))
            .narrow(1, 0, found->second.size(1))
            .copy_(found->second);
      run_.emit(output.name, to_array(place, *stage_.kept));
    }
  }

  const Tune& stage_;
  const Method& how_;
  const Worker& worker_;
  const Deck& deck_;
  const Model& base_;
  StageRun& run_;
  bool loss_rose_ = false;  // of the training, or of an adapter that it begins with
};

}  // namespace

void Tune::run(Worker& worker, StageRun& run) const {
  Tuner(*this, worker, run).run();
}

}  // namespace factsweep::kshot
