#include "device_report.hpp"

#include <fmt/format.h>

#include <thread>

#include "factsweep/core/console.hpp"
#include "factsweep/core/provenance.hpp"
#include "factsweep/model/device.hpp"

namespace factsweep::cli {
namespace {

bool has_bfloat16_instructions() {
#if defined(__x86_64__)
  return __builtin_cpu_supports("avx512bf16") != 0;
#else
  return true;  // not known: say nothing
#endif
}

}  // namespace

void warn_of_slow_bfloat16() {
  if (has_bfloat16_instructions()) return;
  console::warn(
      "model.dtype = bfloat16, but this CPU has no bfloat16 instructions: expect it to be several "
      "times slower than float32. Use model.dtype = float32 here.");
}

std::string report_device(const Communicator& world, const Deck& deck) {
  const Communicator node = world.node();
  std::string device;
  on_all(world, [&] { device = choose_device(deck.text("run.device"), node.rank()); });
  if (device == "cpu") {
    const auto cores = static_cast<std::int64_t>(std::thread::hardware_concurrency());
    const std::int64_t used = node.size() * deck.integer("run.threads");
    if (world.rank() == 0 && deck.text("model.dtype") == "bfloat16") warn_of_slow_bfloat16();
    if (used > cores) {
      console::info(
          "{} ranks x {} threads share {} cores of {}: fewer ranks or threads would be faster.",
          node.size(), deck.integer("run.threads"), cores, host_name());
    } else if (2 * used <= cores) {
      console::info("{} ranks x {} threads leave {} of {} cores idle: start more ranks.",
                    node.size(), deck.integer("run.threads"), cores - used, cores);
    }
    return device;
  }
  const std::optional<DeviceMemory> memory = memory_of(device);
  console::write_line_of_rank(memory ? fmt::format("{} on {}: {} of {} free", device, host_name(),
                                                   console::bytes(memory->free),
                                                   console::bytes(memory->total))
                                     : fmt::format("{} on {}", device, host_name()));
  return device;
}

}  // namespace factsweep::cli
