// F-Learning's plan: what is trained once, and what decides which stages are new.
#include <functional>
#include <map>
#include <set>

#include "catch.hpp"
#include "expand_deck.hpp"
#include "factsweep/core/file.hpp"
#include "factsweep/model/fingerprint.hpp"
#include "factsweep/studies/flearning/study.hpp"
#include "layout_page.hpp"
#include "tiny_directory.hpp"
#include "tiny_model.hpp"

using namespace factsweep;
using namespace factsweep::test;

namespace {

class Decks {
 public:
  using Change = std::function<void(nlohmann::json& records)>;
  explicit Decks(const Change& change = nullptr, const std::string& file = "edits.json")
      : edits_(folder_.path() / file) {
    nlohmann::json records = nlohmann::json::array();
    for (int i = 0; i < 6; ++i) {
      const std::string number = std::to_string(i);
      records.push_back({{"case_id", i},
                         {"subject", "person" + number},
                         {"prompt", "The town of person" + number + " is"},
                         {"rephrase_prompt", "person" + number + " lives in"},
                         {"ground_truth", "old" + number},
                         {"target_new", i == 5 ? "old5" : "new" + number},
                         {"locality_prompt", "The sea is"},
                         {"locality_ground_truth", "blue"}});
    }
    if (change) change(records);
    write_file(edits_, records.dump());
    write_file(folder_.path() / "text.txt", "a text\n");
  }

  Plan expand(const std::vector<std::string>& overrides) const {
    const std::string text =
        "[run]\nstudy = flearning\n[model]\npath = " + model_data("llama-tied").string() +
        "\n[data]\nedits = " + edits_.string() +
        "\n[edit]\nlayers = 0, 1\nft_c_layer = 1\ntext = " + (folder_.path() / "text.txt").string() + "\n";
    return expand_deck(flearning::make_study(), text, overrides).plan;
  }

 private:
  TemporaryFolder folder_;
  std::filesystem::path edits_;
};

std::map<std::string, int> kinds(const Plan& plan) {
  std::map<std::string, int> count;
  for (const Stage& stage : plan.stages) ++count[stage.kind];
  return count;
}

std::set<std::string> keys(const Plan& plan, const std::string& kind) {
  std::set<std::string> all;
  for (const Stage& stage : plan.stages) {
    if (stage.kind == kind) all.insert(stage.key);
  }
  return all;
}

std::string message(const Decks& decks, const std::vector<std::string>& overrides) {
  try {
    decks.expand(overrides);
  } catch (const InputError& error) {
    return error.what();
  }
  return "no error";
}

std::uint64_t dataset_rows(const Plan& plan) {
  for (const DatasetSpec& spec : plan.datasets) {
    if (spec.path == "/records/edits/row") return spec.shape.at(0);
  }
  return 0;
}

constexpr const char* kEight = "--grid.lambda=0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 0.9, 1";

}  // namespace

TEST_CASE("records that are longer than a model's positions are left out, or counted", "[flearning]") {
  const TemporaryFolder folder;
  const std::string bounded = write_family_model(folder / "gpt2", "gpt2").string(),  // 64 positions
      free = write_tiny_model(folder / "llama").string();                            // 1024
  const std::string many(70, 'x'), more(1100, 'x');
  const Decks decks([&](nlohmann::json& records) {
    records[1]["rephrase_prompt"] = many + " person1 lives in";
    records[3]["locality_ground_truth"] = more;
  });
  const auto notes = [&](const std::string& model) {
    std::string all;
    const Plan plan = decks.expand({"--grid.model=" + model});
    for (const std::string& note : plan.notes) all += note + "\n";
    return std::pair{all, dataset_rows(plan)};
  };
  const auto [left_out, kept] = notes(bounded);
  CHECK(kept == 3);  // the last one teaches nothing new
  CHECK(left_out.find("2 records are left out: asked or taught as the deck says it is a text of more "
                      "tokens than the model has positions (") != std::string::npos);
  CHECK(left_out.find("record 2: ") != std::string::npos);
  CHECK(left_out.find(" of 64") != std::string::npos);
  const auto [used, all] = notes(free);
  CHECK(all == 5);
  CHECK(used.find("1 record is used though asked or taught as the deck says it is a text of more "
                  "tokens than the model was trained with (") != std::string::npos);
  CHECK(used.find(" of 1024") != std::string::npos);
  CHECK(notes(bounded + ", " + free).second == 3);  // both are asked the same
}

