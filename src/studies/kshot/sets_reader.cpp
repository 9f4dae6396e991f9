// The file of sets, and every file that it names.
#include "sets.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>

#include "factsweep/core/file.hpp"
#include "factsweep/core/json_node.hpp"
#include "factsweep/studies/support/lists.hpp"
#include "factsweep/tasks/asked.hpp"
#include "factsweep/tasks/read_tasks.hpp"
#include "methods.hpp"

namespace factsweep::kshot {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

/// A name, and added to what messages say of the object.
std::string take_name(JsonNode& node, std::set<std::string>& taken) {
  const std::string name = node.text("name");
  const bool plain = std::all_of(name.begin(), name.end(), [](unsigned char c) {
    return std::isalnum(c) != 0 || c == '_' || c == '.' || c == '-';
  });
  if (!plain) node.fail(fmt::format("has the name '{}'; use letters, digits, _ . -", name));
  if (!taken.insert(name).second) node.fail(fmt::format("has the name '{}' once more.", name));
  node.where += fmt::format(" '{}'", name);
  return name;
}

class Reader {
 public:
  explicit Reader(const Deck& deck)
      : deck_(deck),
        path_(deck.text("data.sets")),
        json_(read_json_once(path_)),
        root_{json_, path_} {
    folder_ = !deck.text("data.folder").empty() ? fs::path(deck.text("data.folder"))
                                                : fs::path(path_).parent_path();
    root_.allow({"about", "tasks", "pools", "bank"});
  }

  Sets read() {
    read_tasks();
    read_pools();
    read_bank();
    return std::move(sets_);
  }

 private:
  std::uint64_t seed() const { return static_cast<std::uint64_t>(deck_.integer("data.seed")); }

  std::string located(const std::string& file) const { return (folder_ / file).string(); }

  /// "file", or {"file", "part", "form", "letters", "options", "columns"}.
  TaskSet source(const JsonNode& node, const std::string& name) {
    if (node.json.is_object())
      node.allow({"file", "part", "form", "letters", "options", "columns"});
    return examples(node, name);
  }

  TaskSet examples(const JsonNode& node, const std::string& name) {
    std::string file;
    ReadTasksSettings settings;
    settings.bad_records = deck_.real("data.bad_records");
    if (node.json.is_string()) {
      file = node.json.get<std::string>();
    } else {
      file = node.text("file");
      settings.part = node.text_or("part", "");
      settings.form = node.text_or("form", "auto");
      settings.options = node.count("options", 0);
      settings.letters = node.flag("letters", false);
      if (node.has("columns")) settings.columns = named_columns(node.child("columns"));
    }
    TaskSet set = read_task_set(located(file), settings);
    set.name = name;  // draws are keyed by it
    sets_.say(located(file), "left out", set.bad);
    sets_.remember({file, set.form, set.keys});
    return set;
  }

  void read_tasks() {
    std::set<std::string> names;
    const std::vector<std::string> wanted = deck_.text_list("grid.task");
    for (JsonNode node : root_.list("tasks")) {
      node.allow({"name", "train", "shots", "test", "hold_out", "pool", "rationales",
                  "worked_examples"});
      TaskEntry task;
      task.name = take_name(node, names);
      all_tasks_.push_back(task.name);
      const bool used = wanted.empty() || holds(wanted, task.name);
      task_index_[task.name] = used ? std::optional(sets_.tasks.size()) : std::nullopt;
      task_nodes_.emplace(task.name, node);
      if (!used) continue;  // the bank may learn its train examples: read when it asks
      read_examples(node, task);
      if (task.test.kind == TaskKind::code && !deck_.flag("eval.allow_code_execution"))
        node.fail(
            "is answered with programs. They are run in a confined process, and only where "
            "eval.allow_code_execution = true; or leave it out of grid.task.");
      if (node.has("pool")) pool_of_[task.name] = node.text("pool");
      if (node.has("worked_examples")) read_worked(node.child("worked_examples"), task);
      read_rationales(node, task);
      sets_.tasks.push_back(std::move(task));
    }
    for (const std::string& name : wanted) {
      if (names.count(name) == 0)
        throw deck_.error("grid.task", fmt::format(": '{}' is no task of {}. There are: {}.", name,
                                                   path_, fmt::join(all_tasks_, ", ")));
    }
    if (sets_.tasks.empty()) throw InputError(path_ + ": 'tasks' is empty.");
    for (const TaskEntry& task : sets_.tasks) asked_.add(task.test);
  }

