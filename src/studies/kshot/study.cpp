#include <fmt/format.h>

#include <algorithm>

#include "kshot.hpp"
#include "stage_run.hpp"

namespace factsweep::kshot {

void KShotExecutor::prepare(const std::string& device) {
  const Deck& deck = *deck_;
  base_ = Model::load(deck.text("model.path"), parse_dtype(deck.text("model.dtype")),
                      torch::Device(device));
}

void KShotExecutor::run(const Plan& plan, std::size_t index, Workbench& bench) {
  const Stage& stage = plan.stages[index];
  StageRun run(*deck_, sets_, plan, stage, base_, bench);
  if (stage.kind == "bank") return run.bank();
  if (stage.kind == "adapter") return run.adapter();
  if (stage.kind == "similarity") return run.similarity();
  if (stage.kind == "signals") return run.signals();
  if (stage.kind == "test") return run.test();
  if (stage.kind == "own") return run.own();
  if (stage.kind == "best") return run.best();
  if (stage.kind == "select") return run.select();
  if (stage.kind == "augment") return run.augment();
  if (stage.kind == "tune") return run.tune();
  require(stage.kind == "embed", "kshot: unknown kind of stage");
  if (!encoder_)
    encoder_ = Encoder::load(deck_->text("augment.encoder"),
                             parse_dtype(deck_->text("model.dtype")), base_.device());
  run.embed(*encoder_);
}

StageRun::StageRun(const Deck& deck, const Sets& sets, const Plan& plan, const Stage& stage,
                   const Model& base, Workbench& bench)
    : deck_(deck), sets_(sets), plan_(plan), stage_(stage), base_(base), bench_(bench) {}

std::optional<std::size_t> StageRun::upstream(const std::string& kind) const {
  for (const std::size_t index : stage_.upstream) {
    if (plan_.stages[index].kind == kind) return index;
  }
  return std::nullopt;
}

bool StageRun::has(const std::string& output) const {
  return std::any_of(stage_.outputs.begin(), stage_.outputs.end(),
                     [&](const Output& item) { return item.name == output; });
}

const Slab& StageRun::place_of(const std::string& output) const {
  const auto found = std::find_if(stage_.outputs.begin(), stage_.outputs.end(),
                                  [&](const Output& item) { return item.name == output; });
  require(found != stage_.outputs.end(), "kshot: the stage has no output " + output);
  return found->places.at(0);
}

std::size_t StageRun::text_length_of(const std::string& output) const {
  const std::string& path = place_of(output).path;
  const auto found = std::find_if(plan_.datasets.begin(), plan_.datasets.end(),
                                  [&](const DatasetSpec& spec) { return spec.path == path; });
  require(found != plan_.datasets.end(), "kshot: no dataset " + path);
  return found->text_length;
}

void StageRun::emit_value(const std::string& output, double value) {
  bench_.emit(output, Array::of(std::vector{value}));
}

void StageRun::emit_count(const std::string& output, std::int64_t count) {
  bench_.emit(output, Array::of(std::vector{count}));
}

std::function<void(double, std::int64_t)> StageRun::step() const {
  return [this](double fraction, std::int64_t tokens) { bench_.step(fraction, tokens); };
}

TaskSet StageRun::shots() const {
  return pick(task().train,
              shots_of(task(), get<std::int64_t>("shots"), get<std::int64_t>("draw")));
}

std::vector<std::int64_t> StageRun::shots_among(std::size_t upstream) const {
  const auto draw = get<std::int64_t>("draw");
  const auto all_count = plan_.stages[upstream].configuration.at("shots").get<std::int64_t>();
  const auto all = shots_of(task(), all_count, draw),
             mine = shots_of(task(), get<std::int64_t>("shots"), draw);
  std::vector<std::int64_t> places;
  for (const std::int64_t shot : mine)
    places.push_back(std::lower_bound(all.begin(), all.end(), shot) - all.begin());
  return places;
}

TrainingExamples StageRun::lessons_of(const TaskSet& set) const {
  const std::int64_t longest = deck_.integer("kshot.longest");
  TrainingExamples lessons = training_examples(base_, set, prompts(), longest);
  if (lessons.examples.empty())
    throw InputError(
        fmt::format("{}: the prompts of all {} examples are longer than kshot.longest = {} tokens.",
                    set.name, set.examples.size(), longest));
  return lessons;
}

std::string StageRun::prompts() const {
  return prompt_template(deck_.text("kshot.template"), "kshot.template");
}

}  // namespace factsweep::kshot