TEST_CASE("what ROME and MEMIT take is foreseen by their edits, texts and layers", "[flearning]") {
  const Decks decks;
  const auto edit = [&](const std::string& method, std::vector<std::string> more = {}) {
    more.push_back("--grid.method=" + method);
    for (const Stage& stage : decks.expand(more).stages) {
      if (stage.kind == "edit") return stage;
    }
    throw BugError("no edit stage");
  };
  const Stage rome = edit("rome"), memit = edit("memit");
  CHECK(rome.cost_flop > 2 * memit.cost_flop);  // it has more contexts
  const double once = edit("rome", {"--edit.records=1"}).cost_flop,
               each = edit("rome", {"--edit.records=2"}).cost_flop - once;
  CHECK(each > 0);
  CHECK(once > each);  // contexts are sampled once
  // second moments in float64: of two layers, their sum and its factor
  const double side = static_cast<double>(
      ModelConfig::read(model_data("llama-tied")).mlp_width);
  CHECK(memit.memory_bytes - edit("memit", {"--edit.layers=1"}).memory_bytes ==
        Approx(8 * side * side).epsilon(1e-3));
  CHECK(edit("rome", {"--store.deltas=none"}).memory_bytes < rome.memory_bytes);
}

TEST_CASE("eight lambdas cost ten trainings, and two when nothing is learned", "[flearning]") {
  const Decks decks;
  const Plan learned = decks.expand({kEight, "--grid.method=f_learning_ft"});
  CHECK(learned.points.size() == 8);
  CHECK(kinds(learned) == std::map<std::string, int>{{"original", 1}, {"delta", 1}, {"learn", 8}});
  const Plan forgotten = decks.expand({kEight, "--grid.method=forget_ft"});
  CHECK(kinds(forgotten) ==
        std::map<std::string, int>{{"original", 1}, {"delta", 1}, {"forget", 8}});
  // the same delta serves learning and forgetting, and each seed has its own
  const Plan both = decks.expand(
      {kEight, "--grid.method=forget_ft, f_learning_ft, original, ft", "--grid.seed=1, 2"});
  CHECK(kinds(both) ==
        std::map<std::string, int>{{"original", 2}, {"delta", 2}, {"forget", 16}, {"learn", 18}});
}

TEST_CASE("editors share the second moments, and the search is a stage of its own", "[flearning]") {
  const Decks decks;
  const Plan editors =
      decks.expand({"--grid.method=ft_c, memit", "--edit.presets=paper, easyedit-llama"});
  CHECK(kinds(editors) ==
        std::map<std::string, int>{{"original", 1}, {"edit", 4}, {"second_moment", 1}});
  const Plan searched = decks.expand(
      {"--grid.method=forget_lora, f_learning_lora, f_learning_lora_ft", "--search.locality=0.9"});
  CHECK(kinds(searched) ==
        std::map<std::string, int>{
            {"original", 1}, {"delta", 1}, {"search", 1}, {"forget", 2}, {"learn", 4}});
}

