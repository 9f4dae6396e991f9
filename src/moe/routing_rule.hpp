// What the ways of routing differ in, a line each.
#pragma once

#include <string>
#include <vector>

#include "factsweep/moe/routing.hpp"

namespace factsweep {

struct RoutingRule {
  Routing routing;
  std::string name;  // in moe.json
  bool trains_router, trains_experts;
};

/// In the order of the enumerators.
const std::vector<RoutingRule>& routing_rules();
const RoutingRule& rule_of(Routing routing);

}  // namespace factsweep