  void read_examples(const JsonNode& node, TaskEntry& task) {
    if (!node.has("train") && !node.has("shots"))
      node.fail("needs 'train', the file of its examples, or 'shots', a file of those you chose.");
    if (node.has("test") == node.has("hold_out"))
      node.fail("needs either 'test', a file, or 'hold_out', how many examples of 'train' test.");
    if (node.has("hold_out") && !node.has("train"))
      node.fail("has 'hold_out', but no 'train' of which examples could be held out.");
    if (node.has("train")) task.train = source(node.child("train"), task.name);
    if (node.has("test")) {
      task.test = source(node.child("test"), task.name);
    } else {
      const std::int64_t wanted = node.count("hold_out", 0);
      TaskSplit split = hold_out(task.train, wanted, seed());
      if (const auto held = std::ssize(split.test.examples); held < wanted)
        sets_.notes.insert(
            fmt::format("task '{}': {} of {} examples are held out: no more whole "
                        "conversations fit",
                        task.name, held, wanted));
      task.train = std::move(split.train);
      task.test = std::move(split.test);
    }
    task.chosen = node.has("shots");
    if (task.chosen) {
      task.known = std::move(task.train);
      task.train = source(node.child("shots"), task.name);
    }
    if (task.test.kind != task.train.kind)
      node.fail(fmt::format("trains answers of kind '{}', but its test asks for kind '{}'.",
                            factsweep::name(task.train.kind), factsweep::name(task.test.kind)));
    compare(task);
    if (task.train.examples.empty())
      node.fail(fmt::format("has no {} that its test does not ask, too.",
                            task.chosen ? "shot" : "training example"));
    const std::int64_t most = deck_.integer("eval.test_examples");
    if (most > 0 && most < static_cast<std::int64_t>(task.test.examples.size()))
      task.test = draw(task.test, most, seed());
  }

  /// Of examples that come before a test: those that it asks are none of them, unless the deck
  /// wants it.
  void leave_out_tested(const std::string& source, const AskedQuestions& asked,
                        std::vector<TaskExample>& examples) {
    RecordCounts tested;
    const bool drop = deck_.text("data.tested") == "drop";
    std::erase_if(examples, [&](const TaskExample& example) {
      const std::string_view why = asked.why_not_learnt(example);
      if (!why.empty()) tested.add(why, example.where);
      return !why.empty() && drop;
    });
    sets_.say(source, drop ? "left out" : "used", tested);
  }

  /// What the test asks is not among the shots.
  void compare(TaskEntry& task) {
    AskedQuestions& asked = asked_by_[task.name];
    asked.add(task.test);
    const std::string train =
        fmt::format("task '{}', {}", task.name, task.chosen ? "chosen shots" : "training examples");
    leave_out_tested(train, asked, task.train.examples);
    const bool once = deck_.text("data.repeated") == "drop";
    sets_.say(train + " that are asked again", once ? "left out" : "used",
              repeated_examples(task.train, once));
    sets_.say(fmt::format("task '{}', test examples that are asked again", task.name), "used",
              repeated_examples(task.test, /*drop=*/false));
  }

  void read_worked(const JsonNode& node, TaskEntry& task) {
    node.allow({"file", "part", "form", "letters", "options", "columns", "rows"});
    const TaskSet set = examples(node, task.name);
    if (!node.has("rows") || !node.json.at("rows").is_array())
      node.fail("needs 'rows', a list of records of its file, from 0.");
    for (const Json& row : node.json.at("rows")) {
      if (!row.is_number_integer()) node.fail("has a row that is no number.");
      const auto found =
          std::find_if(set.examples.begin(), set.examples.end(), [&](const TaskExample& example) {
            return example.row == row.get<std::int64_t>();
          });
      if (found == set.examples.end())
        node.fail(fmt::format("names row {} (from 0), and its file has no such record, or a bad one.",
                              row.dump()));
      task.worked.push_back(*found);
    }
    leave_out_tested(fmt::format("task '{}', worked examples", task.name), asked_by_.at(task.name),
                     task.worked);
  }

