// FT-c against an independent computation (tests/parity/edit_reference.py); its bound to the bit.
#include "factsweep/edit/ft_c.hpp"

#include <fmt/format.h>

#include "catch.hpp"
#include "edit_cases.hpp"

using namespace factsweep;
using namespace factsweep::test;
using Catch::Matchers::ContainsSubstring;

namespace {

FtSettings settings_of(const std::string& name) {
  const nlohmann::json c = edit_cases().at("ft_c").at(name);
  return {.layers = c.at("layers").get<std::vector<std::int64_t>>(),
          .objective = name == "prompt_last" ? FtObjective::prompt_last : FtObjective::target_new,
          .learning_rate = c.at("learning_rate"),
          .epochs = c.at("epochs"),
          .batch_size = c.at("batch_size"),
          .bound = c.at("bound"),
          .stop_loss = c.at("stop_loss")};
}

}  // namespace

TEST_CASE("ft_c: both objectives change the weights as the reference does") {
  for_each_edit_case([](const EditCase& c) {
    for (const std::string name : {"prompt_last", "target_new"}) {
      INFO(name);
      const FtEdit edit = ft_c(c.model, edit_records(), settings_of(name), no_step);
      const torch::Tensor report = c.expected(fmt::format("ft_c.{}.report", name));
      CHECK(edit.epochs == report[1].item<double>());
      CHECK(edit.loss == Approx(report[0].item<double>()).epsilon(1e-3));
      REQUIRE(edit.deltas.size() == settings_of(name).layers.size());
      for (const WeightDelta& delta : edit.deltas) {
        const torch::Tensor expected = c.expected(fmt::format("ft_c.{}.{}", name, delta.layer));
        // Adam makes whole steps of gradients that are rounding errors: compare by norm
        const torch::Tensor error = delta.delta_DF.cpu() - expected.to(torch::kFloat64);
        CHECK((error.norm() / expected.norm()).item<double>() < 1e-3);
      }
    }
  });
}

TEST_CASE("ft_c: no weight leaves the bound, whatever the model's dtype") {
  for (const torch::Dtype dtype : {torch::kFloat32, torch::kBFloat16}) {
    for (const double bound : {3e-3, 7e-4, 5e-5}) {
      const EditCase c("llama", dtype);
      FtSettings settings = settings_of("prompt_last");
      settings.layers = {0, 1};
      settings.bound = bound;
      const FtEdit edit = ft_c(c.model, edit_records(), settings, no_step);
      const Weights after = edited(c.model.weights, edit.deltas, torch::kFloat32);
      for (std::size_t layer = 0; layer < 2; ++layer) {
        const torch::Tensor change =
            after.layers[layer].linears[dense::down].weight.to(torch::kFloat64) -
            c.model.weights.layers[layer].linears[dense::down].weight.to(torch::kFloat64);
        const auto largest = change.abs().max().item<double>();
        CHECK(largest <= bound);
        CHECK(largest > 0.9 * bound);
        CHECK(torch::equal(change, edit.deltas[layer].delta_DF));
      }
    }
  }
}

TEST_CASE("ft_c: a bfloat16 model moves as far within a small bound as its float32 copy") {
  const EditCase narrow("llama", torch::kBFloat16);
  EditCase wide("llama");
  wide.model.weights = narrow.model.weights.clone(torch::kFloat32);
  FtSettings settings = settings_of("target_new");
  settings.bound = 5e-5;
  settings.stop_loss = 0;
  const FtEdit small = ft_c(narrow.model, edit_records(), settings, no_step),
               large = ft_c(wide.model, edit_records(), settings, no_step);
  for (std::size_t i = 0; i < small.deltas.size(); ++i) {
    const auto moved = [](const torch::Tensor& delta) {
      return (delta.abs() > 2e-5).to(torch::kFloat64).mean().item<double>();
    };
    CHECK(moved(small.deltas[i].delta_DF) == Approx(moved(large.deltas[i].delta_DF)).margin(0.1));
    CHECK(moved(small.deltas[i].delta_DF) > 0.5);
  }
  CHECK(small.loss == Approx(large.loss).epsilon(0.02));
}

TEST_CASE("ft_c: stopped after any batch and continued it is uninterrupted") {
  const EditCase c("llama", torch::kBFloat16);
  FtSettings settings = settings_of("target_new");
  settings.batch_size = 1;
  settings.bound = 1e-3;
  std::vector<WorkState> states;
  WorkKeeper keeper;
  keeper.keep = [&](bool, const std::function<WorkState()>& state) {
    states.push_back(state());
    for (auto& [name, tensor] : states.back().tensors) tensor = tensor.clone();
  };
  const FtEdit whole = ft_c(c.model, edit_records(), settings, no_step, keeper);
  REQUIRE(states.size() == edit_records().size() * static_cast<std::size_t>(whole.epochs));
  for (const WorkState& state : states) {
    const FtEdit again = ft_c(c.model, edit_records(), settings, no_step, going_on_from(state));
    CHECK(again.epochs == whole.epochs);
    CHECK(again.loss == whole.loss);
    for (std::size_t i = 0; i < whole.deltas.size(); ++i)
      CHECK(torch::equal(again.deltas[i].delta_DF, whole.deltas[i].delta_DF));
  }
}

TEST_CASE("ft_c: the model itself stays as it was; a loss low enough makes no step") {
  const EditCase c("gpt2");
  const Weights before = c.model.weights.clone(torch::kFloat32);
  FtSettings settings = settings_of("prompt_last");
  ft_c(c.model, edit_records(), settings, no_step);
  CHECK(same_bits(c.model.weights, before));
  settings.stop_loss = 100;
  const FtEdit idle = ft_c(c.model, edit_records(), settings, no_step);
  CHECK(idle.epochs == 1);
  CHECK(idle.deltas.front().delta_DF.abs().max().item<double>() == 0);
}

TEST_CASE("ft_c: what is wrong is named") {
  const EditCase c("llama");
  CHECK_THAT(
      input_error([&] { ft_c(c.model, edit_records(), FtSettings::preset("paper"), no_step); }),
      ContainsSubstring("layer 21") && ContainsSubstring("0 to 2"));
  CHECK_THAT(input_error([] { FtSettings::preset("easy"); }), ContainsSubstring("'easy'"));
  std::vector<EditRecord> records = edit_records();
  records[2].target_new = "";
  CHECK_THAT(input_error([&] { ft_c(c.model, records, settings_of("target_new"), no_step); }),
             ContainsSubstring("record 10"));
  EditCase broken("llama");
  broken.model.weights.norm.gain.fill_(std::numeric_limits<float>::infinity());
  CHECK_THROWS_WITH(ft_c(broken.model, edit_records(), settings_of("target_new"), no_step),
                    ContainsSubstring("record 8") && ContainsSubstring("epoch 1"));
}
