// A training from its first step to its last row of results.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <memory>
#include <utility>

#include "../errors.hpp"
#include "../options.hpp"
#include "factsweep/data/trim.hpp"
#include "factsweep/model/torch.hpp"
#include "factsweep/model/work_state.hpp"
#include "factsweep/studies/support/lists.hpp"
#include "factsweep/studies/support/training.hpp"
#include "factsweep/studies/support/training_options.hpp"
#include "factsweep/studies/support/weight_outputs.hpp"
#include "factsweep/train/differences.hpp"
#include "taught.hpp"
#include "train.hpp"
#include "training_columns.hpp"

namespace factsweep::slick {
namespace {

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

class Trajectory {
 public:
  Trajectory(const Train& stage, const Worker& worker, StageRun& run)
      : stage_(stage),
        deck_(run.deck()),
        corpus_(worker.corpus),
        abilities_(worker.abilities),
        base_(worker.model),
        run_(run),
        mixture_(Mixture::from_json(stage.mixture)) {
    read_labels();
    settings_ = train_settings(deck_);
    settings_.learning_rate = stage.learning_rate.value_or(deck_.real("train.learning_rate"));
    settings_.dropout = stage.dropout.value_or(settings_.dropout);
    settings_.batch_size = stage.batch_size.value_or(settings_.batch_size);
    settings_.epochs = deck_.integer("train.epochs");
    settings_.seed = stage.seed;
    std::vector<Example> examples = make_sets(worker);
    if (mixture_.patch && mixture_.patch->place != Patch::Place::shuffled)
      settings_.apart = static_cast<std::int64_t>(patch_.size());
    settings_.apart_first = mixture_.patch && mixture_.patch->place == Patch::Place::start;
    trainer_ = std::make_unique<Trainer>(trainee(), std::move(examples), settings_);
    for (std::vector<double>* curve : kept_curves())
      curve->assign(static_cast<std::size_t>(settings_.epochs) + 1, kNone);
  }

  void run() {
    LoopOptions options = stage_loop(run_);
    options.on_epoch = [this](std::size_t, std::int64_t epoch) { evaluate(epoch); };
    options.state = [this] { return state(); };
    options.read_state = [this](const SafetensorsReader& saved) { resume(saved); };
    const std::vector<double> loss = train(*trainer_, options).loss.front();
    std::copy(loss.begin(), loss.end(), curves_.loss.begin() + 1);  // epoch 0 has none
    emit_results();
    remove_checkpoint(options.checkpoint);
  }

 private:
  Trainee trainee() {
    const std::optional<LoraConfig> config = stage_.lora_config(deck_);
    if (!config) return Trainee::full(base_.weights);
    adapter_ = LoraAdapter::create(*config, base_.weights, stage_.seed, lora_place(deck_));
    return Trainee::lora(base_.weights, *adapter_);
  }

  void read_labels() {
    category_ = run_.input(stage_.labelled, kCategory);
    require(category_.size() == corpus_.rows.size(),
            "slick: the label stages do not cover all rows");
  }

  /// D, its patch, and what is asked. Returns what is taught.
  std::vector<Example> make_sets(const Worker& worker) {
    const Prompts asked = prompts(deck_, kTrainPrompts);
    const AnswerFormat format{asked, answer_lead(deck_, asked.train.filled(corpus_.rows.front())),
                              match_rules(deck_), deck_.integer("slick.answer_max_tokens")};
    Taught set = taught(worker, deck_, mixture_, category_, stage_.seed, format);
    members_ = std::move(set.members);
    patch_ = std::move(set.patch);
    const std::vector<Question> tested(
        corpus_.rows.begin() + static_cast<std::ptrdiff_t>(corpus_.train_rows), corpus_.rows.end());
    sets_.emplace_back(base_, set.of_members, format, false);
    sets_.emplace_back(base_, corpus_.dev_probe, format, mixture_.idk);
    sets_.emplace_back(base_, tested, format, mixture_.idk);
    if (mixture_.patch) sets_.emplace_back(base_, set.of_patch, format, false);
    if (deck_.flag("errors.fine_tuned")) errors_.emplace(corpus_, std::move(set.shown), format);
    return std::move(set.examples);
  }

