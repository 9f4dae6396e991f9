// ROME against an independent computation (tests/parity/edit_reference.py), and what must hold of
// any update.
#include "factsweep/edit/rome.hpp"

#include <fmt/format.h>

#include "catch.hpp"
#include "edit_cases.hpp"

using namespace factsweep;
using namespace factsweep::test;
using Catch::Matchers::ContainsSubstring;

namespace {

constexpr double kTolerance = 1e-3;

RomeSettings rome_settings_of(const std::string& name) {
  const nlohmann::json c = edit_cases().at("rome").at(name);
  RomeSettings settings;
  settings.layer = c.at("layer");
  settings.moment_adjustment = c.at("moment_adjustment");
  settings.mean_key = c.at("mean_key");
  settings.value = value_settings(c.at("value"));
  return settings;
}

std::vector<RomeEdit> edits_of(const EditCase& c, const RomeSettings& settings,
                               const std::vector<EditRecord>& records = edit_records()) {
  return Rome(c.model, edit_contexts(), c.moments(), settings).edit(c.model, records, no_step);
}

}  // namespace

TEST_CASE("rome: updates and searches are the reference's") {
  for_each_edit_case([](const EditCase& c) {
    for (const std::string name : {"plain", "adjusted", "last"}) {
      INFO(name);
      std::vector<EditRecord> records = edit_records();
      // after the last layer only an answer that follows the subject at once depends on delta
      if (name == "last") records = {records[1]};
      const std::vector<RomeEdit> edits = edits_of(c, rome_settings_of(name), records);
      const torch::Tensor search = c.expected(fmt::format("rome.{}.search", name));
      REQUIRE(search.size(0) == static_cast<std::int64_t>(records.size()));
      for (std::size_t i = 0; i < edits.size(); ++i) {
        INFO(i);
        const std::string stem = fmt::format("rome.{}.{}", name, i);
        const auto row = static_cast<std::int64_t>(i);
        CHECK(edits[i].search.steps == search[row][1].item<double>());
        CHECK(edits[i].search.loss == Approx(search[row][0].item<double>()).epsilon(kTolerance));
        const torch::Tensor left = c.expected(stem + ".left");
        if (left.abs().max().item<float>() < 1e-5) {  // no update of delta, the same key everywhere
          CHECK(edits[i].left_D.abs().max().item<float>() < 1e-5);
          continue;
        }
        CHECK(relative_error(edits[i].delta().delta_DF,
                             torch::outer(left, c.expected(stem + ".right"))) < kTolerance);
      }
    }
  });
}

TEST_CASE("rome: one by one as in a batch, whatever its size") {
  const EditCase c("gemma2");
  RomeSettings settings = rome_settings_of("plain");
  settings.value.batch_requests = 8;
  const std::vector<RomeEdit> together = edits_of(c, settings);
  settings.value.batch_requests = 2;
  const std::vector<RomeEdit> pairs = edits_of(c, settings);
  const std::vector<EditRecord> records = edit_records();
  for (std::size_t i = 0; i < records.size(); ++i) {
    const RomeEdit alone = edits_of(c, settings, {records[i]}).front();
    CHECK(relative_error(together[i].delta().delta_DF, alone.delta().delta_DF) < 1e-5);
    CHECK(relative_error(pairs[i].delta().delta_DF, alone.delta().delta_DF) < 1e-5);
  }
}

TEST_CASE("rome: an edited model shares all but one matrix, and the original keeps its bits") {
  for (const torch::Dtype dtype : {torch::kFloat32, torch::kBFloat16}) {
    const EditCase c("gpt2", dtype);
    const Weights before = c.model.weights.clone(dtype);
    const RomeEdit edit = edits_of(c, rome_settings_of("plain")).front();
    const Weights after = edited(c.model.weights, std::vector<WeightDelta>{edit.delta()});
    CHECK(same_bits(c.model.weights, before));
    const std::vector<torch::Tensor> mine = c.model.weights.parameters(),
                                     changed = after.parameters();
    int fresh = 0;
    for (std::size_t i = 0; i < mine.size(); ++i) fresh += !mine[i].is_same(changed[i]);
    CHECK(fresh == 1);
    CHECK_FALSE(torch::equal(after.layers[0].linears[dense::down].weight,
                             before.layers[0].linears[dense::down].weight));
    CHECK(after.layers[0].linears[dense::down].weight.scalar_type() == dtype);
  }
}

