// SliCK expanded on a tiny facts folder: points, stages, and which decks share work.
#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <set>
#include <tuple>

#include "catch.hpp"
#include "expand_deck.hpp"
#include "facts.hpp"
#include "factsweep/studies/slick/study.hpp"
#include "layout_page.hpp"
#include "tiny_directory.hpp"
#include "tiny_model.hpp"

using namespace factsweep;
using namespace factsweep::test;
using Catch::Matchers::ContainsSubstring;

namespace {

class Decks {
 public:
  Decks() { write_facts(folder_.path()); }

  const std::filesystem::path& facts() const { return folder_.path(); }
  Plan expand(const std::vector<std::string>& overrides) const {
    return expansion(overrides).plan;
  }
  Expansion expansion(const std::vector<std::string>& overrides) const {
    const std::string text =
        "[run]\nstudy = slick\n[model]\npath = " + model_data("llama-tied").string() +
        "\n[data]\nfacts = " + folder_.path().string() +
        "\nood_relations = P3\n[label]\nexemplar_sets = 3\nshots = 2\nchunk = 10\n"
        "[train]\nepochs = 4\n[grid]\nseed = 1, 2\nunknown_ratio = 0, 0.5, 1\n";
    return expand_deck(slick::make_study(), text, overrides);
  }

 private:
  TemporaryFolder folder_;
};

std::set<std::string> keys(const Plan& plan, const std::string& kind) {
  std::set<std::string> result;
  for (const Stage& stage : plan.stages) {
    if (stage.kind == kind) result.insert(stage.key);
  }
  return result;
}

const DatasetSpec* dataset(const Plan& plan, const std::string& path) {
  for (const DatasetSpec& spec : plan.datasets) {
    if (spec.path == path) return &spec;
  }
  return nullptr;
}

}  // namespace

TEST_CASE("points, stages and what they share") {
  const Decks decks;
  const Plan plan =
      decks.expand({"--grid.variant=unknown_ratio, known_only, unknown, highly_known, natural"});
  // 3 ratios, 2 (nothing is left at 1), and three variants without ratio; 2 seeds each
  CHECK(plan.points.size() == 2 * (3 + 2 + 3));
  // known_only at 0 is unknown_ratio at 0, unknown is unknown_ratio at 1
  CHECK(keys(plan, "train").size() == 2 * (3 + 1 + 0 + 1 + 1));
  // chunks of 10: 2 relations of 25 train questions, 3 of 7 test questions; P(True) of test
  // questions
  CHECK(keys(plan, "label").size() == 2 * 3 + 3);
  CHECK(keys(plan, "p_true").size() == 3);
  std::set<std::string> ids;
  std::map<std::string, std::size_t> leaf;
  for (const Point& point : plan.points) {
    ids.insert(point.id);
    leaf[point.id] = point.leaf;
    CHECK(point.values.size() == plan.axes.size());
    CHECK(plan.stages.at(point.leaf).kind == "train");
  }
  CHECK(ids.size() == plan.points.size());
  CHECK(leaf.at("known_only-0-s1") == leaf.at("unknown_ratio-0-s1"));
  CHECK(leaf.at("unknown-s2") == leaf.at("unknown_ratio-1-s2"));
  CHECK(leaf.at("known_only-0.5-s1") != leaf.at("unknown_ratio-0.5-s1"));
  CHECK(leaf.at("unknown_ratio-0-s1") != leaf.at("unknown_ratio-0-s2"));
  for (std::size_t i = 0; i < plan.stages.size(); ++i) {
    const Stage& stage = plan.stages[i];
    CHECK((stage.cost_flop > 0 || stage.kind == "labelled"));
    // a training stands on one stage, however many label
    if (stage.kind == "train") CHECK(stage.upstream.size() == 1);
    if (stage.kind == "labelled") CHECK(stage.upstream.size() == 9);
    for (const std::size_t upstream : stage.upstream) {
      CHECK(upstream < i);
      CHECK(plan.stages[upstream].kind == (stage.kind == "train" ? "labelled" : "label"));
    }
  }
}

TEST_CASE("every element of every dataset is written once, by a stage or at creation") {
  const Plan plan = Decks().expand(
      {"--grid.variant=unknown_ratio, known_only, natural", "--store.deltas=early_stop+final"});
  std::map<std::string, std::uint64_t> written;
  for (const Stage& stage : plan.stages) {
    if (stage.kind == "labelled") continue;  // what the label stages wrote, once more
    for (const Output& output : stage.outputs) {
      for (const Slab& place : output.places) {
        const DatasetSpec* spec = dataset(plan, place.path);
        INFO(stage.title << " " << place.path.text());
        REQUIRE(spec != nullptr);
        REQUIRE(place.offset.size() == spec->shape.size());
        std::uint64_t elements = 1;
        for (std::size_t axis = 0; axis < spec->shape.size(); ++axis) {
          REQUIRE(place.offset[axis] + place.count[axis] <= spec->shape[axis]);
          elements *= place.count[axis];
        }
        written[place.path] += elements;
      }
    }
  }
  for (const DatasetSpec& spec : plan.datasets) {
    INFO(spec.path);
    std::uint64_t elements = 1;
    for (const std::uint64_t extent : spec.shape) elements *= extent;
    if (spec.path == "/labels/base/p_true") elements = 3 * kTest;  // test questions only
    CHECK((spec.content.bytes.empty() ? 0 : spec.content.size()) + written[spec.path] == elements);
  }
}