TEST_CASE("records that teach nothing are left out, and what cannot be is an error",
          "[flearning]") {
  const Decks decks;
  const Plan plan = decks.expand({});
  CHECK(std::get<std::int64_t>(plan.points.front().values[6]) == 5);
  CHECK(message(decks, {"--data.records=6"}).find("data.records = 6: ") != std::string::npos);
  CHECK(message(decks, {"--data.records=6"}).find(" has 5 usable records.") != std::string::npos);
  CHECK(message(decks, {"--grid.layers=1-7"}).find("no range of the model's layers") !=
        std::string::npos);
  CHECK(message(decks, {"--grid.lambda=nan"}).find("grid.lambda") != std::string::npos);
  CHECK(message(decks, {"--lora.rank=4"}).find("has no effect") != std::string::npos);
  CHECK(message(decks, {"--flearning.train_template=Question:"}).find("has no {prompt}") !=
        std::string::npos);
}

TEST_CASE("what is not used or not measured of records is said, and is not called left out",
          "[flearning]") {
  const Plan plan = Decks([](nlohmann::json& records) {
                      records[2]["generation_prompts"] = {"person2's town has"};
                      records[3].erase("rephrase_prompt");
                    }).expand({});
  CHECK(std::get<std::int64_t>(plan.points.front().values[6]) == 5);
  REQUIRE(plan.notes.size() == 3);
  CHECK_THAT(plan.notes[0], Catch::Matchers::ContainsSubstring(
                                "1 record is left out: the new answer equals the old one (") &&
                                Catch::Matchers::EndsWith("edits.json:1: record 6)"));
  CHECK(
      plan.notes[1].ends_with("1 record has no rephrasing: it is used, and that is not measured"));
  CHECK(plan.notes[2].ends_with("not used of 1 record: 'generation_prompts'"));
  std::map<std::string, std::int64_t> counts;
  for (const DatasetSpec& spec : plan.datasets) {
    for (const char* name : {"left_out", "not_measured", "not_used"}) {
      if (spec.path == std::string("/records/edits/") + name)
        counts[name] = spec.content.as<std::int64_t>()[0];
    }
  }
  CHECK(counts ==
        std::map<std::string, std::int64_t>{{"left_out", 1}, {"not_measured", 1}, {"not_used", 1}});
}

TEST_CASE("a method is given the records that it can use", "[flearning]") {
  using Counts = std::map<std::string, std::string>;
  const auto left_out = [](const Plan& plan) {
    std::map<std::string, std::vector<std::string>> texts;
    for (const DatasetSpec& spec : plan.datasets) {
      if (spec.path.starts_with("/records/edits/left_out_"))
        texts[spec.path] = spec.content.as_text();
    }
    Counts found;
    const auto& why = texts["/records/edits/left_out_reason"];
    for (std::size_t i = 0; i < why.size(); ++i) {
      const std::string& first = texts["/records/edits/left_out_first"].at(i);
      found[why[i]] = first.substr(first.rfind("record"));
    }
    return found;
  };
  const char* equal = "the new answer equals the old one";
  const Decks some([](nlohmann::json& records) {
    records[0].erase("ground_truth");
    records[1]["subject"] = "nobody";
    records[2].erase("subject");
  });
  CHECK(left_out(some.expand({"--grid.method=original, ft, ft_c"})) == Counts{{equal, "record 6"}});
  CHECK(left_out(some.expand({"--grid.method=ft, forget_ft"})) ==
        Counts{{equal, "record 6"}, {"no old answer, and a method forgets it", "record 1"}});
  CHECK(left_out(some.expand({"--grid.method=rome"})) ==
        Counts{{equal, "record 6"},
               {"the subject is not in the prompt", "record 2"},
               {"no subject, and a method looks it up", "record 3"}});
  const Decks none([](nlohmann::json& records) {
    for (nlohmann::json& record : records) {
      record.erase("ground_truth");
      record.erase("subject");
    }
  });
  const Plan plan = none.expand({"--grid.method=ft, f_learning_ft, memit"});
  CHECK(kinds(plan) == std::map<std::string, int>{{"original", 1}, {"learn", 1}});
  CHECK(plan.points.size() == 1);
  CHECK_THAT(plan.notes.at(0), Catch::Matchers::ContainsSubstring("methods that forget are left"));
  CHECK_THAT(plan.notes.at(1), Catch::Matchers::ContainsSubstring("(rome, rome_reset, memit)"));
  CHECK_THAT(message(none, {"--grid.method=memit"}),
             Catch::Matchers::ContainsSubstring("has no method"));
}

