// Tables of what is known before any work: tasks, pools, and the shots of points.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <set>

#include "draft.hpp"
#include "factsweep/core/random.hpp"
#include "factsweep/stage/table.hpp"

namespace factsweep::kshot {
namespace {

/// Of /tasks/gold: the length that answers of all but programs have.
constexpr std::size_t kLongestAnswer = 64;

std::int64_t size_of(const TaskSet& set) {
  return static_cast<std::int64_t>(set.examples.size());
}

Column<std::string> text(const std::string& path, const char* long_name) {
  return column<std::string>(path, {path.starts_with("/tasks") ? "task" : "pool"}, "", long_name);
}

Column<std::int64_t> count(const std::string& path, const char* long_name,
                           const char* symbol = "") {
  return column<std::int64_t>(path, {path.starts_with("/tasks") ? "task" : "pool"}, "examples",
                              long_name, symbol);
}

void fill_tasks(PlanBuilder& builder, const Sets& sets) {
  using Task = const TaskEntry&;
  const Table<TaskEntry> table = {
      {text("/tasks/name", "task"), &TaskEntry::name},
      {text("/tasks/kind", "kind of answer"), [](Task task) { return name(task.test.kind); }},
      {text("/tasks/pool", "pool of open data"),
       [&](Task task) { return task.pool ? sets.pools[*task.pool].name : ""; }},
      {text("/tasks/rationales", "where the reasons of the reasoning perplexity come from"),
       [](Task task) { return name(task.rationales); }},
      {count("/tasks/train_examples", "train examples"),
       [](Task task) { return size_of(task.train); }},
      {count("/tasks/test_examples", "test examples"),
       [](Task task) { return size_of(task.test); }}};
  fill(builder, table, sets.tasks);
}

/// By example of each task's test.
void fill_tests(PlanBuilder& builder, const Sets& sets) {
  const auto row = column<std::int64_t>("/tasks/test_row", {"task", "example"}, "1",
                                        "record of the test file, from 0");
  const auto gold = column<std::string>("/tasks/gold", {"task", "example"}, "", "right answer");
  std::vector<std::int64_t> rows;
  std::vector<std::string> answers;
  for (const TaskEntry& task : sets.tasks) {
    const std::size_t end = rows.size() + static_cast<std::size_t>(builder.length(row, 1));
    for (const TaskExample& example : task.test.examples) {
      rows.push_back(example.row);
      answers.push_back(example.answer.substr(0, kLongestAnswer));
    }
    rows.resize(end, -1);
    answers.resize(end);
  }
  builder.fill(row, rows);
  builder.fill(gold, answers);
}

void fill_pools(PlanBuilder& builder, const std::vector<Pool>& pools) {
  if (pools.empty()) return;
  builder.dimension("pool", pools.size());
  const Table<Pool> table = {
      {text("/pools/name", "pool of open data"), &Pool::name},
      {count("/pools/examples", "examples", "S"),
       [](const Pool& pool) { return size_of(pool.set); }},
      {count("/pools/repeated", "left out: the same example again, or what a shot asks"),
       &Pool::repeated},
      {count("/pools/tested", "left out: asks what a test example asks"), &Pool::tested}};
  fill(builder, table, pools);
}

/// How the files of examples were read.
void fill_files(PlanBuilder& builder, const std::vector<ReadFile>& files) {
  builder.dimension("file", files.size());
  const auto text = [](const char* path, const char* long_name) {
    return column<std::string>(path, {"file"}, "", long_name);
  };
  fill(builder,
       Table<ReadFile>{
           {text("/files/name", "file of examples"), &ReadFile::file},
           {text("/files/form", "form of its records"), &ReadFile::form},
           {text("/files/keys", "keys that were read, and those that were not"), &ReadFile::keys}},
       files);
}

void fill_shots(Draft& draft) {
  std::vector<std::int64_t> rows;
  for (const GridPoint& at : draft.points) {
    const std::size_t end = rows.size() + static_cast<std::size_t>(draft.shots);
    if (at.shots > 0) {
      const auto records = at.drawn_shots(draft.sets()).records(draft.sets());
      rows.insert(rows.end(), records.begin(), records.end());
    }
    rows.resize(end, -1);
  }
  draft.builder.fill(column<std::int64_t>("/selection/shot_row", {"point", "shot"}, "1",
                                          "shots: records of the train file, from 0"),
                     rows);
}

void add_inputs(Draft& draft) {
  const Deck& deck = draft.deck();
  const Sets& sets = draft.sets();
  const auto add = [&](const std::string& name, const std::string& place,
                       const std::string& fingerprint) {
    draft.builder.input({name, place, fingerprint});
  };
  const std::string file = deck.text("data.sets"), folder = deck.text("data.folder");
  if (!draft.encoder.empty())
    add("augment.encoder", deck.text("augment.encoder"), draft.encoder);
  add("data.sets", file, "");
  if (!folder.empty()) add("data.folder", folder, "");
  for (std::size_t i = 0; i < sets.tasks.size(); ++i) {
    std::set<std::string> shots;
    for (const GridPoint& at : draft.points) {
      if (at.task == i && at.shots > 0) shots.insert(fingerprint(at.drawn_shots(sets).read(sets)));
    }
    const TaskEntry& task = sets.tasks[i];
    add(fmt::format("data.sets, task '{}': shots", task.name), "",
        hex(hash_text(fmt::format("{}", fmt::join(shots, "")))));
    add(fmt::format("data.sets, task '{}': test", task.name), "", fingerprint(task.test));
  }
  for (const Pool& pool : sets.pools)
    add(fmt::format("data.sets, pool '{}'", pool.name), "", fingerprint(pool.set));
  for (const BankEntry& entry : sets.bank) {
    const std::string name = fmt::format("data.sets, bank '{}'", entry.name);
    if (entry.is_brought())
      add(name, entry.adapter, hex(hash_text(entry.form.json + entry.fingerprint())));
    else
      add(name, "", fingerprint(entry.set));
  }
}

}  // namespace

void fill_tables(Draft& draft) {
  add_inputs(draft);
  fill_tasks(draft.builder, draft.sets());
  fill_tests(draft.builder, draft.sets());
  fill_pools(draft.builder, draft.sets().pools);
  fill_shots(draft);
  fill_files(draft.builder, draft.sets().files);
  fill_sources(draft.builder, joined({draft.sets().said, draft.worker.abilities.left_out()}));
}

}  // namespace factsweep::kshot