TEST_CASE("what a deck changes decides which stages change") {
  const Decks decks;
  const Plan plan = decks.expand({});
  const Plan again = decks.expand({"--run.output=elsewhere.h5", "--run.threads=2"});
  for (const char* kind : {"label", "p_true", "train"})
    CHECK(keys(again, kind) == keys(plan, kind));
  const Plan trained = decks.expand({"--train.learning_rate=3e-5"});
  CHECK(keys(trained, "label") == keys(plan, "label"));
  const auto one = keys(plan, "train"), two = keys(trained, "train");
  for (const std::string& key : two) CHECK(one.count(key) == 0);
  const Plan relabelled = decks.expand({"--label.seed=5"});
  for (const std::string& key : keys(relabelled, "label"))
    CHECK(keys(plan, "label").count(key) == 0);
  for (const std::string& key : keys(relabelled, "train")) CHECK(one.count(key) == 0);
  const auto more_seeds = keys(decks.expand({"--grid.seed=1..3"}), "train");
  CHECK(more_seeds.size() == 9);
  CHECK(std::includes(more_seeds.begin(), more_seeds.end(), one.begin(), one.end()));
}

TEST_CASE("swept training keys multiply the points and become axes") {
  const Plan plan =
      Decks().expand({"--grid.learning_rate=1e-5, 1e-4", "--grid.batch_size=8, 16, 32"});
  CHECK(plan.points.size() == 3 * 2 * 2 * 3);
  CHECK(keys(plan, "train").size() == plan.points.size());
  REQUIRE(plan.axes.size() == 5);
  CHECK(plan.axes[2].name == "learning_rate");
  CHECK(plan.axes[3].name == "batch_size");
  CHECK(plan.axes[4].name == "seed");
  CHECK(std::get<std::int64_t>(plan.points.front().values[3]) == 8);
}

