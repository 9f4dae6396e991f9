// What a training step, labelling and a decoded token ask of a GPU: launches, copies and
// synchronisations, by the number of the model's layers, counted on the pretended device.
//
//   device_counts              prints the table of docs/performance.md
//   device_counts FILE         compares with the table in FILE; exit code 1 where a count is larger
//   device_counts --operators  also prints which operators are launched, of three layers
#include <fmt/format.h>

#include <array>
#include <fstream>
#include <functional>
#include <iostream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "factsweep/label/labelling.hpp"
#include "factsweep/model/decoding.hpp"
#include "factsweep/train/packed_trainer.hpp"
#include "factsweep/train/trainer.hpp"
#include "pretended/counts.hpp"
#include "tiny_model.hpp"

using namespace factsweep;
using namespace factsweep::test;
using pretended::Counts;

namespace {

constexpr std::array<const char*, 4> kColumns = {"launches", "copies to the host",
                                                 "copies to the device", "synchronisations"};

/// fixed + by_layer * layers, of each column.
struct Line {
  std::int64_t fixed = 0, by_layer = 0;

  std::int64_t of(std::int64_t layers) const { return fixed + by_layer * layers; }
  std::string text() const {
    return by_layer == 0 ? std::to_string(fixed) : fmt::format("{} + {} L", fixed, by_layer);
  }
  static Line parse(const std::string& text) {
    Line line;
    char plus = 0;
    std::istringstream(text) >> line.fixed >> plus >> line.by_layer;
    return line;
  }
};
using Row = std::array<Line, kColumns.size()>;

std::array<std::int64_t, kColumns.size()> columns(const Counts& counts) {
  return {counts.launches, counts.to_host, counts.to_device, counts.synchronisations};
}

Counts counted(const std::function<void()>& work) {
  const Counts before = pretended::counts();
  work();
  return pretended::counts() - before;
}

/// A random model of that many layers on the device, in what GPUs compute in.
Model model_of(std::int64_t layers) {
  const TemporaryFolder folder;
  Weights::random(ModelConfig::llama(64, 32, layers, 4, 2, 48, 256), 1).save(folder.path());
  return {Weights::load(folder.path(), torch::kBFloat16, torch::kCUDA),
          std::make_shared<PieceTokenizer>(),
          {}};
}

std::vector<Example> examples_of(std::size_t count) {
  std::vector<Example> examples;
  for (std::size_t i = 0; i < count; ++i) {
    Example example{{1}, {5, 6}};
    example.prompt.insert(example.prompt.end(), 3 + i, static_cast<TokenId>(20 + i));
    examples.push_back(example);
  }
  return examples;
}

TrainSettings settings_of() {
  TrainSettings settings;
  settings.batch_size = 4;
  settings.gradient_clip = 1;
  settings.dropout = 0.05;
  return settings;
}

LoraAdapter adapter_of(const Weights& base, std::uint64_t seed) {
  LoraConfig config;
  config.rank = 4;
  config.targets.names = {"q_proj", "v_proj"};
  return LoraAdapter::create(config, base, seed, "device_counts");
}

/// The second step of a training: what the first one makes once is made.
Counts second_step(Training& training) {
  training.advance();
  return counted([&] { training.advance(); });
}

Counts full_step(const Model& model) {
  Trainer trainer(model.weights, examples_of(4), settings_of());
  return second_step(trainer);
}

Counts lora_step(const Model& model) {
  TrainSettings settings = settings_of();
  settings.dropout = 0;
  Trainer trainer(Trainee::lora(model.weights, adapter_of(model.weights, 1)), examples_of(4),
                  settings);
  return second_step(trainer);
}

Counts packed_step(const Model& model) {
  TrainSettings settings = settings_of();
  settings.dropout = 0;
  std::vector<PackedMember> members;
  for (std::uint64_t seed = 0; seed < 4; ++seed)
    members.push_back({adapter_of(model.weights, seed), examples_of(4), settings});
  PackedTrainer trainer(model.weights, members);
  return second_step(trainer);
}

/// Exact labels of four questions by two exemplar sets whose answers all go on to a second pass,
/// as the one piece of each is likely enough.
Counts labelling(const Model& model) {
  std::vector<Question> questions, dev;
  for (const char* text : {"c", "d", "e", "f"})
    questions.push_back({"P17", Split::test, text, "ab a", "", -1});
  for (std::size_t i = 0; i < 6; ++i)
    dev.push_back({"P17", Split::dev, "k" + std::string(i, 'm'), "b", "", -1});
  LabelSettings settings;
  settings.sets = 2;
  settings.shots = 2;
  settings.probe.max_new_tokens = 3;
  settings.probe.tie_epsilon = 0;
  const ExemplarSets sets = draw_exemplars("P17", dev, settings);
  std::int64_t passes = 0;
  const Counts counts = counted([&] {
    label_questions(model, questions, sets, settings,
                    [&](double, std::int64_t) { ++passes; });
  });
  require(passes == 3, fmt::format("labelling took {} passes", passes));
  return counts;
}

/// One token of four answers that are decoded together.
Counts decoded_token(const Model& model) {
  std::vector<DecodeRequest> requests;
  for (std::uint64_t i = 0; i < 4; ++i)
    requests.push_back({{1, 7, static_cast<TokenId>(9 + i)}, true, 0, i});
  const auto tokens = [&](std::int64_t count) {
    return counted([&] {
      decode(model, requests, {.max_new_tokens = count, .stop_at_newline = false}, nullptr,
             [](std::int64_t) {});
    });
  };
  const Counts shorter = tokens(5);
  return tokens(6) - shorter;
}

struct Work {
  std::string name;
  Counts (*count)(const Model&);
};
const std::vector<Work> kWork = {
    {"training step, all weights, dropout", &full_step},
    {"training step, LoRA", &lora_step},
    {"training step, 4 adapters packed", &packed_step},
    {"exact labels of 4 questions, 2 sets: prefixes and 3 passes", &labelling},
    {"decoded token", &decoded_token}};

Row measure(const Work& work) {
  const auto two = columns(work.count(model_of(2))), three = columns(work.count(model_of(3))),
             five = columns(work.count(model_of(5)));
  Row row;
  for (std::size_t i = 0; i < row.size(); ++i) {
    row[i].by_layer = three[i] - two[i];
    row[i].fixed = two[i] - 2 * row[i].by_layer;
    require(row[i].of(5) == five[i],
            fmt::format("{}: {} are no line in the number of layers: {}, {}, {} of 2, 3, 5",
                        work.name, kColumns[i], two[i], three[i], five[i]));
  }
  return row;
}

/// The rows of a Markdown table whose first cell is the name of a work.
std::map<std::string, Row> read_table(const std::string& path) {
  std::ifstream file(path);
  require(file.good(), "cannot read " + path);
  std::map<std::string, Row> table;
  for (std::string text; std::getline(file, text);) {
    std::vector<std::string> cells;
    std::istringstream stream(text);
    for (std::string cell; std::getline(stream, cell, '|');) {
      const std::size_t begin = cell.find_first_not_of(' ');
      cells.push_back(begin == std::string::npos
                          ? ""
                          : cell.substr(begin, cell.find_last_not_of(' ') - begin + 1));
    }
    if (cells.size() != kColumns.size() + 2) continue;
    for (std::size_t i = 0; i < kColumns.size(); ++i)
      table[cells[1]][i] = Line::parse(cells[i + 2]);
  }
  return table;
}

/// How many counts are larger than in the table; a model of many layers decides.
int compare(const Work& work, const Row& row, const std::map<std::string, Row>& table) {
  const auto found = table.find(work.name);
  require(found != table.end(), "the table has no row: " + work.name);
  int worse = 0;
  for (std::size_t i = 0; i < row.size(); ++i) {
    const Line& allowed = found->second[i];
    const bool larger = row[i].of(1) > allowed.of(1) || row[i].of(100) > allowed.of(100);
    const bool smaller = row[i].of(1) < allowed.of(1) || row[i].of(100) < allowed.of(100);
    if (larger || smaller) {
      std::cout << fmt::format("{}: {}: {} where the table has {}{}\n", work.name, kColumns[i],
                               row[i].text(), allowed.text(),
                               larger ? ": TOO MANY" : ": write the smaller ones into the table");
    }
    worse += larger ? 1 : 0;
  }
  return worse;
}

void print_operators(const Work& work) {
  std::cout << work.name << ", 3 layers:\n";
  for (const auto& [name, launches] : work.count(model_of(3)).operators)
    std::cout << fmt::format("  {:6} {}\n", launches, name);
}

}  // namespace

int main(int argc, char** argv) {
  const std::string argument = argc > 1 ? argv[1] : "";
  std::map<std::string, Row> table;
  if (!argument.empty() && argument != "--operators") table = read_table(argument);
  std::cout << "| L layers, bfloat16 |";
  for (const char* column : kColumns) std::cout << " " << column << " |";
  std::cout << "\n|---|---|---|---|---|\n";
  int worse = 0;
  for (const Work& work : kWork) {
    const Row row = measure(work);
    std::cout << "| " << work.name << " |";
    for (const Line& line : row) std::cout << " " << line.text() << " |";
    std::cout << std::endl;
    if (!table.empty()) worse += compare(work, row, table);
    if (argument == "--operators") print_operators(work);
  }
  return worse == 0 ? 0 : 1;
}