  void read_rationales(const JsonNode& node, TaskEntry& task) const {
    const bool bare = task.has_options();  // outputs are options alone
    const bool has_own = std::any_of(task.train.examples.begin(), task.train.examples.end(),
                                     [](const TaskExample& e) { return !e.rationale.empty(); });
    task.rationales = !bare     ? Rationales::own_output
                      : has_own ? Rationales::data
                                : Rationales::answer_only;
    if (!node.has("rationales")) return;
    task.rationales = Rationales::file;
    task.expanded = read_reasons(node);
  }

  /// Outputs with their reasons, by record of the train file.
  std::map<std::int64_t, std::string> read_reasons(const JsonNode& node) const {
    std::map<std::int64_t, std::string> outputs;
    const fs::path file = find_file(located(node.text("rationales")));
    for_each_json_line(read_file(file), file.string(), [&](const Json& line, std::int64_t number) {
      if (!line.is_object() || !line.contains("row") || !line.at("row").is_number_integer() ||
          !line.contains("output") || !line.at("output").is_string())
        throw InputError(
            fmt::format("{}:{}: needs 'row', a record of the train file from 0, and "
                        "'output', its answer and why.",
                        file.string(), number));
      if (!outputs.emplace(line.at("row"), line.at("output")).second)
        throw InputError(fmt::format("{}:{}: has row {} once more. Keep one line of a record.",
                                     file.string(), number, line.at("row").dump()));
    });
    return outputs;
  }

  /// What a test asks must not be learnt, nor anything twice.
  void read_pools() {
    const JsonNode root{json_.contains("pools") ? json_.at("pools") : kNone, path_ + ": pools"};
    if (!root.json.is_object()) root.fail("is no object of lists of files, by name.");
    for (TaskEntry& task : sets_.tasks) {
      const auto wanted = pool_of_.find(task.name);
      if (wanted == pool_of_.end()) continue;
      const auto known =
          std::find_if(sets_.pools.begin(), sets_.pools.end(),
                       [&](const Pool& pool) { return pool.name == wanted->second; });
      task.pool = static_cast<std::size_t>(known - sets_.pools.begin());
      if (known == sets_.pools.end()) sets_.pools.push_back(read_pool(root, wanted->second));
    }
  }

  Pool read_pool(const JsonNode& root, const std::string& name) {
    if (!root.has(name.c_str())) root.fail(fmt::format("has no '{}', which a task names.", name));
    Pool pool;
    pool.name = name;
    std::set<std::string> seen;
    for (const JsonNode& file : root.list(name.c_str())) {
      for (TaskExample& example : source(file, name).examples) {
        if (!asked_.why_not_learnt(example).empty()) {
          ++pool.tested;
        } else if (!seen.insert(question_of(example) + "\n" + example.output).second) {
          ++pool.repeated;
        } else {
          pool.set.examples.push_back(std::move(example));
        }
      }
    }
    pool.set.name = name;
    if (pool.set.examples.empty())
      root.fail(
          fmt::format("'{}' is empty: of its examples {} repeat another one, {} ask what a "
                      "test asks.",
                      name, pool.repeated, pool.tested));
    return pool;
  }

  void read_bank() {
    std::set<std::string> names;
    for (JsonNode node : root_.list("bank")) {
      node.allow({"name", "task", "train", "rationales", "adapter", "examples"});
      BankEntry entry;
      entry.name = take_name(node, names);
      if (node.has("task")) entry.task = owner(node);
      const bool is_known = node.has("train") || node.has("task");  // what it learns
      if (node.has("adapter")) {
        entry.adapter = adapter_directory(located(node.text("adapter"))).string();
        for (const char* key : {"rationales", "examples"}) {
          if (node.has(key) && !is_known)
            node.fail(
                fmt::format("has '{}' beside 'adapter', which is not trained, and no 'train' "
                            "or 'task' that says of what.",
                            key));
        }
      }
      if (!entry.is_brought() || (is_known && has_own_lessons())) read_lessons(node, entry);
      sets_.bank.push_back(std::move(entry));
    }
    if (!sets_.bank.empty()) return;
    for (const std::string& name : deck_.text_list("grid.method")) {
      if (method(name).needs_bank())
        throw InputError(fmt::format("{}: 'bank' is empty, and {} (grid.method) begins with adapters "
                                     "of a bank. Name some, or leave it out.",
                                     path_, name));
    }
  }

