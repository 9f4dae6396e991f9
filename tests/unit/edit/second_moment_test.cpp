// Second moments against transformers' activations, and whatever the passes.
#include <fmt/format.h>

#include "catch.hpp"
#include "edit_cases.hpp"
#include "factsweep/edit/contexts.hpp"

using namespace factsweep;
using namespace factsweep::test;
using Catch::Matchers::ContainsSubstring;

TEST_CASE("second_moment: that of the keys that transformers computes") {
  for_each_edit_case([](const EditCase& c) {
    const SecondMoments found =
        second_moments(c.model.weights, c.reference.sequences, {2, 0, 1}, 4096, no_step);
    CHECK(found.tokens == 132);
    REQUIRE(found.by_layer.size() == 3);
    for (const auto& [layer, moment] : found.by_layer)
      CHECK(relative_error(moment, c.expected(fmt::format("moment.{}", layer))) < 1e-5);
  });
}

TEST_CASE("second_moment: one text a pass or all in one; a layer alone or among others") {
  const EditCase c("llama");
  std::vector<double> done;
  const SecondMoments one_by_one =
      second_moments(c.model.weights, c.reference.sequences, {0, 1, 2}, 1,
                     [&](double share, std::int64_t) { done.push_back(share); });
  CHECK(done.size() == c.reference.sequences.size());
  CHECK(done.back() == 1);
  const SecondMoments at_once =
      second_moments(c.model.weights, c.reference.sequences, {0}, 1000, no_step);
  CHECK(relative_error(at_once.by_layer.at(0), one_by_one.by_layer.at(0)) < 1e-5);
}

TEST_CASE("second_moment: a layer that is not there, no text") {
  const EditCase c("llama");
  CHECK_THAT(input_error([&] { second_moments(c.model.weights, {{5}}, {3}, 1, no_step); }),
             ContainsSubstring("layer 3") && ContainsSubstring("0 to 2"));
  CHECK_THAT(input_error([&] { second_moments(c.model.weights, {}, {0}, 1, no_step); }),
             ContainsSubstring("no text"));
}

TEST_CASE("second_moment: a layer with experts is refused, one with an MLP beside it is not") {
  const Weights weights =
      Weights::load(model_data("families/qwen2_moe"), torch::kFloat32, test_device());
  CHECK_THAT(input_error([&] { second_moments(weights, {{5}}, {0}, 1, no_step); }),
             ContainsSubstring("experts") && ContainsSubstring("layer 0") &&
                 ContainsSubstring("Qwen2MoeForCausalLM"));
  const SecondMoments found = second_moments(weights, {{5, 6, 7}}, {1}, 64, no_step);
  CHECK(found.by_layer.at(1).sizes() == torch::IntArrayRef({40, 40}));
}

TEST_CASE("contexts: the prompt alone, then texts of the model's own, the same for the same seed") {
  const EditCase c("llama");
  const std::vector<ContextLength> lengths = {{8, 7}, {12, 2}};
  const std::vector<std::string> first = sample_contexts(c.model, lengths, 3, no_step);
  REQUIRE(first.size() == 1 + 7 + 2);
  CHECK(first.front() == "{}");
  for (std::size_t i = 1; i < first.size(); ++i) {
    CHECK_THAT(first[i], Catch::Matchers::EndsWith(". {}"));
    CHECK(first[i].find('{') == first[i].size() - 2);
    CHECK(first[i].find('\n') == std::string::npos);
  }
  CHECK(sample_contexts(c.model, lengths, 3, no_step) == first);
  CHECK(sample_contexts(c.model, lengths, 4, no_step) != first);
}
