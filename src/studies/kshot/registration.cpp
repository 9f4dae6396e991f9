#include "factsweep/studies/kshot/study.hpp"

#include "kshot.hpp"

namespace factsweep::kshot {
namespace {

class KShotStudy : public Study {
 public:
  std::string_view name() const override { return "kshot"; }
  void declare(OptionTable& table) const override { kshot::declare(table); }
  std::vector<std::string> headline() const override {
    return {"accuracy", "accuracy_by_sum", "accuracy_by_mean", "answered", "selected_data"};
  }
  Expansion expand(const Deck& deck) const override {
    auto executor = std::make_unique<KShotExecutor>();
    Plan plan = executor->expand(deck);
    return {std::move(plan), std::move(executor)};
  }
};

}  // namespace

std::unique_ptr<Study> make_study() {
  return std::make_unique<KShotStudy>();
}

}  // namespace factsweep::kshot