TEST_CASE("LoRA points: axis, adapters instead of deltas, memory") {
  const Decks decks;
  const auto training = [](const Plan& plan, std::size_t point) {
    return plan.stages.at(plan.points.at(point).leaf);
  };
  const Plan swept = decks.expand({"--grid.lora_rank=0, 2, 4", "--store.deltas=final"});
  CHECK(swept.points.size() == 3 * 3 * 2);
  CHECK(keys(swept, "train").size() == swept.points.size());
  REQUIRE(swept.axes.size() == 4);
  CHECK(swept.axes[2].name == "lora_rank");
  CHECK(std::get<std::int64_t>(swept.points[2].values[2]) == 2);
  CHECK(swept.points[2].id == "unknown_ratio-0-lora_rank2-s1");
  const Stage full = training(swept, 0), lora = training(swept, 2);
  const std::string module =
      "/deltas/lora/final/base_model.model.model.layers.1.self_attn.v_proj.lora_";
  const DatasetSpec* A = dataset(swept, module + "A.weight");
  const DatasetSpec* B = dataset(swept, module + "B.weight");
  REQUIRE(A != nullptr);
  REQUIRE(B != nullptr);
  CHECK(A->shape == std::vector<std::uint64_t>{6, 2, 32});
  CHECK(B->shape == std::vector<std::uint64_t>{6, 16, 2});
  const DatasetSpec* config = dataset(swept, "/deltas/lora/about/adapter_config");
  REQUIRE(config != nullptr);
  const auto json = nlohmann::json::parse(config->content.as_text().at(0));
  CHECK(json.at("r") == 2);
  CHECK(json.at("base_model_name_or_path") == model_data("llama-tied").string());
  CHECK(dataset(swept, "/deltas/full/about/adapter_config") == nullptr);
  REQUIRE(dataset(swept, "/deltas/full/final/model.norm.weight") != nullptr);
  // another rank is another group
  REQUIRE(dataset(swept, "/deltas/lora_2/about/adapter_config") != nullptr);
  CHECK(dataset(swept, "/deltas/lora_3/stage") == nullptr);
  const auto stages = dataset(swept, "/deltas/lora/stage")->content.as<std::int64_t>();
  CHECK(static_cast<std::size_t>(stages[0]) == swept.points.at(2).leaf);
  const Output* output = lora.find_output("final/" + module.substr(19) + "A.weight");
  REQUIRE(output != nullptr);
  CHECK(output->places.at(0).offset == std::vector<std::uint64_t>{0, 0, 0});
  CHECK(output->places.at(0).count == std::vector<std::uint64_t>{1, 2, 32});
  CHECK(lora.cost_flop < full.cost_flop);

  // Masters and moments are 12 bytes a parameter, and in bfloat16 a weight beside them two. The few
  // examples hold less than what is asked between epochs; what passes hold is tested on the device.
  const Plan narrow = decks.expand({"--grid.lora_rank=0, 2, 4", "--model.dtype=bfloat16"});
  const auto memory = [&](const Plan& plan, std::size_t point) {
    return training(plan, point).memory_bytes;
  };
  const double rank_two = memory(swept, 4) - memory(swept, 2);
  double adapted = 0;
  for (const DatasetSpec& spec : swept.datasets) {
    if (spec.path.starts_with("/deltas/lora/final/"))
      adapted += static_cast<double>(spec.shape[1] * spec.shape[2]);
  }
  CHECK(rank_two == Approx(12 * adapted));
  CHECK(memory(narrow, 4) - memory(narrow, 2) == Approx(14 * adapted));
  const double model =
      static_cast<double>(ModelConfig::read(model_data("llama-tied")).parameters());
  CHECK(memory(swept, 0) - memory(swept, 2) == Approx(12 * model - rank_two));
  // per layer and rank: inputs and outputs of q, k, v, o, gate, up, down (width 32, kv 16, MLP 24)
  CHECK(rank_two == 12 * 2 * 2 * ((32 + 32) + 2 * (32 + 16) + (32 + 32) + 3 * (32 + 24)));

  const Plan everywhere = decks.expand({"--train.method=lora", "--lora.bias=all"});
  CHECK(everywhere.points.size() == 6);
  const auto keys_of = [&](const std::vector<std::string>& changes) {
    return keys(decks.expand(changes), "train");
  };
  CHECK(keys_of({"--train.method=lora"}) != keys_of({"--train.method=lora", "--lora.alpha=8"}));
  const auto error = [&](const std::vector<std::string>& changes) {
    return input_error([&] { decks.expand(changes); });
  };
  CHECK_THAT(error({"--lora.rank=4"}),
             ContainsSubstring("lora.rank = 4") && ContainsSubstring("train.method = lora"));
  CHECK_THAT(error({"--train.method=lora", "--lora.targets=q_proj, quux"}),
             ContainsSubstring("command line: lora.targets") && ContainsSubstring("'quux'") &&
                 ContainsSubstring("model.layers.0.self_attn.q_proj"));
}

TEST_CASE("known patches: axes, ids, what they share, and the questions of other relations") {
  const Decks decks;
  const std::string variants = "--grid.variant=unknown_ratio, known_patch";
  const std::vector<std::string> deck = {
      variants, "--grid.patch_place=end, start, shuffled, none", "--grid.patch_share=0.1, 0.2",
      "--grid.patch_relations=same, other", "--data.other_relations=P2"};
  const Plan plan = decks.expand(deck);
  // a ratio and seed: D alone; with a patch at 3 places, of 2 shares, of 2 kinds of relations; none
  CHECK(plan.points.size() == 3 * 2 * (1 + 3 * 2 * 2 + 1));
  CHECK(keys(plan, "train").size() == 3 * 2 * (1 + 3 * 2 * 2));
  REQUIRE(plan.axes.size() == 6);
  CHECK(plan.axes[2].name == "patch_place");
  CHECK(plan.axes[3].name == "patch_relations");
  CHECK(plan.axes[4].name == "patch_share");
  std::map<std::string, const Point*> points;
  for (const Point& point : plan.points) points[point.id] = &point;
  CHECK(points.size() == plan.points.size());
  const Point &alone = *points.at("unknown_ratio-0.5-s1"),
              &none = *points.at("known_patch-0.5-none-s1"),
              &patched = *points.at("known_patch-0.5-start-other-0.2-s1");
  CHECK(none.leaf == alone.leaf);
  CHECK(std::get<std::string>(alone.values[2]).empty());
  CHECK(std::get<std::string>(none.values[2]) == "none");
  CHECK(std::get<std::string>(patched.values[2]) == "start");
  CHECK(std::get<std::string>(patched.values[3]) == "other");
  CHECK(std::get<double>(patched.values[4]) == 0.2);
  CHECK(std::isnan(std::get<double>(none.values[4])));
  // what a patch fills, points without one do not, so that a larger sweep takes their stages over
  CHECK(plan.stages[patched.leaf].find_output("/points/n_patch") != nullptr);
  CHECK(plan.stages[patched.leaf].find_output("/curves/fitted_patch") != nullptr);
  CHECK(plan.stages[alone.leaf].find_output("/points/n_patch") == nullptr);
  CHECK(dataset(plan, "/points/n_patch_weakly_known") != nullptr);
  CHECK(plan.stages[patched.leaf].cost_flop > plan.stages[alone.leaf].cost_flop);

  // P1 train, P2 train, P1 test, P3 test
  const auto roles = dataset(plan, "/labels/base/role")->content.as_text();
  REQUIRE(roles.size() == 2 * kTrain + 2 * kTest);
  CHECK(roles[kTrain - 1] == "id");
  CHECK(roles[kTrain] == "other");
  CHECK(roles[2 * kTrain] == "id");
  CHECK(roles.back() == "ood");
  CHECK(dataset(plan, "/variants/member")->shape ==
        std::vector<std::uint64_t>{plan.points.size(), 2 * kTrain});
  CHECK_THAT(plan.notes[0], ContainsSubstring("7 test questions of data.other_relations"));

  // without patches of other relations the trainings of D are those of a deck without patches
  const auto before = keys(decks.expand({}), "train"),
             after = keys(decks.expand({variants}), "train");
  CHECK(std::includes(after.begin(), after.end(), before.begin(), before.end()));
  CHECK(dataset(decks.expand({}), "/points/n_patch") == nullptr);

  const auto error = [&](const std::vector<std::string>& changes) {
    return input_error([&] { decks.expand(changes); });
  };
  CHECK_THAT(error({variants, "--grid.patch_relations=other"}),
             ContainsSubstring("grid.patch_relations") &&
                 ContainsSubstring("needs data.other_relations"));
  CHECK_THAT(error({variants, "--data.other_relations=P2"}),
             ContainsSubstring("grid.patch_relations lacks other"));
  CHECK_THAT(error({"--grid.patch_share=0.3"}), ContainsSubstring("grid.patch_share") &&
                                                    ContainsSubstring("lacks known_patch"));
  CHECK_THAT(error({variants, "--grid.patch_relations=other", "--data.other_relations=P3"}),
             ContainsSubstring("P3 is also in data.ood_relations"));
}