TEST_CASE("records that lack what a method needs are bad ones of the file", "[flearning]") {
  const Decks lost([](nlohmann::json& records) {
    for (int i = 0; i < 2; ++i) records[i]["subject"] = "nobody";
    records[2]["subject"] = "person";  // of person2
  });
  CHECK(message(lost, {"--grid.method=ft"}) == "no error");
  CHECK_THAT(message(lost, {"--grid.method=ft, rome"}),
             Catch::Matchers::ContainsSubstring("4 of its 6 records are bad, more than "
                                                "data.bad_records = 0.05 allows (3)") &&
                 Catch::Matchers::ContainsSubstring("1 of them: the subject is in the prompt as a "
                                                    "part of a longer word alone") &&
                 Catch::Matchers::ContainsSubstring("leave out of grid.method"));
  CHECK(message(lost, {"--grid.method=ft, rome", "--data.bad_records=0.7"}) == "no error");
  CHECK_THAT(message(lost, {"--grid.method=ft", "--data.bad_records=0"}),
             Catch::Matchers::ContainsSubstring("1 of its 6 records is bad"));
  const Decks fresh([](nlohmann::json& records) {
    for (int i = 0; i < 4; ++i) records[i].erase("ground_truth");
  });
  CHECK(message(fresh, {"--grid.method=ft"}) == "no error");
  CHECK_THAT(message(fresh, {"--grid.method=f_learning_ft"}),
             Catch::Matchers::ContainsSubstring("4 of them: no old answer"));
}

TEST_CASE("no unrelated question is the prompt of a chosen record", "[flearning]") {
  const Decks decks([](nlohmann::json& records) {
    records[1]["locality_prompt"] = "The town of person0 is";
    records[2]["rephrase_prompt"] = records[2]["prompt"];
  });
  const auto said = [&](const std::vector<std::string>& overrides) {
    std::string all;
    for (const std::string& note : decks.expand(overrides).notes) all += note + "\n";
    return all;
  };
  const std::string all = said({});
  CHECK_THAT(all, Catch::Matchers::ContainsSubstring("1 question is left out: a locality prompt is "
                                                     "the prompt of an edit (") &&
                      Catch::Matchers::ContainsSubstring("record 2: The town of person0 is)") &&
                      Catch::Matchers::ContainsSubstring("1 question is left out: a rephrasing is "
                                                         "the prompt itself (") &&
                      Catch::Matchers::ContainsSubstring("1 record has no locality prompt that can "
                                                         "be used: it is used, and"));
  // where one of the two is not chosen, nothing contradicts
  int without = 0;
  for (int seed = 0; seed < 8; ++seed)
    without += said({"--data.records=1", "--data.seed=" + std::to_string(seed)})
                   .find("the prompt of an edit") == std::string::npos;
  CHECK(without == 8);
}

TEST_CASE("an editor's layers are the model's", "[flearning]") {
  const Decks decks;
  CHECK_THAT(message(decks, {"--grid.method=memit", "--edit.layers=1, 2"}),
             Catch::Matchers::ContainsSubstring("edit.layers") &&
                 Catch::Matchers::ContainsSubstring("memit with preset paper would edit layer 2") &&
                 Catch::Matchers::ContainsSubstring("layers 0 to 1"));
  CHECK_THAT(message(decks, {"--grid.method=ft_c", "--edit.ft_c_layer=-1"}),
             Catch::Matchers::ContainsSubstring("edit.ft_c_layer"));
  CHECK(message(decks, {"--grid.method=ft", "--edit.layers=1, 2"}) == "no error");
}

