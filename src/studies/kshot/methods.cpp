#include "methods.hpp"

#include "factsweep/studies/support/lists.hpp"

namespace factsweep::kshot {

const std::vector<Method>& methods() {
  using S = Method::Start;
  using T = Method::Tuning;
  using L = Method::Lessons;
  constexpr auto kShots = L::shots, kAll = L::shots_and_data;
  constexpr auto kArrow = Routing::arrow, kGates = Routing::gates, kMerged = Routing::merged;
  constexpr auto kLearned = Routing::learned;
  constexpr const char* kMixLora = "mixlora.balance";
  static const std::vector<Method> list = {
      {"base", S::base},
      {"expert_lora", S::own},
      {"source_best", S::best},
      {"lora", S::fresh, T::lora, kAll},
      {"source_best_sft", S::best, T::lora, kAll},
      {"upcycling", S::best, T::mixture, kAll},
      {"fresh_experts_shots", S::fresh, T::mixture, kShots},
      {"fresh_experts", S::fresh, T::mixture, kAll},
      {"mixlora", S::fresh, T::mixture, kShots, false, kLearned, kMixLora},
      {"mixlora_data", S::fresh, T::mixture, kAll, false, kLearned, kMixLora},
      {"uniform", S::selected, T::average},
      {"lorahub", S::selected, T::search, kShots},
      {"lorahub_data", S::selected, T::search, kAll},
      {"smear", S::selected, T::mixture, kAll, false, kMerged},
      {"arrow", S::selected, T::mixture, L::none, false, kArrow},
      {"arrow_trained", S::selected, T::mixture, kAll, false, kArrow},
      {"phatgoose", S::selected, T::gates, L::own, false, kGates},
      {"phatgoose_data", S::selected, T::gates, kAll, false, kGates},
      {"random", S::selected, T::mixture, kAll, /*at_random=*/true},
      {"ours", S::selected, T::mixture, kAll},
  };
  return list;
}

const Method& method(std::string_view name) {
  return by_name(methods(), name);
}

std::vector<std::string> signal_names() {
  return {"p", "a", "pa", "pad", "random"};
}

ExpertRule expert_rule(std::string_view signals) {
  return static_cast<ExpertRule>(place_of(signal_names(), signals));
}

namespace {

struct DataSelection {
  std::string name;
  DataSettings settings = {};
};

const std::vector<DataSelection>& data_selections() {
  using D = Deduplication;
  static const std::vector<DataSelection> list = {
      {"cosine"},
      {"repr_filter", {.deduplication = D::repr_filter}},
      {"convex", {.similarity = Similarity::convex_hull}},
      {"kde2", {.similarity = Similarity::kde, .gamma = 2}},
      {"kde10", {.similarity = Similarity::kde, .gamma = 10}},
      {"centroid", {.similarity = Similarity::centroid, .deduplication = D::first_stays}},
      {"random", {.similarity = Similarity::random, .deduplication = D::none}},
  };
  return list;
}

}  // namespace

std::vector<std::string> data_selection_names() {
  return joined({names_of(data_selections()), {"none"}});
}

DataSettings data_settings(std::string_view selection) {
  return by_name(data_selections(), selection).settings;
}

bool has_tau(std::string_view selection) {
  return selection != "none" && data_settings(selection).deduplication != Deduplication::none;
}

bool is_drawn(std::string_view selection) {
  if (selection == "none") return false;
  const Similarity by = data_settings(selection).similarity;
  return by != Similarity::cosine && by != Similarity::centroid;
}

}  // namespace factsweep::kshot
