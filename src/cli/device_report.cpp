#include "device_report.hpp"

#include <fmt/format.h>
#include <sched.h>

#include <bit>
#include <cstdint>
#include <cstdlib>
#include <thread>
#include <utility>
#include <vector>

#include "factsweep/core/console.hpp"
#include "factsweep/core/provenance.hpp"
#include "factsweep/core/random.hpp"
#include "factsweep/model/device.hpp"

namespace factsweep::cli {
namespace {

constexpr int kMostCores = 8192;  // of a node: what Linux can be built for

bool has_bfloat16_instructions() {
#if defined(__x86_64__)
  return __builtin_cpu_supports("avx512bf16") != 0;
#else
  return true;  // not known: say nothing
#endif
}

/// Cores that the ranks of a node may use. A scheduler, taskset or mpirun's binding leaves each rank
/// some of them: what counts is what all of a node's ranks have together.
std::int64_t cores_of(const Communicator& node) {
  std::vector<std::uint64_t> mine(kMostCores / 64);  // a bit a core, as in cpu_set_t
  if (sched_getaffinity(0, kMostCores / 8, reinterpret_cast<cpu_set_t*>(mine.data())) < 0) {
    for (unsigned core = 0; core < std::thread::hardware_concurrency(); ++core)
      mine.at(core / 64) |= std::uint64_t{1} << (core % 64);
  }
  std::int64_t cores = 0;
  for (const std::uint64_t word : node.any(std::move(mine))) cores += std::popcount(word);
  return cores;
}

/// Of the node's ranks, how many have a device of their own. A launcher that gives each rank its GPU
/// leaves it in the same place of different lists.
int devices_of(const Communicator& node, const std::string& device) {
  constexpr std::uint64_t kBits = 1 << 16;
  std::string name = device;
  for (const char* variable :
       {"CUDA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES"}) {
    const char* value = std::getenv(variable);
    name += fmt::format(" {}", value != nullptr ? value : "");
  }
  const std::uint64_t bit = hash_text(name) % kBits;
  std::vector<std::uint64_t> words(kBits / 64);
  words[bit / 64] = std::uint64_t{1} << bit % 64;
  int devices = 0;
  for (const std::uint64_t word : node.any(std::move(words))) devices += std::popcount(word);
  return devices;
}

}  // namespace

void warn_of_slow_bfloat16() {
  if (has_bfloat16_instructions()) return;
  console::warn(
      "model.dtype = bfloat16, but this CPU has no bfloat16 instructions: expect it to be several "
      "times slower than float32. Use model.dtype = float32 here.");
}

ChosenDevice report_device(const Communicator& world, const Deck& deck) {
  const Communicator node = world.node();
  std::string device;
  on_all(world, [&] { device = choose_device(deck.text("run.device"), node.rank()); });
  if (device == "cpu" && deck.text("run.device") == "auto") {
    const GpuFacts facts = gpu_facts();
    if (facts.is_here || facts.libtorch_has_cuda)
      console::warn("computing on the CPU: {}", why_no_gpu(facts));
  }
  if (device == "cpu") {
    const std::int64_t cores = cores_of(node);
    const std::int64_t used = node.size() * deck.integer("run.threads");
    if (world.rank() == 0 && deck.text("model.dtype") == "bfloat16") warn_of_slow_bfloat16();
    const std::string ranks = console::counted(node.size(), "rank");
    const std::string threads = console::counted(deck.integer("run.threads"), "thread");
    if (used > cores) {
      console::info(
          "{} x {} share the {} of {} that they may use: fewer ranks or "
          "threads, or a binding to more cores, would be faster.",
          ranks, threads, console::counted(cores, "core"), host_name());
    } else if (2 * used <= cores) {
      console::info("{} x {} leave {} of {} cores idle: start more ranks.", ranks, threads,
                    cores - used, cores);
    }
    return {device, 1};
  }
  on_all(world, [&] { check_dtype(device, deck.text("model.dtype")); });
  const int devices = devices_of(node, device);
  if (devices < node.size() && node.rank() == 0) {
    console::warn(
        "{} ranks share {} of {}: each holds the model for itself, and they take turns. Start "
        "one rank a GPU (jobs/bind_gpu.sh).",
        node.size(), console::counted(devices, "GPU"), host_name());
  }
  const std::optional<DeviceMemory> memory = memory_of(device);
  console::write_line_of_rank(memory ? fmt::format("{} on {}: {} of {} free", device, host_name(),
                                                   console::bytes(memory->free),
                                                   console::bytes(memory->total))
                                     : fmt::format("{} on {}", device, host_name()));
  return {device, (node.size() + devices - 1) / devices};
}

void check_memory(const Communicator& world, const ChosenDevice& device, const Need& need) {
  on_all(world, [&] {
    const auto memory =
        device.name == "cpu" ? std::nullopt : memory_of(device.name);
    if (!memory) return;
    const std::string lacks = what_does_not_fit(need, memory->free, device.ranks);
    if (lacks.empty()) return;
    const std::string text =
        fmt::format("{} on {}: {} of {} are free, and {}", device.name, host_name(),
                    console::bytes(memory->free), console::bytes(memory->total), lacks);
    if (need.least > memory->free / device.ranks) throw EnvironmentError(text);
    if (world.rank() == 0) console::warn("{}", text);
  });
}

}  // namespace factsweep::cli
