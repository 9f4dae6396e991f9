#include "methods.hpp"

#include "factsweep/core/error.hpp"
#include "factsweep/studies/support/by_name.hpp"

namespace factsweep::kshot {

const std::vector<Method>& methods() {
  using S = Method::Start;
  using T = Method::Tuning;
  static const std::vector<Method> list = {
      {"base", S::base, T::none},
      {"expert_lora", S::own, T::none},
      {"source_best", S::best, T::none},
      {"lora", S::fresh, T::lora},
      {"source_best_sft", S::best, T::lora},
      {"uniform", S::selected, T::average},
      {"lorahub", S::selected, T::search},
      {"arrow", S::selected, T::arrow},
      {"random", S::selected, T::mixture, true},
      {"ours", S::selected, T::mixture},
  };
  return list;
}

std::vector<std::string> method_names() {
  return names_of(methods());
}

const Method& method(std::string_view name) {
  return by_name(methods(), name);
}

std::vector<std::string> signal_names() {
  return {"p", "a", "pa", "pad", "random"};
}

ExpertRule expert_rule(std::string_view signals) {
  if (signals == "p") return ExpertRule::perplexity;
  if (signals == "a") return ExpertRule::accuracy;
  if (signals == "pa") return ExpertRule::perplexity_accuracy;
  if (signals == "pad") return ExpertRule::all;
  require(signals == "random", "kshot: no such signals");
  return ExpertRule::random;
}

std::vector<std::string> data_selection_names() {
  return {"cosine", "repr_filter", "convex", "kde2", "kde10", "centroid", "random", "none"};
}

DataSettings data_settings(std::string_view selection) {
  DataSettings settings;
  if (selection == "repr_filter") settings.deduplication = Deduplication::repr_filter;
  if (selection == "convex") settings.similarity = Similarity::convex_hull;
  if (selection == "kde2" || selection == "kde10") {
    settings.similarity = Similarity::kde;
    settings.gamma = selection == "kde2" ? 2 : 10;
  }
  if (selection == "centroid") {
    settings.similarity = Similarity::centroid;
    settings.deduplication = Deduplication::first_stays;
  }
  if (selection == "random") {
    settings.similarity = Similarity::random;
    settings.deduplication = Deduplication::none;
  }
  return settings;
}

bool has_tau(std::string_view selection) {
  return selection != "none" && selection != "random";
}

bool is_drawn(std::string_view selection) {
  return selection == "random" || selection == "convex";
}

}  // namespace factsweep::kshot
