// MEMIT against an independent computation (tests/parity/edit_reference.py), and against ROME, its
// limit.
#include "factsweep/edit/memit.hpp"

#include <fmt/format.h>

#include "catch.hpp"
#include "edit_cases.hpp"
#include "factsweep/edit/rome.hpp"

using namespace factsweep;
using namespace factsweep::test;
using Catch::Matchers::ContainsSubstring;

namespace {

MemitSettings case_settings() {
  const nlohmann::json c = edit_cases().at("memit");
  MemitSettings settings;
  settings.layers = c.at("layers").get<std::vector<std::int64_t>>();
  settings.moment_weight = c.at("moment_weight");
  settings.value = value_settings(c.at("value"));
  return settings;
}

MemitEdit edit_of(const EditCase& c, const MemitSettings& settings,
                  const std::vector<EditRecord>& records = edit_records(),
                  const std::vector<std::string>& contexts = edit_contexts()) {
  return memit(c.model, records, contexts, c.moments(), settings, no_step);
}

}  // namespace

TEST_CASE("memit: updates of all layers are the reference's") {
  for_each_edit_case([](const EditCase& c) {
    const MemitSettings settings = case_settings();
    const MemitEdit edit = edit_of(c, settings);
    REQUIRE(edit.deltas.size() == settings.layers.size());
    for (const WeightDelta& delta : edit.deltas) {
      CHECK(relative_error(delta.delta_DF, c.expected(fmt::format("memit.{}", delta.layer))) <
            1e-3);
    }
  });
}

TEST_CASE("memit: values found one by one, in pairs or together give one update") {
  const EditCase c("gemma2");
  MemitSettings settings = case_settings();
  settings.value.batch_requests = 8;
  const MemitEdit together = edit_of(c, settings);
  for (const std::int64_t batch : {1, 2}) {
    settings.value.batch_requests = batch;
    const MemitEdit split = edit_of(c, settings);
    REQUIRE(split.searches.size() == 3);
    for (std::size_t i = 0; i < settings.layers.size(); ++i)
      CHECK(relative_error(split.deltas[i].delta_DF, together.deltas[i].delta_DF) < 1e-5);
  }
}

TEST_CASE("memit: stopped after any search and continued it is uninterrupted") {
  const EditCase c("llama", torch::kBFloat16);
  MemitSettings settings = case_settings();
  settings.value.batch_requests = 1;
  const auto edit = [&](const WorkKeeper& keeper) {
    return memit(c.model, edit_records(), edit_contexts(), c.moments(), settings, no_step, keeper);
  };
  std::vector<WorkState> states;
  WorkKeeper keeper;
  keeper.keep = [&](bool, const std::function<WorkState()>& state) { states.push_back(state()); };
  const MemitEdit whole = edit(keeper);
  REQUIRE(states.size() == edit_records().size());
  for (const WorkState& state : states) {
    const MemitEdit again = edit(going_on_from(state));
    for (std::size_t i = 0; i < whole.deltas.size(); ++i)
      CHECK(torch::equal(again.deltas[i].delta_DF, whole.deltas[i].delta_DF));
    for (std::size_t i = 0; i < whole.searches.size(); ++i) {
      CHECK(again.searches[i].loss == whole.searches[i].loss);
      CHECK(again.searches[i].steps == whole.searches[i].steps);
    }
  }
}

TEST_CASE("memit: one request, one layer and weightless old keys: ROME's update, to the value") {
  for (const std::string family : {"llama", "gpt2", "gpt_neox"}) {
    INFO(family);
    const EditCase c(family);
    MemitSettings settings = case_settings();
    settings.layers = {1};
    settings.moment_weight = 1e-6;
    // both bind to the norm of the value, of which ROME's is a part
    settings.value.weight_decay = 0;
    settings.value.clamp = 1e6;
    const RomeSettings same{
        .layer = 1, .value = settings.value, .moment_adjustment = true, .mean_key = false};
    const std::vector<EditRecord> one = {edit_records()[1]};
    const MemitEdit edit = edit_of(c, settings, one, {"{}"});
    const RomeEdit expected =
        Rome(c.model, {"{}"}, c.moments(), same).edit(c.model, one, no_step).front();
    CHECK(edit.searches.front().steps == 19);
    CHECK(relative_error(edit.deltas.front().delta_DF, expected.delta().delta_DF) < 1e-4);
  }
}

TEST_CASE("memit: the heavier old keys weigh, the smaller the update") {
  const EditCase c("gpt2");
  MemitSettings settings = case_settings();
  double last = std::numeric_limits<double>::infinity();
  for (const double weight : {0.1, 10.0, 1000.0}) {
    settings.moment_weight = weight;
    const auto norm = edit_of(c, settings).deltas.front().delta_DF.norm().item<double>();
    CHECK(norm < last);
    last = norm;
  }
  CHECK(last > 0);
}

TEST_CASE("memit: a layer beyond the model, a preset that does not exist") {
  const EditCase c("llama");
  CHECK_THAT(input_error([&] { edit_of(c, MemitSettings::preset("easyedit-gptj")); }),
             ContainsSubstring("layer 3") && ContainsSubstring("0 to 2"));
  CHECK_THAT(input_error([] { MemitSettings::preset("easy"); }), ContainsSubstring("'easy'"));
  CHECK(MemitSettings::preset("paper").value.learning_rate == 0.05);
}
