// Stage "similarity": how alike the bank's adapters are, pair by pair (equation 6).
#include <algorithm>

#include "factsweep/selection/diversity.hpp"
#include "stages.hpp"

namespace factsweep::kshot {
namespace {

struct BankSimilarity {
  static constexpr const char* kind = "similarity";

  Bank bank;

  static void fields(auto& self, auto&& field) { Bank::fields(self.bank, field); }
  std::vector<std::string> deck_keys() const { return {"kshot.diversity"}; }

  void run(Worker& worker, StageRun& run) const {
    std::vector<LoraAdapter> adapters;
    for (std::size_t i = 0; i < bank.size(); ++i) adapters.push_back(bank.at(i).read(worker, run));
    DiversitySettings settings;
    settings.products = run.deck().text("kshot.diversity") == "products";
    const AdapterSimilarity found = adapter_similarity(
        adapters, bank.names, settings, [&](double fraction) { run.step(fraction, 0); });
    run.emit(kCosine, found.cosine);
  }
};

}  // namespace

const KindOf<Worker> kSimilarity = kind<Worker, BankSimilarity>();

void declare_similarity(Draft& draft) {
  const std::vector<BankEntry>& bank = draft.sets().bank;
  if (bank.empty()) return;
  const bool ranks_differ = std::any_of(bank.begin(), bank.end(), [&](const BankEntry& entry) {
    return entry.form.shapes != bank.front().form.shapes;
  });
  Column<double> cosine = kCosine;
  if (ranks_differ || draft.deck().text("kshot.diversity") == "products")
    cosine.long_name = "mean cosine of the adapters' updates B A";
  draft.builder.dimension("other", bank.size());
  draft.builder.declare(cosine);
}

Upstream add_similarity(Draft& draft) {
  const auto [stage, is_new] =
      draft.builder.add(BankSimilarity{draft.bank}, "similarity of the bank", {});
  if (is_new) draft.builder.place(stage, kCosine);
  return stage;
}

}  // namespace factsweep::kshot