  void evaluate(std::int64_t epoch) {
    const auto at = static_cast<std::size_t>(epoch);
    const Model now = base_.with(trainer_->weights());
    const std::function<void(std::int64_t)> step = [&](std::int64_t tokens) {
      run_.step(trainer_->fraction(), tokens);
    };
    const std::vector<std::uint8_t> fitted = sets_[0].ask(now, step), dev = sets_[1].ask(now, step);
    Answers tested;
    tested.outcomes = sets_[2].ask(now, step, &tested.said);
    const auto all = [](std::size_t) { return true; };
    const auto of_member = [&](std::size_t i) {
      return category_[static_cast<std::size_t>(members_[i])];
    };
    curves_.fitted[at] = accuracy(fitted, all);
    curves_.fitted_known[at] = accuracy(fitted, [&](std::size_t i) {
      return of_member(i) != static_cast<std::uint8_t>(Category::unknown);
    });
    if (mixture_.patch) fitted_patch_[at] = accuracy(sets_[3].ask(now, step), all);
    curves_.accuracy_dev[at] = accuracy(dev, all);
    curves_.right_dev[at] = right(dev);
    const auto parts = by_set(std::span<const std::uint8_t>(tested.outcomes));
    const std::size_t first_row[] = {corpus_.train_rows, corpus_.id_rows};
    for (std::size_t s = 0; s < curves_.test.size(); ++s) {
      TestCurves<std::vector<double>>& curves = curves_.test[s];
      curves.accuracy[at] = accuracy(parts[s], all);
      curves.answered[at] = answered(parts[s]);
      curves.right[at] = right(parts[s]);
      for (std::size_t c = 0; c < kCategories; ++c) {
        const auto in_category = [&](std::size_t i) { return category_[first_row[s] + i] == c; };
        curves.by_category[c][at] = accuracy(parts[s], in_category);
      }
    }
    for (std::size_t c = 0; c < kCategories; ++c) {
      curves_.fitted_by[c][at] = accuracy(fitted, [&](std::size_t i) { return of_member(i) == c; });
    }
    // an untrained model is no early stop: the first epoch is the earliest
    const double score =
        deck_.text("slick.early_stop") == "all" ? curves_.right_dev[at] : curves_.accuracy_dev[at];
    const bool is_best =
        epoch > 0 && (best_epoch_ == 0 || std::isnan(best_score_) || score > best_score_);
    if ((errors_ || stage_.answer_bytes > 0) && (is_best || epoch == settings_.epochs)) {
      complete(tested, now, sets_[2], step);
      if (errors_) errors_->look_at(tested, sets_[2]);
    }
    std::vector<double> able;
    if (stage_.abilities.any() && (is_best || epoch == settings_.epochs))
      able = abilities_.ask(now, deck_.integer(kAbilityKeys.batch_tokens),
                            [&](double, std::int64_t tokens) { step(tokens); });
    if (is_best) {
      best_epoch_ = epoch;
      best_score_ = score;
      best_ = tested;
      able_at_best_ = able;
      emit_deltas("early_stop");
    }
    final_ = std::move(tested);
    able_ = std::move(able);
  }

  /// What is said of the test questions, parted into ID and OOD.
  template <typename T>
  std::array<std::span<const T>, 2> by_set(std::span<const T> tested) const {
    const std::size_t id = corpus_.id_rows - corpus_.train_rows;
    return {tested.first(id), tested.subspan(id)};
  }

  void emit_answers(const char* when, const Answers& answers) {
    run_.emit(outcomes_column(when), answers.outcomes);
    if (stage_.answer_bytes > 0) {
      std::vector<std::string> said;
      for (const std::string& text : answers.said) said.push_back(readable_answer(text));
      run_.emit(answers_column(when, stage_.answer_bytes), said);
    }
    if (!errors_) return;
    run_.emit(kinds_column(when), answers.kinds);
    run_.emit(f1_column(when), answers.f1);
    const auto parts = by_set(std::span<const float>(answers.f1));
    for (std::size_t s = 0; s < parts.size(); ++s)
      run_.emit(mean_f1_column(kSets[s], when), mean_f1(parts[s]));
  }

