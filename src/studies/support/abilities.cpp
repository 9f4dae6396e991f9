#include "factsweep/studies/support/abilities.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <limits>
#include <set>
#include <utility>

#include "factsweep/core/random.hpp"
#include "factsweep/data/texts.hpp"
#include "factsweep/studies/support/lengths.hpp"
#include "factsweep/studies/support/lists.hpp"
#include "factsweep/tasks/likelihood.hpp"
#include "factsweep/tasks/read_tasks.hpp"

namespace factsweep {
namespace {

constexpr const char *kLikelihood = "_likelihood", *kPerplexity = "perplexity";

/// Whether the likelihood of a task's options is a value beside what is generated.
bool has_likelihood(const TaskSet& task) {
  return task.kind != TaskKind::choice && !task.examples.front().options.empty();
}

Column<double> share(const std::string& name) {
  return column<double>("/points/ability_" + name, {"point"}, "fraction",
                        "accuracy on a task that has nothing to do with what is taught");
}

/// Changes with what is asked of these tasks.
std::uint64_t questions_hash(const std::vector<TaskSet>& tasks) {
  std::uint64_t hash = 0;
  for (const TaskSet& task : tasks) {
    hash = hash_words({hash, static_cast<std::uint64_t>(max_new_tokens_of(task.kind))});
    for (const TaskExample& example : task.examples) {
      hash = hash_words({hash, hash_text(task.name), hash_text(example.instruction),
                         hash_text(example.input), hash_text(example.answer)});
      if (task.kind != TaskKind::choice) continue;  // others have their options in the question
      for (const std::string& option : example.options)
        hash = hash_words({hash, hash_text(option)});
    }
  }
  return hash;
}

std::uint64_t texts_hash(const std::vector<std::string>& texts) {
  std::uint64_t hash = 0;
  for (const std::string& text : texts) hash = hash_words({hash, hash_text(text)});
  return hash;
}

TaskSet read_task(const Deck& deck, const AbilityKeys& keys, const std::string& file) {
  const std::string name = std::filesystem::path(file).filename().string();
  const std::size_t colon = std::min(name.rfind(':'), name.size());
  ReadTasksSettings settings;
  settings.may_name_columns = false;
  if (keys.bad_records != nullptr) settings.bad_records = deck.real(keys.bad_records);
  if (colon < name.size()) settings.part = name.substr(colon + 1);
  TaskSet task = read_task_set(file.substr(0, file.size() - name.size() + colon), settings);
  if (task.kind == TaskKind::code)
    throw deck.error("ability.tasks",
                     fmt::format(": '{}' needs code to be run, which is not done here.", file));
  return task;
}

}  // namespace

void declare_abilities(OptionTable& table, const AbilityKeys& keys) {
  table.paths("ability.tasks", "",
              "files of labelled tasks that every model is asked too, the base model once "
              "(docs/tasks.md): a path, or path:part");
  table.integer("ability.examples", "0", "examples", 0, 1e12,
                fmt::format("examples asked of each task, chosen by {}; 0: all", keys.seed));
  table.path("ability.text", "",
             "plain text, or JSON lines {\"text\"}, of which every model's perplexity is taken, the "
             "base model's once (docs/tasks.md)");
  table.integer("ability.text_tokens", "10000", "tokens", 2, 1e12,
                "tokens of ability.text that are read, from its begin on");
  table.integer("ability.text_window", "1024", "tokens", 2, 1e7,
                "a text is cut into windows of so many tokens, fewer where the model has fewer "
                "positions: nothing before a window is seen in it");
}

Abilities Abilities::read(const Deck& deck, const AbilityKeys& keys) {
  Abilities all;
  all.keys_ = keys;
  all.text_file_ = deck.text("ability.text");
  all.text_tokens_ = deck.integer("ability.text_tokens");
  all.text_window_ = deck.integer("ability.text_window");
  std::set<std::string> names;
  if (all.text_file_.empty()) {
    const bool is_off = deck.where("ability.text") != "default";  // said to be none, of a deck that has one
    for (const char* key : {"ability.text_tokens", "ability.text_window"}) {
      if (!is_off && !deck.is_default(key))
        throw deck.error(key, "has no effect without ability.text. Leave it out.");
    }
  } else {
    names.insert(kPerplexity);
    all.texts_ = read_whole_texts(all.text_file_);
    std::erase_if(all.texts_, [](const std::string& text) {
      return text.find_first_not_of(" \t\r\n") == text.npos;
    });
    if (all.texts_.empty())
      throw deck.error("ability.text", fmt::format(": '{}' holds no text.", all.text_file_));
  }
  all.files_ = deck.path_list("ability.tasks");
  for (const std::string& file : all.files_) {
    const TaskSet whole = read_task(deck, keys, file);
    for (const std::string& column : {whole.name, whole.name + kLikelihood}) {
      if (!names.insert(column).second)
        throw deck.error("ability.tasks",
                         fmt::format("names a second value '{}'. Rename a file: the name becomes a "
                                     "column of /points.",
                                     column));
    }
    all.tasks_.push_back(draw(whole, deck.integer("ability.examples"),
                              static_cast<std::uint64_t>(deck.integer(keys.seed))));
    all.tasks_.back().bad = whole.bad;
  }
  all.sum_up();
  return all;
}

void Abilities::sum_up() {
  std::uint64_t hash = questions_hash(tasks_);
  if (!texts_.empty())
    hash = hash_words({hash, texts_hash(texts_), static_cast<std::uint64_t>(text_tokens_),
                       static_cast<std::uint64_t>(text_window_)});
  fingerprint_ = hex(hash);
  double characters = 0;
  for (const TaskSet& task : tasks_) {
    for (const TaskExample& example : task.examples) {
      characters += static_cast<double>(example.instruction.size() + example.input.size());
      for (const std::string& option : example.options)
        characters += static_cast<double>(option.size());
      tokens_ += static_cast<double>(max_new_tokens_of(task.kind)) / 4;
    }
  }
  if (!texts_.empty()) tokens_ += static_cast<double>(text_tokens_);
  tokens_ += characters / kCharactersPerToken;
}

AbilityFields Abilities::fields() const {
  if (!any()) return {};
  return {fingerprint_, {keys_.batch_tokens}};
}

std::vector<Column<double>> Abilities::columns(const std::string& when) const {
  std::vector<Column<double>> all;
  for (const TaskSet& task : tasks_) {
    all.push_back(share(task.name + when));
    if (has_likelihood(task)) all.push_back(share(task.name + kLikelihood + when));
  }
  if (!texts_.empty())
    all.push_back(column<double>(fmt::format("/points/ability_{}{}", kPerplexity, when), {"point"},
                                 "1", "perplexity of a text that has nothing to do with what is taught"));
  return all;
}

std::vector<AnyColumn> Abilities::any_columns(const std::string& when) const {
  const std::vector<Column<double>> all = columns(when);
  return {all.begin(), all.end()};
}

std::vector<AnyColumn> Abilities::base_columns() const {
  std::vector<AnyColumn> all = any_columns();
  for (AnyColumn& one : all) {
    ColumnBase& about = one.about;
    about.name = about.path;
    about.path = "/abilities" + about.path.substr(about.path.rfind('/'));
    about.dimensions = {"model"};
    about.long_name += ", of the base model";
  }
  return all;
}

std::vector<double> Abilities::ask(const Model& model, std::int64_t batch_tokens,
                                   const StepCallback& step, const ModelOf& model_of) const {
  std::vector<double> values;
  const double parts = static_cast<double>(tasks_.size()) + (texts_.empty() ? 0 : 1);
  double done = 0;
  const auto tell = [&](double fraction, std::int64_t tokens) {
    step((done + fraction) / parts, tokens);
  };
  for (const TaskSet& task : tasks_) {
    EvaluationSettings settings;
    settings.likelihood = has_likelihood(task);
    settings.batch_tokens = batch_tokens;
    if (task.kind == TaskKind::choice) settings.prompt_template = "{instruction}";  // as published
    const TaskScore score = model_of ? evaluate_one_by_one(model, model_of, task, settings, tell)
                                     : evaluate(model, task, settings, tell);
    const auto part = [&](std::int64_t right) {
      return static_cast<double>(right) / static_cast<double>(score.examples);
    };
    values.push_back(part(score.right));
    if (settings.likelihood) values.push_back(part(score.right_by_mean));
    ++done;
  }
  if (!texts_.empty())
    values.push_back(model_of ? std::numeric_limits<double>::quiet_NaN()
                              : perplexity(model, batch_tokens, tell));
  return values;
}

double Abilities::perplexity(const Model& model, std::int64_t batch_tokens,
                             const StepCallback& step) const {
  const Tokenizer& tokenizer = *model.tokenizer;
  const ModelConfig& config = model.weights.config;
  const std::vector<TokenId> empty = tokenizer.encode("", /*with_special=*/true);
  std::vector<TokenId> begin;  // of every window, where the tokenizer begins texts so
  if (!empty.empty() && tokenizer.bos() == empty.front()) begin.push_back(empty.front());
  std::int64_t longest = text_window_;
  if (config.position == PositionKind::learned)
    longest = std::min(longest, config.positions - static_cast<std::int64_t>(begin.size()));
  std::vector<std::vector<TokenId>> windows;
  std::int64_t left = text_tokens_;
  for (const std::string& text : texts_) {
    if (left == 0) break;
    std::vector<TokenId> ids = tokenizer.encode(text);
    ids.resize(static_cast<std::size_t>(std::min(left, static_cast<std::int64_t>(ids.size()))));
    left -= static_cast<std::int64_t>(ids.size());
    for (auto next = ids.begin(); next != ids.end();) {
      const auto end = next + std::min<std::ptrdiff_t>(longest, ids.end() - next);
      std::vector<TokenId> window = begin;
      window.insert(window.end(), next, end);
      if (window.size() > 1) windows.push_back(std::move(window));
      next = end;
    }
  }
  if (windows.empty())
    throw InputError(fmt::format("{}: has fewer than two tokens in all its texts.", text_file_));
  const auto count = static_cast<double>(windows.size());
  const ContinuationScore score =
      score_texts(model, windows, batch_tokens, [&](std::int64_t done, std::int64_t tokens) {
        step(static_cast<double>(done) / count, tokens);
      });
  return std::exp(-score.mean());
}

void Abilities::emit(StageRun& run, const Model& model, const ModelOf& model_of) const {
  const std::vector<Column<double>> all = columns();
  if (std::none_of(all.begin(), all.end(), [&](const auto& one) { return run.is_wanted(one); }))
    return;
  const std::vector<double> values =
      ask(model, run.deck().integer(keys_.batch_tokens), run.steps(), model_of);
  for (std::size_t i = 0; i < all.size(); ++i) run.emit(all[i], values[i]);
}

double Abilities::flop(const ModelConfig& model) const {
  return tokens_ * model.flop_per_token();
}

std::vector<Upstream> Abilities::plan_base(PlanBuilder& builder,
                                           const std::vector<PlannedModel>& models) const {
  for (std::size_t i = 0; i < tasks_.size(); ++i)
    builder.input({"ability.tasks " + tasks_[i].name, files_[i], hex(questions_hash({tasks_[i]}))});
  if (!texts_.empty()) builder.input({"ability.text", text_file_, hex(texts_hash(texts_))});
  std::vector<Upstream> stages;
  if (!any()) return stages;
  builder.dimension("/abilities/model", models.size());
  builder.fill(column<std::string>("/abilities/model", {"model"}, "", "base model"),
               names_of(models));
  for (const PlannedModel& model : models) {
    const BaseAbilities asked{model.fingerprint, fields(), model.directory};
    stages.push_back(
        builder.add(asked, "abilities " + model.name, {.flop = flop(model.config)}).stage);
    builder.place(stages.back(), base_columns(), {stages.size() - 1});
  }
  return stages;
}

std::vector<SourceCounts> Abilities::left_out() const {
  return each(tasks_, [](const TaskSet& task) {
    return SourceCounts{"ability.tasks, " + task.name, "left out", task.bad};
  });
}

std::vector<std::string> Abilities::notes(const std::vector<std::string>& models) const {
  std::vector<std::string> all = notes_of(left_out());
  for (const std::string& model : models) {
    for (const TaskSet& task : tasks_) {
      for (std::string& note : spelling_warnings(model, task)) all.push_back(std::move(note));
    }
  }
  return all;
}

std::vector<std::string> BaseAbilities::deck_keys() const {
  return joined({abilities.keys, {"model.dtype"}});
}

}  // namespace factsweep
