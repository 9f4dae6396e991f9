// Stage "search": the largest rate at which forgetting alone keeps enough of the unrelated answers.
#pragma once

#include <string>
#include <vector>

#include "ground.hpp"

namespace factsweep::flearning {

struct Search : Ground {
  static constexpr const char* kind = "search";
  static const Column<double> lambda;

  Forgetting forgetting;  // without lambda

  static void fields(auto& self, auto&& field) {
    Ground::fields(self, field);
    Forgetting::fields(self.forgetting, field);
  }
  std::vector<std::string> deck_keys() const;
  void run(Worker& worker, StageRun& run) const;
};

Upstream add_search(const Draft& draft, Upstream original, const Forgetting& forgetting);

}  // namespace factsweep::flearning
