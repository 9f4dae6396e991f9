// A device that a sweep is planned for: how much it holds, how fast it is, and what of a plan does
// not fit.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "factsweep/plan/plan.hpp"

namespace factsweep {

struct Machine {
  std::string name;
  double memory = 0;                   // bytes of a device
  double bfloat16 = 0, float32 = 0;    // FLOP/s of dense matrix products, by the data sheet
};

/// "h100", "mi250", ...: its half where a device is two.
const std::vector<Machine>& known_machines();
/// InputError: none of them; names them all.
const Machine& machine_of(std::string_view name);

/// "80GB", "80 GB", "79.1GiB", "500 MB": bytes. InputError.
double parse_bytes(std::string_view text);

/// What a rank takes of a device beside tensors: the context, and what allocation leaves between
/// them.
inline constexpr double kContextBytes = 0.6e9;

/// Foresees stages for ranks on CPUs: a process also holds what libraries take and keep to work in.
void expect_cpu(Plan& plan);

/// What a rank needs at most for stages that are not done, and what it cannot do with less of.
struct Need {
  double most = 0, least = 0;  // bytes, the context included; least: with the smallest passes
  std::string most_title, least_title;  // of the stages that need them
};
/// An empty `done`: none is.
Need need_of(const Plan& plan, const std::vector<bool>& done = {});

/// Whether the need of `ranks` ranks that share a device of `memory` bytes is met, in sentences that
/// name what would help; empty: it is.
std::string what_does_not_fit(const Need& need, double memory, int ranks);

}  // namespace factsweep