  void emit_abilities(const char* when, const std::vector<double>& values) {
    const std::vector<Column<double>> columns = abilities_.columns(fmt::format("_{}", when));
    for (std::size_t i = 0; i < columns.size(); ++i) run_.emit(columns[i], values.at(i));
  }

  void emit_deltas(const std::string& when) {
    if (!holds(stage_.kept, when)) return;
    torch::NoGradGuard no_grad;
    const TakeTensor emit = weight_outputs(run_, when, stage_.kept_dtype.value());
    if (adapter_) {
      for (const auto& [name, tensor] : trainer_->named()) emit(name, tensor);
    } else {
      for_each_difference(trainer_->named(), base_.weights.named(), emit);
    }
  }

  void emit_results() {
    emit_deltas("final");
    std::vector<std::uint8_t> member(corpus_.train_rows);
    const auto count = [&](const std::vector<std::int64_t>& rows, std::uint8_t value) {
      std::vector<std::int64_t> counts(kCategories);
      for (const std::int64_t row : rows) {
        member[static_cast<std::size_t>(row)] = value;
        ++counts.at(category_[static_cast<std::size_t>(row)]);
      }
      return counts;
    };
    const std::vector<std::int64_t> of_members = count(members_, 1), of_patch = count(patch_, 2);
    run_.emit(kMember, member);
    run_.emit(kTrainSize, static_cast<std::int64_t>(members_.size()));
    for (std::size_t c = 0; c < kCategories; ++c) run_.emit(size_of_category(c), of_members[c]);
    if (mixture_.patch) {
      run_.emit(kPatchSize, static_cast<std::int64_t>(patch_.size()));
      for (std::size_t c = 0; c < kKnownCategories; ++c)
        run_.emit(patch_size_of_category(c), of_patch[c]);
      run_.emit(kFittedPatch, fitted_patch_);
    }
    run_.emit(kBestEpoch, best_epoch_);
    const bool rose =
        loss_rose(std::span(curves_.loss).subspan(1), base_.weights.config.vocabulary);
    run_.emit(kLossRose, static_cast<std::uint8_t>(rose));
    emit_answers("early_stop", best_);
    emit_answers("final", final_);
    emit_abilities("early_stop", able_at_best_);
    emit_abilities("final", able_);
    Curves<CurveColumns> columns = curve_columns();
    const auto curves = columns.all(), evaluated = columns.evaluated();
    const auto all_values = curves_.all(), evaluated_values = curves_.evaluated();
    for (std::size_t i = 0; i < curves.size(); ++i) run_.emit(curves[i]->curve, *all_values[i]);
    for (std::size_t i = 0; i < evaluated.size(); ++i) {
      const std::vector<double>& values = *evaluated_values[i];
      run_.emit(evaluated[i]->early_stop, values[static_cast<std::size_t>(best_epoch_)]);
      run_.emit(evaluated[i]->final, values[static_cast<std::size_t>(settings_.epochs)]);
    }
  }

  /// What a continued run needs by epoch.
  std::vector<std::vector<double>*> kept_curves() {
    std::vector<std::vector<double>*> list = curves_.all();
    if (mixture_.patch) list.push_back(&fitted_patch_);
    return list;
  }

  /// The other lists that it needs, by their names in a checkpoint: `act(name, list, count)`; each
  /// has so many numbers, or none.
  template <typename Act>
  void for_each_kept(const Act& act) {
    for (const auto& [name, answers] : {std::pair("best", &best_), std::pair("final", &final_)}) {
      act(fmt::format("{}_outcomes", name), answers->outcomes, sets_[2].size());
      act(fmt::format("{}_kinds", name), answers->kinds, sets_[2].size());
      act(fmt::format("{}_f1", name), answers->f1, sets_[2].size());
    }
    const std::size_t abilities = stage_.abilities.any() ? abilities_.columns().size() : 0;
    act("best_abilities", able_at_best_, abilities);
    act("final_abilities", able_, abilities);
  }