TEST_CASE("several models: each has its labels, and its stages are those of a sweep of its own") {
  const Decks decks;
  const std::string llama = model_data("llama-tied").string(),
                    gpt2 = model_data("families/gpt2").string();
  const auto of = [&](const std::string& models) {
    return decks.expand({"--grid.model=" + models, "--store.deltas=final"});
  };
  const Plan both = of(llama + ", " + gpt2), turned = of(gpt2 + ", " + llama);
  const Plan first = decks.expand({"--store.deltas=final"}),
             second = decks.expand({"--store.deltas=final", "--model.path=" + gpt2});
  for (const char* kind : {"label", "labelled", "p_true", "base_errors", "train"}) {
    INFO(kind);
    const auto a = keys(first, kind), b = keys(second, kind), all = keys(both, kind);
    CHECK(all.size() == a.size() + b.size());
    CHECK(std::includes(all.begin(), all.end(), a.begin(), a.end()));
    CHECK(std::includes(all.begin(), all.end(), b.begin(), b.end()));
    CHECK(keys(turned, kind) == all);
  }
  REQUIRE(both.axes.size() == 4);
  CHECK(both.axes[2].name == "model");
  CHECK(both.points.size() == 2 * first.points.size());
  std::map<std::string, std::size_t> leaf;
  for (const Point& point : both.points) leaf[point.id] = point.leaf;
  const Stage &of_llama = both.stages.at(leaf.at("unknown_ratio-0.5-llama-tied-s1")),
              &of_gpt2 = both.stages.at(leaf.at("unknown_ratio-0.5-gpt2-s1"));
  CHECK(keys(first, "train").contains(of_llama.key));
  CHECK(keys(second, "train").contains(of_gpt2.key));
  CHECK(of_gpt2.title == "train unknown_ratio-0.5-gpt2-s1");
  CHECK(of_gpt2.local.at("directory") == gpt2);
  CHECK(both.stages.at(of_gpt2.upstream.at(0)).title == "labelled gpt2");
  CHECK(of_llama.memory_bytes == first.stages.at(first.points.at(0).leaf).memory_bytes);
  CHECK(of_gpt2.memory_bytes == second.stages.at(second.points.at(0).leaf).memory_bytes);
  CHECK(both.model_bytes == std::max(first.model_bytes, second.model_bytes));

  // outputs have the same names, and lie in the group of their model
  for (const Plan* plan : {&both, &turned}) {
    const std::string other = plan == &both ? "gpt2" : "llama-tied";
    for (const Stage& stage : plan->stages) {
      const bool is_other = stage.local.contains("directory") &&
                            stage.local.at("directory") == (plan == &both ? gpt2 : llama);
      for (const auto& [kind, name, group] :
           {std::tuple{"label", "/labels/base/category", "/labels/"},
            {"p_true", "/labels/base/p_true", "/labels/"},
            {"base_errors", "/errors/row", "/errors/"}}) {
        if (stage.kind != kind) continue;
        const Output* output = stage.find_output(name);
        REQUIRE(output != nullptr);
        CHECK(output->places.at(0).path.text().starts_with(group + other + "/") == is_other);
        if (!is_other) CHECK(output->places.at(0).path == name);
      }
    }
    CHECK(dataset(*plan, "/labels/base/question") != nullptr);
    CHECK(dataset(*plan, "/labels/" + other + "/question") == nullptr);
    CHECK(dataset(*plan, "/labels/" + other + "/p_true") != nullptr);
    CHECK(dataset(*plan, "/errors/" + other + "/sampled")->content.size() == 100);
  }
  CHECK(dataset(both, "/deltas/full_2/stage") != nullptr);

  // the only one has its own axis, and nothing else
  const Plan one = of(llama);
  REQUIRE(one.axes.size() == 4);
  CHECK(std::get<std::string>(one.points.at(0).values[2]) == "llama-tied");
  CHECK(one.points.at(0).id == first.points.at(0).id);
  CHECK(one.datasets.size() == first.datasets.size());
  for (std::size_t i = 0; i < one.stages.size(); ++i) {
    CHECK(one.stages[i].key == first.stages.at(i).key);
    CHECK(one.stages[i].title == first.stages[i].title);
  }
  const TemporaryFolder folder;
  const auto error = [&](const std::string& name) {
    std::filesystem::copy(model_data("llama-tied"), folder / name);
    return input_error([&] { of(gpt2 + ", " + (folder / name).string()); });
  };
  for (const char* name : {"base", "dev_questions", "kind", "error"})
    CHECK_THAT(error(name), ContainsSubstring("grid.model") && ContainsSubstring(name) &&
                                ContainsSubstring("rename its folder"));
  CHECK_THAT(input_error([&] { of(gpt2 + ", " + gpt2 + "/."); }), ContainsSubstring("twice"));
}

