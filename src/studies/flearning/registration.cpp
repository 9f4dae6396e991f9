#include "factsweep/studies/flearning/study.hpp"

#include "flearning.hpp"

namespace factsweep::flearning {
namespace {

class FLearningStudy : public Study {
 public:
  std::string_view name() const override { return "flearning"; }
  void declare(OptionTable& table) const override { flearning::declare(table); }
  std::vector<std::string> headline() const override {
    return {"reliability", "generality", "locality", "reliability_old", "edit_seconds"};
  }
  Expansion expand(const Deck& deck) const override {
    auto executor = std::make_unique<FLearningExecutor>();
    Plan plan = executor->expand(deck);
    return {std::move(plan), std::move(executor)};
  }
};

}  // namespace

std::unique_ptr<Study> make_study() {
  return std::make_unique<FLearningStudy>();
}

}  // namespace factsweep::flearning
