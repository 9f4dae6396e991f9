// factsweep's side of packed_lora.py and full_finetuning.py: trains the adapters of a job file
// together, or its whole model. For each line of standard input, a number of steps, it writes one
// line: seconds, seconds of the processor, and every member's mean losses; with "profile" in the job
// also what the device was asked for, counted by torch's profiler.
#include <chrono>
#include <ctime>
#include <iostream>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <torch/csrc/autograd/profiler_kineto.h>

#include "factsweep/core/file.hpp"
#include "factsweep/core/memory.hpp"
#include "factsweep/train/packed_trainer.hpp"
#include "factsweep/train/trainer.hpp"

using namespace factsweep;

namespace {

TrainSettings settings_of(const nlohmann::json& job) {
  const nlohmann::json& given = job.at("settings");
  TrainSettings settings;
  settings.learning_rate = given.at("learning_rate");
  settings.beta1 = given.at("beta1");
  settings.beta2 = given.at("beta2");
  settings.epsilon = given.at("epsilon");
  settings.weight_decay = given.at("weight_decay");
  settings.batch_size = job.at("batch");
  settings.epochs = 1 << 20;
  settings.dropout = given.value("dropout", 0.0);
  return settings;
}

std::vector<Example> examples_of(const nlohmann::json& given) {
  std::vector<Example> examples;
  for (const nlohmann::json& example : given) examples.push_back({example[0], example[1]});
  return examples;
}

std::unique_ptr<Training> training_of(const nlohmann::json& job) {
  const Weights base = Weights::load(job.at("model").get<std::string>(),
                                     parse_dtype(job.at("dtype").get<std::string>()),
                                     torch::Device(job.value("device", "cpu")));
  if (job.contains("examples"))
    return std::make_unique<Trainer>(base, examples_of(job.at("examples")), settings_of(job));
  std::vector<PackedMember> members;
  for (const nlohmann::json& adapter : job.at("adapters"))
    members.push_back({LoraAdapter::load(adapter.at("directory").get<std::string>(), base),
                       examples_of(adapter.at("examples")), settings_of(job)});
  return std::make_unique<PackedTrainer>(base, std::move(members), job.value("pass_tokens", 2048));
}

/// Counts what happens on a device, and calls that wait for it, until `stop`.
class Profile {
 public:
  Profile() {
    using namespace torch::profiler::impl;
    const ProfilerConfig config(ProfilerState::KINETO);
    const std::set<ActivityType> activities = {ActivityType::CPU, ActivityType::CUDA};
    torch::autograd::profiler::prepareProfiler(config, activities);
    torch::autograd::profiler::enableProfiler(config, activities);
  }

  /// Names with counts: kernels, copies and fills of the device, synchronisations of the host.
  std::map<std::string, std::int64_t> stop() {
    std::map<std::string, std::int64_t> counts;
    for (const auto& event : torch::autograd::profiler::disableProfiler()->events()) {
      const std::string name = event.name();
      if (event.deviceType() != c10::DeviceType::CPU)
        ++counts[name.starts_with("Mem") ? name : "kernels"];
      else if (name.find("Synchronize") != std::string::npos)
        ++counts[name];
    }
    return counts;
  }
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "usage: training_driver JOB.json\n";
    return 2;
  }
  keep_freed_memory();  // as the program does
  const nlohmann::json job = read_json(argv[1]);
  const std::unique_ptr<Training> training = training_of(job);
  const bool profiled = job.value("profile", false);
  int steps = 0;
  while (std::cin >> steps) {
    std::vector<std::vector<double>> losses(training->members());
    std::optional<Profile> profile;
    if (profiled) profile.emplace();
    const auto started = std::chrono::steady_clock::now();
    const std::clock_t processor = std::clock();
    for (int step = 0; step < steps; ++step) {
      const std::vector<StepLoss> found = training->advance();
      for (std::size_t i = 0; i < found.size(); ++i)
        losses[i].push_back(found[i].sum / static_cast<double>(found[i].answer_tokens));
    }
    const std::chrono::duration<double> time = std::chrono::steady_clock::now() - started;
    const double cpu = static_cast<double>(std::clock() - processor) / CLOCKS_PER_SEC;
    nlohmann::json answer = {{"seconds", time.count()}, {"cpu", cpu}, {"losses", losses}};
    if (profile) answer["events"] = profile->stop();
    std::cout << answer << std::endl;
  }
}