TEST_CASE("the original model may be the model as it is", "[flearning]") {
  const Decks decks;
  const std::string methods = "--grid.method=original, ft, f_learning_lora, memit";
  const Plan trained = decks.expand({methods}), as_is = decks.expand({methods, "--original.train=off"});
  for (const char* kind : {"original", "delta", "learn", "edit"}) {
    for (const std::string& key : keys(as_is, kind)) CHECK(keys(trained, kind).count(key) == 0);
  }
  const auto outputs = [](const Plan& plan) {
    std::set<std::string> names;
    for (const Stage& stage : plan.stages) {
      if (stage.kind != "original") continue;
      for (const Output& output : stage.outputs) names.insert(output.name);
    }
    return names;
  };
  CHECK(outputs(trained).count("final/model.norm.weight") == 1);
  CHECK(outputs(as_is).count("final/model.norm.weight") == 0);
  CHECK(outputs(as_is).count("/tuning/{key}/loss") == 0);
  CHECK(keys(decks.expand({methods, "--original.train=off", "--original.epochs=9"}), "original") ==
        keys(as_is, "original"));
}

TEST_CASE("questions beyond the first of a kind are in the file and in the keys", "[flearning]") {
  const Decks decks, ported([](nlohmann::json& records) {
    records[1]["portability_prompt"] = "The river of {}'s town is";
    records[1]["portability_answer"] = {"Po", "the Po"};
    records[1]["target_new"] = {"new1", "New 1"};
  });
  const auto datasets = [](const Plan& plan) {
    std::map<std::string, std::vector<std::string>> texts;
    for (const DatasetSpec& spec : plan.datasets) {
      const bool further = spec.path.find("/records/edits/question_") == 0;
      if (further || spec.path.find("portability") != spec.path.npos)
        texts[spec.path] = spec.dtype == DType::text ? spec.content.as_text() : std::vector<std::string>{};
    }
    return texts;
  };
  CHECK(datasets(decks.expand({})).empty());
  const auto found = datasets(ported.expand({}));
  const std::vector<std::string> kinds = {"new answer", "portability", "portability"},
                                 answers = {"New 1", "Po", "the Po"};
  CHECK(found.at("/records/edits/question_kind") == kinds);
  CHECK(found.at("/records/edits/question_answer") == answers);
  CHECK(found.at("/records/edits/question_prompt").at(1) == "The river of person1's town is");
  for (const char* path : {"/points/portability", "/points/portability_exact",
                           "/outcomes/portability", "/records/edits/question_record"})
    CHECK(found.count(path) == 1);
  CHECK(keys(decks.expand({}), "learn") != keys(ported.expand({}), "learn"));
}

TEST_CASE("docs/layout.md describes every dataset of F-Learning", "[flearning]") {
  const Decks decks([](nlohmann::json& records) {
    records[1]["portability_prompt"] = "The river of {}'s town is";
    records[1]["portability_answer"] = {"Po", "the Po"};
    records[2].erase("rephrase_prompt");
    records[3]["prompt"] = 7;
    records[4]["prompt"] = records[1]["prompt"];
  });
  for (const std::vector<std::string>& deck :
       {std::vector<std::string>{"--store.deltas=final", "--flearning.cases=2"},
        {"--grid.method=ft_c, rome, rome_reset, memit"}})
    CHECK(undescribed(paths_of(decks.expand(deck))) == std::vector<std::string>());
}

TEST_CASE("models whose folders share a name are told apart", "[flearning]") {
  const Decks decks;
  const TemporaryFolder folder;
  std::string models;
  for (const char* run : {"run-a", "run-b"}) {
    const auto model = folder.path() / run / "checkpoint-500";
    std::filesystem::create_directories(model.parent_path());
    std::filesystem::copy(model_data("llama-tied"), model);
    models += (models.empty() ? "" : ", ") + model.string();
  }
  const std::string other = model_data("families/gpt2").string();
  const auto named = [](const Plan& plan) {
    std::set<std::string> names;
    for (const Point& point : plan.points) {
      const std::string name = std::get<std::string>(point.values[4]);
      CHECK(point.id.find("-" + name + "-") != std::string::npos);
      names.insert(name);
    }
    return names;
  };
  const Plan both = decks.expand({"--grid.model=" + models + ", " + other});
  CHECK(named(both) ==
        std::set<std::string>{"run-a-checkpoint-500", "run-b-checkpoint-500", "gpt2"});
  CHECK(named(decks.expand({"--grid.model=" + other + "/."})) == std::set<std::string>{"gpt2"});
  // the same model under two paths
  CHECK(message(decks, {"--grid.model=" + other + ", " + other + "/../gpt2/"}).find("twice") !=
        std::string::npos);
}

