// What edit_metrics.py drives: read_edits() and the editing metrics of the first COUNT records of a
// file, one JSON line each with ids, prompt length, predictions, accuracy and greedy verdict of its
// three texts. Seconds go to standard error: of tokenising, of the teacher-forced passes, of the
// greedy verdicts beyond them.

#include <chrono>
#include <iostream>
#include <nlohmann/json.hpp>

#include "factsweep/data/edits.hpp"
#include "factsweep/edit/metrics.hpp"
#include "factsweep/model/torch.hpp"

using namespace factsweep;

namespace {

/// Seconds that `work` took, added to `total`.
template <typename Work>
auto timed(double& total, Work work) {
  const auto start = std::chrono::steady_clock::now();
  auto result = work();
  total += std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return result;
}

struct Seconds {
  double tokenising = 0, passes = 0, greedy = 0;
};

void measure(const Model& model, const std::vector<Continuation>& continuations, const char* name,
             std::vector<nlohmann::json>& lines, Seconds& seconds) {
  const auto no_step = [](double, std::int64_t) {};
  const auto texts =
      timed(seconds.tokenising, [&] { return force(*model.tokenizer, continuations); });
  const auto found = timed(seconds.passes, [&] { return predict(model, texts, 4096, no_step); });
  const auto greedy =
      timed(seconds.greedy, [&] { return greedy_match(model, texts, found, {}, no_step); });
  const auto accuracy = token_accuracy(found);
  for (std::size_t t = 0; t < texts.size(); ++t) {
    const std::vector<TokenId> predicted(found.predicted.begin() + found.starts[t],
                                         found.predicted.begin() + found.starts[t + 1]);
    lines[t][name] = {{"ids", texts[t].ids},
                      {"prompt_tokens", texts[t].prompt_tokens},
                      {"predicted", predicted},
                      {"accuracy", accuracy[t]},
                      {"greedy", greedy[t]}};
  }
}

Continuation first_of(const std::vector<std::string>& prompts, const std::string& target) {
  return prompts.empty() ? Continuation{} : Continuation{prompts.front(), target};
}

int run(const std::string& directory, const std::string& file, std::size_t count,
        torch::Dtype dtype) {
  const Model model = Model::load(directory, dtype, torch::kCPU);
  EditFile edits = read_edits(file);
  edits.records.resize(std::min(count, edits.records.size()));
  std::vector<Continuation> reliability, generality, locality;
  std::vector<nlohmann::json> lines;
  for (const EditRecord& edit : edits.records) {
    reliability.push_back({edit.prompt, edit.target_new});
    generality.push_back(first_of(edit.rephrasings, edit.target_new));
    locality.push_back(edit.unrelated.empty() ? Continuation{}
                                              : Continuation{edit.unrelated.front().prompt,
                                                             edit.unrelated.front().answers.front()});
    lines.push_back({{"row", edit.row}});
  }
  Seconds seconds;
  measure(model, reliability, "reliability", lines, seconds);
  measure(model, generality, "generality", lines, seconds);
  measure(model, locality, "locality", lines, seconds);
  for (const nlohmann::json& line : lines) std::cout << line.dump() << "\n";
  std::cerr << nlohmann::json{{"records", lines.size()},
                              {"tokenising", seconds.tokenising},
                              {"passes", seconds.passes},
                              {"greedy", seconds.greedy}}
                   .dump()
            << "\n";
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    if (argc == 5) {
      return run(argv[1], argv[2], std::stoul(argv[3]), parse_dtype(argv[4]));
    }
    std::cerr << "usage: edit_metrics_driver MODEL RECORDS COUNT float32|bfloat16\n";
  } catch (const std::exception& error) {
    std::cerr << error.what() << "\n";
  }
  return 2;
}