TEST_CASE("labelling alone plans no point, and the decks' mistakes are told") {
  const Decks decks;
  const Plan plan = decks.expand({"--slick.stop_after=label", "--label.p_true=off"});
  CHECK(plan.points.empty());
  CHECK(plan.stages.size() == 9 + 1);  // and the base model's errors
  CHECK(decks.expand({"--slick.stop_after=label", "--label.p_true=off", "--errors.base_sample=0"})
            .stages.size() == 9);
  const Plan fewer = decks.expand({"--slick.stop_after=label", "--label.questions_per_relation=10",
                                   "--label.test_questions_per_relation=4"});
  CHECK(dataset(fewer, "/labels/base/category")->shape ==
        std::vector<std::uint64_t>{2 * 10 + 3 * 4});
  const auto error = [&](const std::string& change) {
    return input_error([&] { decks.expand({change}); });
  };
  CHECK_THAT(error("--label.exemplar_sets=12"), ContainsSubstring("P1") && ContainsSubstring("13"));
  CHECK_THAT(error("--data.relations=P1, P3"), ContainsSubstring("P3"));
  CHECK_THAT(error("--data.relations=P1, P9"), ContainsSubstring("P9"));
  CHECK_THAT(error("--label.keep_text=true"), ContainsSubstring("label.keep_text"));
}

TEST_CASE("records that differ are said, stored, and left out where the deck wants it") {
  const Decks decks;
  REQUIRE(decks.expand({}).notes.size() == 2);
  CHECK_THAT(
      decks.expand({}).notes[0],
      ContainsSubstring("not used, as the deck asks: 25 train questions of data.ood_relations"));
  CHECK_THAT(
      decks
          .expand({"--label.questions_per_relation=20", "--data.relations=P1",
                   "--slick.dev_questions_per_relation=5"})
          .notes[0],
      ContainsSubstring("7 dev questions beyond slick.dev_questions_per_relation, 1 relations "
                        "that neither data.relations nor data.ood_relations names, 5 train "
                        "questions beyond label.questions_per_relation, 25 train questions "
                        "of data.ood_relations"));
  CHECK(dataset(decks.expand({}), "/labels/not_used_reason")->content.as_text() ==
        std::vector<std::string>{"train questions of data.ood_relations"});
  CHECK(dataset(decks.expand({}), "/labels/left_out") == nullptr);
  nlohmann::json list = read_json(decks.facts() / "train/P1.train.json");
  list[1]["question"] = list[0]["question"];
  list[3] = list[2];
  list[4]["answers"] = {"here", "there"};
  write_file(decks.facts() / "train/P1.train.json", list.dump());

  const Plan kept = decks.expand({});
  const auto flags = dataset(kept, "/labels/base/ambiguous")->content.as<std::uint8_t>();
  CHECK(flags.size() == 24 + 25 + 3 * 7);
  CHECK(std::accumulate(flags.begin(), flags.end(), 0) == 2);
  REQUIRE(kept.notes.size() == 4);
  CHECK_THAT(kept.notes[0], ContainsSubstring(": 1 records left out: several answers"));
  CHECK_THAT(kept.notes[1], ContainsSubstring(": 2 of 70 labelled records ask 1 questions"));
  CHECK(dataset(kept, "/labels/left_out")->content.as<std::int64_t>()[0] == 1);

  const Plan fewer = decks.expand({"--data.repeated=drop"});
  REQUIRE(fewer.notes.size() == 5);
  CHECK(dataset(fewer, "/labels/base/ambiguous")->shape == std::vector<std::uint64_t>{67});
  const auto counts = dataset(fewer, "/labels/left_out")->content.as<std::int64_t>();
  const auto reasons = dataset(fewer, "/labels/left_out_reason")->content.as_text();
  const std::vector<std::string> wanted = {
      "again in its split (data.repeated)",
      "another record answers the question otherwise (data.repeated)", "several answers"};
  CHECK(reasons == wanted);
  CHECK(std::vector<std::int64_t>(counts.begin(), counts.end()) ==
        std::vector<std::int64_t>{1, 2, 1});
  CHECK(keys(fewer, "label").size() == keys(kept, "label").size());
}