TEST_CASE("rome: in sequence each edit stands on those before, in one matrix") {
  for (const torch::Dtype dtype : {torch::kFloat32, torch::kBFloat16}) {
    const EditCase c("llama", dtype);
    const RomeSettings settings = rome_settings_of("adjusted");
    const Rome rome(c.model, edit_contexts(), c.moments(), settings);
    const std::vector<EditRecord> records = edit_records();
    // one by one, and all of them added to the first model once more
    Model now = c.model;
    std::vector<WeightDelta> deltas;
    for (const EditRecord& record : records) {
      deltas.push_back(rome.edit(now, {record}, no_step).front().delta());
      now = now.with(edited(now.weights, {&deltas.back(), 1}));
    }
    const Weights wanted = edited(c.model.weights, deltas);

    std::vector<WorkState> states;
    std::vector<bool> ends;
    double share = 0;
    WorkKeeper keeper;
    keeper.keep = [&](bool is_over, const std::function<WorkState()>& state) {
      states.push_back(state());
      ends.push_back(is_over);
    };
    const auto step = [&](double now_share, std::int64_t) {
      CHECK(now_share >= share);
      share = now_share;
    };
    const Weights after = rome.edit_in_sequence(c.model, records, step, keeper);
    CHECK(share == 1);
    CHECK(same_bits(after, wanted));
    const std::vector<torch::Tensor> mine = c.model.weights.parameters(),
                                     changed = after.parameters();
    int fresh = 0;
    for (std::size_t i = 0; i < mine.size(); ++i) fresh += !mine[i].is_same(changed[i]);
    CHECK(fresh == 1);
    // what is kept is that matrix alone, however many edits are done
    REQUIRE(states.size() == records.size());
    for (std::size_t i = 0; i < states.size(); ++i) {
      CHECK(states[i].tensors.size() == 1);
      CHECK(ends[i] == (i + 1 == states.size()));
      const WorkKeeper keeper = going_on_from(states[i]);
      CHECK(same_bits(rome.edit_in_sequence(c.model, records, no_step, keeper), wanted));
    }
  }
}

TEST_CASE("rome: an edit raises the probability of the new answer") {
  const EditCase c("gpt_neox");
  RomeSettings settings = rome_settings_of("plain");
  settings.value.steps = 1;
  const EditRecord record = edit_records()[1];
  const double before = edits_of(c, settings, {record}).front().search.loss;
  settings.value.steps = 14;
  const RomeEdit edit = edits_of(c, settings, {record}).front();
  settings.value.steps = 1;
  EditCase after = c;
  after.model.weights = edited(c.model.weights, std::vector<WeightDelta>{edit.delta()});
  CHECK(edits_of(after, settings, {record}).front().search.loss < before);
}

TEST_CASE("rome: what is wrong is named") {
  const EditCase c("llama");
  const RomeSettings settings = rome_settings_of("adjusted");
  std::vector<EditRecord> records = edit_records();
  records[1].subject = "Zoe";
  CHECK_THAT(input_error([&] { edits_of(c, settings, records); }),
             ContainsSubstring("record 9") && ContainsSubstring("'Zoe'"));
  CHECK_THAT(input_error([&] { edits_of(c, RomeSettings::preset("paper")); }),
             ContainsSubstring("layer 5") && ContainsSubstring("0 to 2"));
  CHECK_THAT(input_error([] { RomeSettings::preset("easy"); }),
             ContainsSubstring("easyedit-llama"));
  SecondMoments few = c.moments();
  few.tokens = 39;
  CHECK_THAT(
      input_error([&] { Rome(c.model, edit_contexts(), few, settings); }),
      ContainsSubstring("39 tokens") && ContainsSubstring("layer 1"));
  EditCase broken("llama");
  broken.model.weights = c.model.weights.clone(torch::kFloat32);
  broken.model.weights.norm.gain.fill_(std::numeric_limits<float>::infinity());
  CHECK_THROWS_WITH(edits_of(broken, settings),
                    ContainsSubstring("record 8") && ContainsSubstring("step 0"));
}

TEST_CASE("rome: a stop request gets through") {
  const EditCase c("llama");
  const Rome rome(c.model, edit_contexts(), c.moments(), rome_settings_of("plain"));
  CHECK_THROWS_AS(
      rome.edit(c.model, edit_records(), [](double, std::int64_t) { throw BugError("stop"); }),
      BugError);
}