TEST_CASE("weights are stored with what tells their base model from others", "[flearning]") {
  const Decks decks;
  const std::string llama = model_data("llama-tied").string(),
                    gpt2 = model_data("families/gpt2").string();
  const Plan plan = decks.expand({"--grid.model=" + llama + ", " + gpt2, "--store.deltas=final"});
  std::map<std::string, std::string> texts;
  for (const DatasetSpec& spec : plan.datasets) {
    if (spec.path.find("/about/") != std::string::npos)
      texts[spec.path] = spec.content.as_text().at(0);
  }
  const std::set<std::string> fingerprints = {texts.at("/deltas/full/about/base_fingerprint"),
                                              texts.at("/deltas/full_2/about/base_fingerprint")};
  CHECK(fingerprints ==
        std::set<std::string>{weights_fingerprint(llama), weights_fingerprint(gpt2)});
  const std::set<std::string> models = {texts.at("/deltas/full/about/base_model"),
                                        texts.at("/deltas/full_2/about/base_model")};
  CHECK(models == std::set<std::string>{llama, gpt2});
}

TEST_CASE("norms of one order of models are not those of another") {
  const Decks decks;
  const std::string llama = model_data("llama-tied").string(),
                    gpt2 = model_data("families/gpt2").string();
  const Plan one = decks.expand({"--grid.model=" + llama + ", " + gpt2, "--grid.method=ft"}),
             other = decks.expand({"--grid.model=" + gpt2 + ", " + llama, "--grid.method=ft"});
  const std::set<std::string> first = keys(one, "learn"), second = keys(other, "learn");
  REQUIRE(first.size() == 2);
  REQUIRE(second.size() == 2);
  for (const std::string& key : first) CHECK(second.count(key) == 0);
}

TEST_CASE("what a deck changes decides which stages change", "[flearning]") {
  const Decks decks;
  const std::string methods =
      "--grid.method=original, ft, lora, forget_lora, f_learning_ft, ft_c, memit";
  const Plan plan = decks.expand({methods, "--search.locality=0.5"});
  const auto changed = [&](const std::string& change) {
    const Plan other = decks.expand({methods, "--search.locality=0.5", change});
    std::set<std::string> kinds_of_new;
    for (const Stage& stage : other.stages) {
      if (keys(plan, stage.kind).count(stage.key) == 0) kinds_of_new.insert(stage.kind);
    }
    return kinds_of_new;
  };
  using Kinds = std::set<std::string>;
  CHECK(changed("--run.output=elsewhere.h5") == Kinds{});
  CHECK(changed("--learn.epochs=7") == Kinds{"learn"});
  CHECK(changed("--edit.ft_c_bound=1") == Kinds{"edit"});
  CHECK(changed("--edit.text_tokens=50") == Kinds{"edit", "second_moment"});
  CHECK(changed("--search.evaluations=3") == Kinds{"search", "forget", "learn"});
  CHECK(changed("--store.deltas=none") == Kinds{});
  CHECK(changed("--forget.lora_learning_rate=1e-3") == Kinds{"delta", "search", "forget"});
  CHECK(changed("--grid.lambda=0.5") == Kinds{"learn"});
  CHECK(changed("--flearning.evaluation_template=Q: {prompt}") ==
        Kinds{"original", "delta", "search", "forget", "learn", "second_moment", "edit"});
}