TEST_CASE("merged records: all of their answers, stored, in the keys, and as exemplars the first") {
  const Decks decks;
  const std::string merge = "--data.repeated=merge", all = "--data.taught_answers=all";
  // without several answers nothing moves
  for (const char* kind : {"label", "p_true", "train"})
    CHECK(keys(decks.expand({merge, all}), kind) == keys(decks.expand({}), kind));
  CHECK(dataset(decks.expand({merge}), "/labels/base/aliases") == nullptr);

  nlohmann::json list = read_json(decks.facts() / "train/P1.train.json");
  list[1]["question"] = list[0]["question"];
  list[3] = list[2];
  list[4]["answers"] = {"here", "there", "here "};
  write_file(decks.facts() / "train/P1.train.json", list.dump());
  const Plan kept = decks.expand({}), merged = decks.expand({merge});
  const DatasetSpec* aliases = dataset(merged, "/labels/base/aliases");
  REQUIRE(aliases != nullptr);
  const auto texts = aliases->content.as_text();
  REQUIRE(texts.size() == 23 + 25 + 3 * 7);
  CHECK(texts[0] == R"(["town1"])");
  CHECK(texts[2] == R"(["there"])");
  CHECK(texts[1].empty());
  CHECK(dataset(merged, "/labels/base/answer")->content.as_text()[2] == "here");
  REQUIRE(merged.notes.size() == 4);
  CHECK_THAT(merged.notes[0], ContainsSubstring(": 2 records left out: asked before in its split"));
  CHECK_THAT(merged.notes[1],
             ContainsSubstring(": 2 of 69 labelled questions have several answers: any is right; "
                               "the first is taught"));
  const Plan in_turn = decks.expand({merge, all});
  CHECK_THAT(in_turn.notes[1], ContainsSubstring("all in turn are taught"));
  CHECK(keys(merged, "label") != keys(kept, "label"));
  CHECK(keys(in_turn, "label") == keys(merged, "label"));
  CHECK(keys(in_turn, "train") != keys(merged, "train"));

  nlohmann::json dev = read_json(decks.facts() / "dev/P1.dev.json");
  for (nlohmann::json& record : dev) record["answers"] = {record["answers"][0], "elsewhere"};
  write_file(decks.facts() / "dev/P1.dev.json", dev.dump());
  const auto shots =
      dataset(decks.expand({merge}), "/labels/base/exemplars/P1/answer")->content.as_text();
  CHECK(shots.size() == 3 * 2);
  for (const std::string& shot : shots) CHECK_THAT(shot, ContainsSubstring("town"));
}

TEST_CASE("a table of the same questions is the same study") {
  const Decks decks;
  const TemporaryFolder folder;
  std::string table = "relation,split,question,answer,subject\n";
  for (const char* relation : {"P1", "P2", "P3"}) {
    for (const std::string split : {"train", "dev", "test"}) {
      const std::string file = split + "/" + relation + "." + split + ".json";
      for (const nlohmann::json& record : read_json(decks.facts() / file)) {
        const auto question = record.at("question").get<std::string>();
        const std::string subject = question.substr(9, question.size() - 9 - 10);
        table += std::string(relation) + "," + split + "," + question + "," +
                 record.at("answers")[0].get<std::string>() + "," + subject + "\n";
      }
    }
  }
  write_file(folder / "questions.csv", table);
  const std::string facts = "--data.facts=" + (folder / "questions.csv").string();
  const Plan of_folder = decks.expand({}), of_table = decks.expand({facts});
  for (const char* kind : {"label", "p_true", "train"})
    CHECK(keys(of_table, kind) == keys(of_folder, kind));
  CHECK(of_table.notes.size() == 2);
  CHECK(dataset(of_table, "/labels/note") == nullptr);

  const Plan drawn = decks.expand({facts, "--data.split=none", "--data.split_shares=0.5,0.3,0.2"});
  REQUIRE(drawn.notes.size() == 3);
  CHECK_THAT(drawn.notes[0], ContainsSubstring("no column 'none' (data.split)"));
  CHECK(dataset(drawn, "/labels/note")->content.as_text().at(0) == drawn.notes[0]);
  CHECK(dataset(drawn, "/labels/base/question")->shape == std::vector<std::uint64_t>{2 * 22 + 3 * 9});
  const auto error = [&](const std::vector<std::string>& changes) {
    return input_error([&] { decks.expand(changes); });
  };
  CHECK_THAT(error({facts, "--data.split_shares=0.5,0.5,0.5"}),
             ContainsSubstring("data.split_shares") && ContainsSubstring("add up to 1"));
  CHECK_THAT(error({"--data.question=frage"}),
             ContainsSubstring("data.question") && ContainsSubstring("data.facts is no table"));
  CHECK_THAT(error({facts, "--data.relations=P9"}), ContainsSubstring("no relation 'P9'"));
}