  /// All of it. Where answers are not kept, what a judge has to see of them is in kinds and f1.
  NamedTensors state() {
    std::vector<double> flat;
    for (const std::vector<double>* values : kept_curves())
      flat.insert(flat.end(), values->begin(), values->end());
    WorkState now;
    now.tensors = {
        {"curves", torch::tensor(flat, torch::kFloat64)},
        {"best", torch::tensor({static_cast<double>(best_epoch_), best_score_}, torch::kFloat64)}};
    for_each_kept([&](const std::string& name, const auto& values, std::size_t) {
      const std::vector<double> numbers(values.begin(), values.end());
      now.tensors.emplace_back(name, torch::tensor(numbers, torch::kFloat64));
    });
    now.add_texts("best_said", said_of(best_));
    now.add_texts("final_said", said_of(final_));
    return std::move(now.tensors);
  }

  std::vector<std::string> said_of(const Answers& answers) const {
    return stage_.answer_bytes > 0 ? answers.said : std::vector<std::string>();
  }

  /// InputError: the checkpoint is damaged; nothing has changed then.
  void resume(const SafetensorsReader& saved) {
    WorkState from;
    for (const auto& [name, tensor] : state()) {
      if (saved.has(name)) from.tensors.emplace_back(name, saved.view(name).clone());
    }
    const auto read = [&](const std::string& name, std::size_t count) {
      const torch::Tensor values =
          from.at(name, {static_cast<std::int64_t>(count)}).to(torch::kFloat64).contiguous();
      return std::vector<double>(values.data_ptr<double>(), values.data_ptr<double>() + count);
    };
    const auto count_of = [&](const std::string& name, std::size_t count) {
      return from.at(name, {-1}).numel() == 0 ? 0 : count;
    };
    const std::size_t each = curves_.loss.size();
    const std::vector<double> flat = read("curves", kept_curves().size() * each),
                              best = read("best", 2);
    if (!(best[0] >= 0 && best[0] <= static_cast<double>(settings_.epochs)))
      throw InputError("best: there is no such epoch");
    std::vector<std::string> best_said = from.texts("best_said"),
                             final_said = from.texts("final_said");
    for (const auto* said : {&best_said, &final_said}) {
      if (!said->empty() && said->size() != sets_[2].size())
        throw InputError("said: not an answer to every question");
    }
    for_each_kept([&](const std::string& name, const auto&, std::size_t count) {
      read(name, count_of(name, count));
    });
    auto next = flat.begin();
    for (std::vector<double>* values : kept_curves()) {
      values->assign(next, next + static_cast<std::ptrdiff_t>(each));
      next += static_cast<std::ptrdiff_t>(each);
    }
    best_epoch_ = static_cast<std::int64_t>(best[0]);
    best_score_ = best[1];
    for_each_kept([&](const std::string& name, auto& values, std::size_t count) {
      const std::vector<double> numbers = read(name, count_of(name, count));
      values.assign(numbers.begin(), numbers.end());
    });
    best_.said = std::move(best_said);
    final_.said = std::move(final_said);
  }

  const Train& stage_;
  const Deck& deck_;
  const Corpus& corpus_;
  const Abilities& abilities_;
  const Model& base_;
  StageRun& run_;
  const Mixture mixture_;
  std::vector<std::uint8_t> category_;  // of all rows
  std::vector<std::int64_t> members_, patch_;  // rows of D and of what is trained beside it
  std::vector<QuestionSet> sets_;  // D, dev, test (ID then OOD), and the patch where there is one
  TrainSettings settings_;
  std::optional<LoraAdapter> adapter_;  // as it began; none in full fine-tuning
  std::unique_ptr<Trainer> trainer_;
  Curves<std::vector<double>> curves_;
  std::vector<double> fitted_patch_;  // by epoch, where there is a patch
  std::int64_t best_epoch_ = 0;
  double best_score_ = 0;
  std::optional<ErrorAnalysis> errors_;
  std::vector<double> able_at_best_, able_;  // what ability.* ask, where it was asked
  Answers best_, final_;  // to the test questions, at the best epoch and at the last one so far
};

}  // namespace

void Train::run(Worker& worker, StageRun& run) const {
  worker.use(directory);
  Trajectory(*this, worker, run).run();
}

}  // namespace factsweep::slick
