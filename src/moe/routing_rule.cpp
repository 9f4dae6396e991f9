#include "routing_rule.hpp"

namespace factsweep {

const std::vector<RoutingRule>& routing_rules() {
  static const std::vector<RoutingRule> list = {{Routing::learned, "learned", true, true},
                                                {Routing::arrow, "arrow", false, true},
                                                {Routing::gate, "gate", true, false},
                                                {Routing::gates, "gates", false, true},
                                                {Routing::merged, "merged", true, true}};
  return list;
}

const RoutingRule& rule_of(Routing routing) {
  return routing_rules().at(static_cast<std::size_t>(routing));
}

}  // namespace factsweep