TEST_CASE("exemplars may be given") {
  const Decks decks;
  const TemporaryFolder folder;
  const std::string file = "--label.exemplars=" + (folder / "shots.csv").string();
  const auto expand = [&](const std::string& table, std::vector<std::string> more) {
    write_file(folder / "shots.csv", table);
    more.insert(more.end(), {file, "--label.shots=2", "--label.exemplar_sets=2"});
    return decks.expand(more);
  };
  const std::string four = "question,answer\nA?,a\nB?,b\nC?,c\nD?,d\n";
  const Plan plan = expand(four, {});
  for (const char* relation : {"P1", "P2", "P3"}) {
    const std::string base = std::string("/labels/base/exemplars/") + relation;
    CHECK(dataset(plan, base + "/question")->content.as_text() ==
          std::vector<std::string>{"A?", "B?", "C?", "D?"});
    CHECK(dataset(plan, base + "/answer")->content.as_text() ==
          std::vector<std::string>{"a", "b", "c", "d"});
  }
  CHECK(keys(plan, "label") !=
        keys(expand("question,answer\nA?,a\nB?,b\nD?,d\nC?,c\n", {}), "label"));
  const auto error = [&](const std::string& table, const std::vector<std::string>& more) {
    return input_error([&] { expand(table, more); });
  };
  CHECK_THAT(error(four + "E?,e\n", {}), ContainsSubstring("label.exemplars") &&
                                             ContainsSubstring("has 5 rows of relation P1") &&
                                             ContainsSubstring("2 x 2 are needed"));
  CHECK_THAT(error("question,answer,relation\nA?,a,P9\n", {}), ContainsSubstring("has 0 rows"));
  const std::string asked = dataset(plan, "/labels/base/question")->content.as_text().front();
  CHECK_THAT(error("question,answer\nA?,a\nB?,b\nC?,c\n" + asked + ",d\n", {}),
             ContainsSubstring("which is also asked"));
}

TEST_CASE("gold answers that the vocabulary cannot spell are counted") {
  const Decks decks;
  const TemporaryFolder model;
  write_tiny_model(model.path());
  const std::string path = "--model.path=" + model.path().string();
  CHECK(decks.expand({path}).notes.size() == 2);
  forget_character(model.path(), "9");  // of every split's "town9"
  const Plan plan = decks.expand({path});
  REQUIRE(plan.notes.size() == 3);
  CHECK(dataset(plan, "/labels/note")->content.as_text() == std::vector{plan.notes.front()});
  CHECK_THAT(plan.notes.front(),
             ContainsSubstring("spell 4 of 71") && ContainsSubstring("'town9'"));
}

TEST_CASE("prompts are in the keys of the stages that ask them") {
  const Decks decks;
  const Plan plain = decks.expand({});
  const auto moved = [&](const std::string& change) {
    const Plan plan = decks.expand({change});
    std::string kinds;
    for (const char* kind : {"label", "p_true", "base_errors", "train"})
      kinds += keys(plan, kind) == keys(plain, kind) ? "" : std::string(kind) + " ";
    return kinds;
  };
  CHECK(moved("--prompt.shot=\"Q: {question}\\nA: {answer}\\n\"").empty());
  CHECK(moved("--prompt.shot=Q: {question}\\nA: {answer}\\n").empty());
  CHECK(moved("--prompt.shot={question} {answer}\\n") == "label base_errors train ");
  CHECK(moved("--prompt.label={shots}{question}") == "label base_errors train ");
  CHECK(moved("--prompt.train={question}") == "train ");
  CHECK(moved("--prompt.idk=No idea") == "base_errors train ");
  CHECK(moved("--prompt.p_true={question} {answer}") == "p_true ");
  CHECK(moved("--prompt.p_true_yes=Yes") == "p_true ");
}

