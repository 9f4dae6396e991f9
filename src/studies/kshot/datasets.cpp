#include "datasets.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "factsweep/core/random.hpp"

namespace factsweep::kshot {
namespace {

DatasetSpec numbers(std::string path, const std::vector<std::int64_t>& values,
                    std::vector<std::uint64_t> shape, std::vector<std::string> dimensions,
                    const std::string& units, const std::string& long_name,
                    const std::string& symbol = "") {
  DatasetSpec spec = dataset(std::move(path), DType::int64, std::move(shape), std::move(dimensions),
                             units, long_name, symbol);
  spec.content = Array::of(values);
  return spec;
}

std::int64_t count(const TaskSet& set) {
  return static_cast<std::int64_t>(set.examples.size());
}

/// Cut at the length that answers of all but programs have.
constexpr std::size_t kLongestAnswer = 64;

void add_tasks(std::vector<DatasetSpec>& specs, const FileShape& shape, const Sets& sets) {
  std::vector<std::string> names, kinds, pools, rationales, gold;
  std::vector<std::int64_t> train, test, rows;
  for (const TaskEntry& task : sets.tasks) {
    names.push_back(task.name);
    kinds.emplace_back(factsweep::name(task.test.kind));
    pools.push_back(task.pool ? sets.pools[*task.pool].name : "");
    rationales.push_back(name(task.rationales));
    train.push_back(count(task.train));
    test.push_back(count(task.test));
    for (const TaskExample& example : task.test.examples)
      gold.push_back(example.answer.substr(0, kLongestAnswer));
    gold.resize(names.size() * shape.examples);
    rows.insert(rows.end(), task.test_rows.begin(), task.test_rows.end());
    rows.resize(names.size() * shape.examples, -1);
  }
  const std::vector<std::uint64_t> one = {shape.tasks}, each = {shape.tasks, shape.examples};
  specs.push_back(text_dataset("/tasks/name", names, one, {"task"}, "task"));
  specs.push_back(text_dataset("/tasks/kind", kinds, one, {"task"}, "kind of answer"));
  specs.push_back(text_dataset("/tasks/pool", pools, one, {"task"}, "pool of open data"));
  specs.push_back(text_dataset("/tasks/rationales", rationales, one, {"task"},
                               "where the reasons of the reasoning perplexity come from"));
  specs.push_back(
      numbers("/tasks/train_examples", train, one, {"task"}, "examples", "train examples"));
  specs.push_back(
      numbers("/tasks/test_examples", test, one, {"task"}, "examples", "test examples"));
  specs.push_back(numbers("/tasks/test_row", rows, each, {"task", "example"}, "1",
                          "record of the test file, from 0"));
  specs.push_back(text_dataset("/tasks/gold", gold, each, {"task", "example"}, "right answer"));
}

void add_pools(std::vector<DatasetSpec>& specs, const Sets& sets) {
  if (sets.pools.empty()) return;
  std::vector<std::string> names;
  std::vector<std::int64_t> examples, repeated, tested;
  for (const Pool& pool : sets.pools) {
    names.push_back(pool.name);
    examples.push_back(count(pool.set));
    repeated.push_back(pool.repeated);
    tested.push_back(pool.tested);
  }
  const std::vector<std::uint64_t> one = {names.size()};
  specs.push_back(text_dataset("/pools/name", names, one, {"pool"}, "pool of open data"));
  specs.push_back(numbers("/pools/examples", examples, one, {"pool"}, "examples", "examples", "S"));
  specs.push_back(numbers("/pools/repeated", repeated, one, {"pool"}, "examples",
                          "left out: the same example again"));
  specs.push_back(numbers("/pools/tested", tested, one, {"pool"}, "examples",
                          "left out: asks what a test example asks"));
}

void add_bank(std::vector<DatasetSpec>& specs, const FileShape& shape, const Sets& sets) {
  std::vector<std::string> names, tasks;
  std::vector<std::int64_t> examples, tested;
  for (const BankEntry& entry : sets.bank) {
    names.push_back(entry.name);
    tasks.push_back(entry.task ? sets.tasks[*entry.task].name : "");
    examples.push_back(entry.is_brought() ? -1 : count(entry.set));
    tested.push_back(entry.tested);
  }
  const std::vector<std::uint64_t> one = {shape.adapters};
  specs.push_back(text_dataset("/bank/name", names, one, {"adapter"}, "adapter"));
  specs.push_back(
      text_dataset("/bank/task", tasks, one, {"adapter"}, "task whose own expert it is"));
  specs.push_back(numbers("/bank/examples", examples, one, {"adapter"}, "examples",
                          "examples it learnt; -1: brought by the user"));
  specs.push_back(numbers("/bank/tested", tested, one, {"adapter"}, "examples",
                          "left out: asks what a test example asks"));
  specs.push_back(dataset("/bank/left_out", DType::int64, one, {"adapter"}, "examples",
                          "not learnt: the prompt alone is too long"));
  specs.push_back(
      dataset("/bank/shortened", DType::int64, one, {"adapter"}, "examples", "cut at the end"));
  specs.push_back(
      dataset("/bank/usable", DType::uint8, one, {"adapter"}, "1", "0: its training diverged"));
  specs.push_back(dataset("/bank/failure", DType::text, one, {"adapter"}, "1",
                          "why its training failed; empty: it did not"));
  specs.back().text_length = kLongestFailure;
  specs.push_back(dataset("/bank/loss", DType::float64, {shape.adapters, shape.bank_epochs},
                          {"adapter", "epoch"}, "nat", "training loss by epoch"));
  specs.push_back(dataset("/bank/similarity", DType::float64, {shape.adapters, shape.adapters},
                          {"adapter", "other"}, "1",
                          shape.products ? "mean cosine of the adapters' updates B A"
                                         : "mean cosine of the adapters' matrices A and B",
                          "cos(E(m_i), E(m_j))"));
}

void add_signals(std::vector<DatasetSpec>& specs, const FileShape& shape, const Sets& sets,
                 const std::vector<std::int64_t>& draws) {
  if (draws.empty()) return;
  std::vector<std::int64_t> rows;
  for (const TaskEntry& task : sets.tasks) {
    for (const std::int64_t draw : draws) {
      const auto shots = static_cast<std::int64_t>(shape.shots);
      for (const std::int64_t i : shots_of(task, shots, draw))
        rows.push_back(task.train_rows[static_cast<std::size_t>(i)]);
    }
  }
  specs.push_back(numbers("/signals/draw", draws, {shape.draws}, {"draw"}, "1", "draw of shots"));
  specs.push_back(numbers("/signals/row", rows, {shape.tasks, shape.draws, shape.shots},
                          {"task", "draw", "shot"}, "1", "record of the train file, from 0"));
  const std::vector<std::uint64_t> each = {shape.tasks, shape.draws, shape.adapters, shape.shots};
  const std::vector<std::string> dimensions = {"task", "draw", "adapter", "shot"};
  specs.push_back(dataset("/signals/perplexity", DType::float32, each, dimensions, "1",
                          "perplexity of the answer", "PPL"));
  specs.push_back(dataset("/signals/reasoning_perplexity", DType::float32, each, dimensions, "1",
                          "perplexity of the answer with its reasons", "PPL_R"));
  specs.push_back(dataset("/signals/right", DType::uint8, each, dimensions, "1",
                          "generated answer is right; 2: none was given"));
}

}  // namespace

std::vector<std::int64_t> shots_of(const TaskEntry& task, std::int64_t shots, std::int64_t draw) {
  return draw_rows(task.train, shots,
                   hash_words({hash_text("shots"), static_cast<std::uint64_t>(draw)}));
}

std::vector<TestColumn> test_columns(const Sets& sets) {
  std::vector<TestColumn> columns = {
      {"accuracy", DType::float64, false, "fraction", "right answers, generated"},
      {"accuracy_by_sum", DType::float64, false, "fraction", "right option is the likeliest"},
      {"accuracy_by_mean", DType::float64, false, "fraction",
       "right option is the likeliest, by mean over tokens"},
      {"answered", DType::float64, false, "fraction", "generated texts that hold an answer"},
      {"right", DType::uint8, true, "1", "generated answer is right; 2: none was given"},
      {"right_by_sum", DType::uint8, true, "1", "right option is the likeliest"},
      {"right_by_mean", DType::uint8, true, "1",
       "right option is the likeliest, by mean over tokens"},
  };
  const bool programs =
      std::any_of(sets.tasks.begin(), sets.tasks.end(),
                  [](const TaskEntry& task) { return task.test.kind == TaskKind::code; });
  if (programs) {
    columns.push_back({"stopped", DType::int64, false, "programs",
                       "programs that a limit or the confinement ended"});
    columns.push_back({"own_namespaces", DType::uint8, false, "1",
                       "programs ran without network interfaces, too"});
  }
  return columns;
}

std::vector<DatasetSpec> study_datasets(const FileShape& shape, const Sets& sets,
                                        const std::vector<std::int64_t>& draws) {
  std::vector<DatasetSpec> specs;
  add_tasks(specs, shape, sets);
  add_pools(specs, sets);
  add_bank(specs, shape, sets);
  add_signals(specs, shape, sets, draws);
  for (const TestColumn& column : test_columns(sets)) {
    std::vector<std::uint64_t> each = {shape.tasks, 1 + shape.adapters};
    std::vector<std::string> dimensions = {"task", "model"};
    if (column.of_examples) {
      each.push_back(shape.examples);
      dimensions.emplace_back("example");
    }
    specs.push_back(dataset("/tests/" + column.name, column.dtype, each, dimensions, column.units,
                            column.long_name + "; model 0: the base, then the bank"));
  }
  return specs;
}

std::vector<DatasetSpec> point_datasets(const FileShape& shape, const Sets& sets,
                                        const std::vector<GridPoint>& points) {
  const std::uint64_t rows = shape.points;
  std::vector<DatasetSpec> specs;
  for (const TestColumn& column : test_columns(sets)) {
    std::vector<std::uint64_t> each = {rows};
    std::vector<std::string> dimensions = {"point"};
    if (column.of_examples) {
      each.push_back(shape.examples);
      dimensions.emplace_back("example");
    }
    specs.push_back(dataset(fmt::format("/{}", column.output()), column.dtype, each, dimensions,
                            column.units, column.long_name));
  }
  const auto of_point = [&](const char* name, const char* units, const char* what,
                            const char* symbol) {
    specs.push_back(dataset(std::string("/points/") + name, DType::float64, {rows}, {"point"},
                            units, what, symbol));
  };
  of_point("group_similarity", "1", "mean cosine of the experts' pairs", "1 / Omega");
  of_point("diversity_rank", "1", "rank of the experts among all subsets of the pool", "R_D");
  of_point("train_seconds", "s", "wall time of the training or search", "");
  specs.back().role = Role::time;
  const auto count_of_point = [&](const char* name, const char* what, const char* symbol) {
    specs.push_back(dataset(std::string("/points/") + name, DType::int64, {rows}, {"point"},
                            "examples", what, symbol));
  };
  count_of_point("selected_data", "open data that joined the shots", "|D_A|");
  count_of_point("left_out", "shots and open data not learnt: the prompt alone is too long", "");
  count_of_point("shortened", "shots and open data cut at the end", "");

  std::vector<std::int64_t> epochs, layers, shots;
  for (std::uint64_t i = 1; i <= shape.epochs; ++i) epochs.push_back(static_cast<std::int64_t>(i));
  specs.push_back(
      numbers("/curves/epoch", epochs, {shape.epochs}, {"epoch"}, "epochs", "epochs done"));
  specs.push_back(dataset("/curves/loss", DType::float64, {rows, shape.epochs}, {"point", "epoch"},
                          "nat", "training loss on shots and selected data"));

  for (const GridPoint& at : points) {
    const TaskEntry& task = sets.tasks[at.task];
    std::vector<std::int64_t> records;
    if (at.shots > 0) {
      for (const std::int64_t i : shots_of(task, at.shots, at.draw))
        records.push_back(task.train_rows[static_cast<std::size_t>(i)]);
    }
    records.resize(shape.shots, -1);
    shots.insert(shots.end(), records.begin(), records.end());
  }
  const std::vector<std::uint64_t> each_expert = {rows, shape.experts},
                                   each_adapter = {rows, shape.adapters},
                                   each_sample = {rows, shape.samples};
  specs.push_back(numbers("/selection/shot_row", shots, {rows, shape.shots}, {"point", "shot"}, "1",
                          "shots: records of the train file, from 0"));
  specs.push_back(dataset("/selection/adapter", DType::int32, each_expert, {"point", "expert"}, "1",
                          "selected experts: rows of /bank"));
  specs.push_back(dataset("/selection/weight", DType::float64, each_expert, {"point", "expert"},
                          "1", "weight of each expert in the sum of uniform and lorahub"));
  specs.push_back(dataset("/selection/perplexity_rank", DType::float64, each_adapter,
                          {"point", "bank"}, "1", "rank by reasoning perplexity", "R_P"));
  specs.push_back(dataset("/selection/accuracy_rank", DType::float64, each_adapter,
                          {"point", "bank"}, "1", "rank by accuracy on the shots", "R_A"));
  specs.push_back(dataset("/selection/pool", DType::uint8, each_adapter, {"point", "bank"}, "1",
                          "among the M best by ranks", "B_M"));
  specs.push_back(dataset("/selection/row", DType::int64, each_sample, {"point", "sample"}, "1",
                          "selected open data: examples of the task's pool"));
  specs.push_back(dataset("/selection/similarity", DType::float32, each_sample, {"point", "sample"},
                          "1", "largest cosine to a shot"));

  const std::uint64_t modules = shape.modules.size();
  specs.push_back(
      text_dataset("/moe/module", shape.modules, {modules}, {"module"}, "adapted module"));
  for (const std::string& module : shape.modules) {
    const std::size_t digit = module.find_first_of("0123456789");
    layers.push_back(digit == std::string::npos ? -1 : std::stoll(module.substr(digit)));
  }
  specs.push_back(numbers("/moe/layer", layers, {modules}, {"module"}, "1", "its layer"));
  specs.push_back(dataset("/moe/share", DType::float32, {rows, modules, shape.experts},
                          {"point", "module", "expert"}, "fraction",
                          "share of an expert among the choices of the test's tokens"));
  return specs;
}

}  // namespace factsweep::kshot
