#include "factsweep/plan/machine.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <cmath>

#include "factsweep/core/console.hpp"
#include "factsweep/core/error.hpp"

namespace factsweep {

const std::vector<Machine>& known_machines() {
  constexpr double kGiB = 1024.0 * 1024 * 1024;
  static const std::vector<Machine> list = {
      {"v100-16", 15.8 * kGiB, 15.7e12, 15.7e12},  // without bfloat16 products
      {"v100-32", 31.7 * kGiB, 15.7e12, 15.7e12},
      {"a100-40", 39.4 * kGiB, 312e12, 19.5e12},
      {"a100-80", 79.2 * kGiB, 312e12, 19.5e12},
      {"l40s", 44.4 * kGiB, 362e12, 91.6e12},
      {"h100", 79.1 * kGiB, 989e12, 67e12},
      {"gh200", 94.5 * kGiB, 989e12, 67e12},
      {"h200", 139.8 * kGiB, 989e12, 67e12},
      {"b200", 178 * kGiB, 2250e12, 75e12},
      {"mi250", 64 * kGiB, 181e12, 22.6e12},  // one of its two dies
      {"mi300x", 192 * kGiB, 1307e12, 163e12},
  };
  return list;
}

const Machine& machine_of(std::string_view name) {
  const std::vector<Machine>& list = known_machines();
  const auto found = std::find_if(list.begin(), list.end(),
                                  [&](const Machine& machine) { return machine.name == name; });
  if (found != list.end()) return *found;
  std::vector<std::string> names;
  for (const Machine& machine : list) names.push_back(machine.name);
  throw InputError(fmt::format(
      "command line: --device = '{}' is no device that this program knows: {}. Others are given as "
      "--device-memory 80GB --flops 4e14.",
      name, fmt::join(names, ", ")));
}

double parse_bytes(std::string_view text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  std::string_view unit(end, static_cast<std::size_t>(text.data() + text.size() - end));
  while (unit.starts_with(' ')) unit.remove_prefix(1);
  constexpr std::string_view kPrefixes = "kMGT";
  const std::size_t power = unit.empty() ? std::string_view::npos : kPrefixes.find(unit.front());
  const std::string_view rest =
      power == std::string_view::npos ? unit : unit.substr(1);
  if (error != std::errc() || !std::isfinite(value) || value <= 0 || (rest != "B" && rest != "iB") ||
      (rest == "iB" && power == std::string_view::npos)) {
    throw InputError(fmt::format(
        "command line: '{}' is no size of a memory; examples: 80GB, 79.1 GiB, 500 MB.", text));
  }
  const double base = rest == "iB" ? 1024 : 1000;
  return power == std::string_view::npos ? value
                                         : value * std::pow(base, static_cast<double>(power + 1));
}

void expect_cpu(Plan& plan) {
  constexpr double kLibraryBytes = 300e6;  // docs/scaling.md, "Foreseen and taken"
  plan.process_bytes = plan.model_bytes > 0 ? kLibraryBytes : 0;
}

Need need_of(const Plan& plan, const std::vector<bool>& done) {
  Need need;
  for (std::size_t i = 0; i < plan.stages.size(); ++i) {
    if (!done.empty() && done[i]) continue;
    const Stage& stage = plan.stages[i];
    const double most = plan.model_bytes + kContextBytes + stage.memory_bytes;
    const double least = most - stage.activation_bytes;
    if (most > need.most) {
      need.most = most;
      need.most_title = stage.title;
    }
    if (least > need.least) {
      need.least = least;
      need.least_title = stage.title;
    }
  }
  return need;
}

std::string what_does_not_fit(const Need& need, double memory, int ranks) {
  const double share = memory / ranks;
  const std::string holds =
      ranks == 1 ? fmt::format("{} are there", console::bytes(share))
                 : fmt::format("{} are there for each of {} ranks", console::bytes(share), ranks);
  const std::string fewer = ranks == 1 ? "" : ", or start fewer ranks a device";
  if (need.least > share) {
    return fmt::format(
        "'{}' needs about {} of memory even with the smallest passes, and {}. Train less (LoRA "
        "instead of all weights, a lower rank, fewer adapters together), load less (model.dtype = "
        "bfloat16, a smaller model), take a larger device{}.",
        need.least_title, console::bytes(need.least), holds, fewer);
  }
  if (need.most > share) {
    return fmt::format(
        "'{}' needs about {} of memory, and {}. Lower train.microbatch_tokens, train less (LoRA), or "
        "take a larger device{}.",
        need.most_title, console::bytes(need.most), holds, fewer);
  }
  return "";
}

}  // namespace factsweep