TEST_CASE("a bad prompt is named, and where it is") {
  const Decks decks;
  const auto error = [&](const std::vector<std::string>& changes) {
    return input_error([&] { decks.expand(changes); });
  };
  CHECK(error({"--prompt.label={shots}{frage}"}) ==
        "command line: prompt.label has the placeholder {frage}. It may have {question}, {shots}, "
        "{subject}, {relation}.");
  CHECK(error({"--prompt.label={question}"}) ==
        "command line: prompt.label lacks {shots}: '{question}'. It needs it once.");
  CHECK_THAT(error({"--prompt.train=Answer."}), ContainsSubstring("prompt.train lacks {question}"));
  CHECK_THAT(error({"--prompt.train={question}{question}"}),
             ContainsSubstring("has more than one {question}"));
  CHECK_THAT(error({"--prompt.train={question}{shots}"}),
             ContainsSubstring("prompt.train has the placeholder {shots}"));
  CHECK_THAT(error({"--prompt.shot={question}\\n"}), ContainsSubstring("lacks {answer}"));
  CHECK_THAT(error({"--prompt.shot={question} {answer}"}),
             ContainsSubstring("has nothing after {answer}"));
  CHECK_THAT(error({"--prompt.p_true={question}"}), ContainsSubstring("lacks {answer}"));
  CHECK_THAT(error({"--prompt.p_true_no=(A)"}), ContainsSubstring("same text as"));
  CHECK_THAT(error({"--prompt.idk=\"No\\nidea\""}),
             ContainsSubstring("prompt.idk has a line break"));
  const TemporaryFolder model;
  write_tiny_model(model.path());
  const std::string path = "--model.path=" + model.path().string();
  const Expansion unended = decks.expansion({path, "--prompt.shot={question} {answer}; "});
  CHECK_THAT(input_error([&] { unended.executor->check(); }),
             ContainsSubstring("prompt.shot = {question} {answer}; has ';' after {answer}"));
  decks.expand({"--prompt.label={question}", "--label.shots=0", "--label.exemplar_sets=1"});
}

TEST_CASE("a model is checked before it is loaded; of one without weights what is missing is told") {
  const Decks decks;
  const TemporaryFolder model;
  const auto check = [&](const std::filesystem::path& folder) {
    return decks.expansion({"--model.path=" + folder.string()}).executor->check();
  };
  CHECK_THAT(input_error([&] { check(model_data("llama-tied")); }),
             ContainsSubstring("llama-tied: ") && ContainsSubstring("tokenizer.json"));
  write_tiny_model(model / "whole");
  CHECK(check(model / "whole").empty());
  std::filesystem::create_directory(model / "config");
  std::filesystem::copy_file(model_data("llama-tied") / "config.json", model / "config/config.json");
  const std::vector<std::string> missing = check(model / "config");
  REQUIRE(missing.size() == 2);
  CHECK_THAT(missing[0], ContainsSubstring("config: neither model.safetensors nor"));
  CHECK_THAT(missing[1], ContainsSubstring("config: ") && ContainsSubstring("tokenizer.json"));
  std::filesystem::resize_file(model / "whole/model.safetensors", 1000);
  CHECK_THAT(input_error([&] { check(model / "whole"); }), ContainsSubstring("whole/model.safetensors: "));
}

TEST_CASE("docs/layout.md describes every dataset of SliCK") {
  const Decks decks;
  const std::string models =
      model_data("llama-tied").string() + ", " + model_data("families/gpt2").string();
  for (const std::vector<std::string>& deck :
       {std::vector<std::string>{"--grid.variant=unknown_ratio, known_patch",
                                 "--grid.patch_place=end, none", "--grid.patch_share=0.1",
                                 "--store.deltas=early_stop+final"},
        {"--label.estimator=sample", "--label.keep_text=true", "--train.method=lora",
         "--grid.lora_rank=2, 4", "--grid.learning_rate=1e-5, 1e-4", "--grid.batch_size=8, 16",
         "--grid.dropout=0, 0.1", "--store.deltas=final"},
        {"--grid.model=" + models, "--label.p_true=raw", "--errors.base_sample=4"}})
    CHECK(undescribed(paths_of(decks.expand(deck))) == std::vector<std::string>());
  CHECK(undescribed({"/labels/base/nonsense", "/labels/base/p_greedy", "/points/nonsense",
                     "/curves/fitted_known"}) ==
        std::vector<std::string>{"/labels/base/nonsense", "/points/nonsense"});
}

TEST_CASE("keys do not change from one version to the next unseen") {
  // Another value orphans the result files of all SliCK sweeps: say in the commit why it has to be.
  const Plan plan = Decks().expand({});
  std::map<std::string, std::string> first;
  for (const Stage& stage : plan.stages) first.try_emplace(stage.kind, stage.key);
  CHECK(first.at("label") == "62a21446d604921d");
  CHECK(first.at("p_true") == "9b91416f8d976f15");
  CHECK(first.at("base_errors") == "befc68cb8e2a9a44");
  CHECK(first.at("train") == "f0df04743fe6214a");
}