  /// Whether a method asks what adapters that were brought have learnt.
  bool has_own_lessons() const {
    const std::vector<std::string> names = deck_.text_list("grid.method");
    return std::any_of(names.begin(), names.end(), [](const std::string& name) {
      return method(name).lessons == Method::Lessons::own;
    });
  }

  /// The task whose own expert an entry of the bank is; nothing: one that is not in grid.task.
  std::optional<std::size_t> owner(const JsonNode& node) const {
    const auto task = task_index_.find(node.text("task"));
    if (task == task_index_.end())
      node.fail(fmt::format("names the task '{}'. There are: {}.", node.text("task"),
                            fmt::join(all_tasks_, ", ")));
    const auto expert = task->second ? sets_.expert_of(*task->second) : std::nullopt;
    if (expert)
      node.fail(fmt::format("is an expert of '{}', and so is '{}'. A task has one of its own.",
                            task->first, sets_.bank[*expert].name));
    return task->second;
  }

  /// The examples of `train`, else of the task's train set, without those that a test asks.
  void read_lessons(const JsonNode& node, BankEntry& entry) {
    if (!node.has("task") && !node.has("train"))
      node.fail(
          "needs 'task', whose examples it is trained on, or 'train', a file, or 'adapter', a PEFT "
          "directory.");
    TaskSet set = lessons(node, entry.name);
    entry.tested =
        static_cast<std::int64_t>(std::erase_if(set.examples, [&](const TaskExample& example) {
          return !asked_.why_not_learnt(example).empty();
        }));
    if (set.examples.empty())
      node.fail(fmt::format("has nothing to learn: each of its {} examples asks what a test asks.",
                            entry.tested));
    const std::int64_t most = node.count("examples", deck_.integer("bank.examples"));
    entry.set = draw(set, std::min(most, static_cast<std::int64_t>(set.examples.size())), seed());
    entry.set.name = entry.name;
  }

  /// Of `train`, else of the task's train set; with `rationales` those that have some, with them.
  TaskSet lessons(const JsonNode& node, const std::string& name) {
    TaskEntry entry;
    if (node.has("train")) {
      entry.train = source(node.child("train"), name);
    } else if (const auto index = task_index_.at(node.text("task"))) {
      entry = sets_.tasks[*index];
    } else {
      entry.name = node.text("task");
      read_examples(task_nodes_.at(entry.name), entry);
    }
    if (!entry.known.examples.empty()) entry.train = std::move(entry.known);
    if (!node.has("rationales")) return entry.train;
    const std::map<std::int64_t, std::string> reasons = read_reasons(node);
    TaskSet reasoned{.name = entry.train.name, .kind = entry.train.kind, .examples = {}};
    for (TaskExample& example : entry.train.examples) {
      const auto found = reasons.find(example.row);
      if (found == reasons.end()) continue;
      example.output = found->second;
      reasoned.examples.push_back(std::move(example));
    }
    if (reasoned.examples.empty())
      node.fail(
          fmt::format("has 'rationales' of none of its {} examples.", entry.train.examples.size()));
    return reasoned;
  }

  inline static const Json kNone = Json::object();
  const Deck& deck_;
  const std::string path_;
  const Json json_;
  JsonNode root_;
  fs::path folder_;
  Sets sets_;
  std::vector<std::string> all_tasks_;
  std::map<std::string, std::optional<std::size_t>> task_index_;  // nothing: not in grid.task
  std::map<std::string, JsonNode> task_nodes_;                    // by task, used or not
  AskedQuestions asked_;                                          // by tests of tasks in use
  std::map<std::string, AskedQuestions> asked_by_;                // by task: by all of its test
  std::map<std::string, std::string> pool_of_;
};

}  // namespace

Sets Sets::read(const Deck& deck) {
  return Reader(deck).read();
}

}  // namespace factsweep::kshot
