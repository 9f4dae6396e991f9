// SliCK (Gekhman et al., arXiv 2405.05904): does fine-tuning on new knowledge encourage
// hallucinations?
//   label(relation, split, rows)* -> train(mixture, seed, ...)*      p_true(relation, rows)* beside
//   them
// options.cpp: the deck keys. plan.cpp: stages, points, datasets. label_stage.cpp, train_stage.cpp:
// the work.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>

#include "corpus.hpp"
#include "factsweep/adapter/lora.hpp"
#include "factsweep/label/labelling.hpp"
#include "factsweep/model/model.hpp"
#include "factsweep/studies/study.hpp"
#include "variants.hpp"

namespace factsweep::slick {

LabelSettings label_settings(const Deck& deck);
SizeRule size_rule(const Deck& deck);
/// lora.* of the deck where train.method = lora or the point's grid.lora_rank is above 0; nothing
/// for full fine-tuning.
std::optional<LoraConfig> point_lora(const Deck& deck, std::optional<std::int64_t> swept_rank);
/// What stands between the fine-tuning prompt and the answer: "" or " ".
std::string answer_lead(const Deck& deck);

/// Names of the curves in /curves, in file order.
const std::vector<std::string>& curve_names();

class SlickStudy : public Study {
 public:
  std::string_view name() const override { return "slick"; }
  void declare(OptionTable& table) const override;
  Plan expand(const Deck& deck) override;
  void prepare(const Deck& deck, torch::Device device) override;
  std::vector<std::string> headline() const override {
    return {"n_train", "epoch_early_stop", "accuracy_test_early_stop", "accuracy_test_final",
            "accuracy_ood_final"};
  }
  void run(const Plan& plan, std::size_t stage, Workbench& bench) override;

 private:
  void run_label(const Stage& stage, Workbench& bench);
  void run_p_true(const Stage& stage, Workbench& bench);
  void run_train(const Stage& stage, Workbench& bench);

  std::unique_ptr<Deck> deck_;
  Corpus corpus_;
  std::map<std::string, ExemplarSets> exemplars_;
  Model model_;
};

}  // namespace factsweep::slick