TEST_CASE("a model and its records are known by what they are, not by their place or name",
          "[flearning]") {
  const Decks one, other, renamed(nullptr, "renamed.json");
  const auto keys_of = [](const Plan& plan) {
    std::vector<std::string> all;
    for (const Stage& stage : plan.stages) all.push_back(stage.key);
    return all;
  };
  const Plan here = one.expand({"--grid.method=memit, f_learning_lora"}),
             there = other.expand({"--grid.method=memit, f_learning_lora"});
  CHECK(keys_of(here) == keys_of(there));
  const Plan few = one.expand({"--data.records=3"}), of_renamed = renamed.expand({"--data.records=3"});
  CHECK(keys_of(few) == keys_of(of_renamed));
  CHECK(few.stages.front().title != of_renamed.stages.front().title);
  REQUIRE(here.inputs.size() == 3);
  CHECK(here.inputs[1].name == "data.edits edits");
  for (std::size_t i = 0; i < 3; ++i)
    CHECK(here.inputs[i].fingerprint == there.inputs.at(i).fingerprint);
  CHECK(here.inputs[2].place != there.inputs[2].place);
}

TEST_CASE("answers that the vocabulary cannot spell are counted, of each model", "[flearning]") {
  const Decks decks;
  const TemporaryFolder whole, poor;
  write_tiny_model(whole.path());
  write_tiny_model(poor.path());
  forget_character(poor.path(), "4");
  const Plan plan =
      decks.expand({"--grid.model=" + whole.path().string() + ", " + poor.path().string()});
  std::vector<std::string> warnings;
  for (const std::string& note : plan.notes) {
    if (note.find("spell") != note.npos) warnings.push_back(note);
  }
  REQUIRE(warnings.size() == 1);
  CHECK_THAT(warnings.front(),
             Catch::Matchers::ContainsSubstring("edits.json: no tokens of the model " +
                                                poor.path().string() + " spell 2 of 10") &&
                 Catch::Matchers::ContainsSubstring("'old4' to 'The town of person4 is'"));
}

TEST_CASE("keys do not change from one version to the next unseen", "[flearning]") {
  // Another value orphans the result files of all F-Learning sweeps: say in the commit why.
  const Plan plan = Decks().expand({"--grid.method=forget_ft, f_learning_ft, memit",
                                    "--search.locality=0.5", "--grid.lambda=0.3"});
  std::map<std::string, std::string> first;
  for (const Stage& stage : plan.stages) first.try_emplace(stage.kind, stage.key);
  CHECK(first == std::map<std::string, std::string>{{"original", "cd8a99432f45cd9f"},
                                                    {"delta", "9e8b132931c778c8"},
                                                    {"search", "e48359e7fd34f73b"},
                                                    {"forget", "14e812942f2d2170"},
                                                    {"learn", "6067e59a8a5114b6"},
                                                    {"second_moment", "5ada35491f9f5222"},
                                                    {"edit", "b513668cfda271e3"}});
}

TEST_CASE("bad records of a task beside the edits are left out, counted and named", "[flearning]") {
  const Decks decks;
  const TemporaryFolder folder;
  write_file(folder / "task.jsonl",
             "{\"question\": \"Why?\", \"answer\": \"So\"}\n{\"question\": \"Who?\", \"answer\": \"\"}\n");
  const Plan plan = decks.expand({"--ability.tasks=" + (folder / "task.jsonl").string()});
  CHECK_THAT(plan.notes.at(1),
             Catch::Matchers::ContainsSubstring(
                 "ability.tasks, task: 1 record is left out: the record has an empty 'answer' (") &&
                 Catch::Matchers::EndsWith("task.jsonl:2)"));
  std::set<std::string> sources;
  for (const DatasetSpec& spec : plan.datasets) {
    if (spec.path.starts_with("/sources/")) sources.insert(spec.path);
  }
  CHECK(sources.size() == 5);
}
