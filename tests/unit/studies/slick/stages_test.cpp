// SliCK's kinds of stage, each alone in memory on a tiny model.
#include <algorithm>
#include <cmath>
#include <map>
#include <memory>
#include <set>

#include "../../../../src/studies/slick/evaluation.hpp"
#include "catch.hpp"
#include "factsweep/core/file.hpp"
#include "factsweep/core/utf8.hpp"
#include "factsweep/data/trim.hpp"
#include "factsweep/model/decoding.hpp"
#include "factsweep/studies/slick/study.hpp"
#include "slick_sweep.hpp"
#include "tiny_directory.hpp"
#include "tiny_model.hpp"

using namespace factsweep;
using namespace factsweep::test;

namespace {

using Sweep = SlickSweep;

}  // namespace

TEST_CASE("train: what ends an answer is what comes after it in an exemplar", "[slick]") {
  const auto loss = [](const std::vector<std::string>& overrides) {
    const Sweep sweep(overrides);
    MemoryWorkbench bench(sweep.plan);
    sweep.plant_labels(bench);
    bench.run(*sweep.executor, sweep.first("train"));
    return values<double>(bench, sweep.first("train"), "/curves/loss")[1];
  };
  const std::string shot = "--prompt.shot=\"Q: {question}\\nA: {answer}</s>\\n\"";
  CHECK(loss({shot}) == loss({"--slick.answer_end=eos"}));
  CHECK(loss({shot}) != loss({}));
  CHECK(loss({shot, "--slick.answer_end=newline"}) == loss({}));
}

TEST_CASE("what models said is kept, unless a deck says no", "[slick]") {
  const auto said_of = [](const Model& model, const std::string& prompt) {
    const auto answer = decode(model, {{model.tokenizer->encode(prompt, true), true, 0, 0}},
                               {.max_new_tokens = 8}, {}, [](std::int64_t) {});
    return std::string(utf8_prefix(readable_answer(answer[0][0].text), 9));
  };
  const std::vector<std::string> small = {"--label.text_bytes=9", "--label.max_new_tokens=8",
                                          "--slick.answer_max_tokens=8"};
  for (const char* estimator : {"exact", "sample"}) {
    std::vector<std::string> deck = small;
    deck.push_back(std::string("--label.estimator=") + estimator);
    const Sweep sweep(deck);
    MemoryWorkbench bench(sweep.plan);
    const std::size_t stage = sweep.first("label");
    bench.run(*sweep.executor, stage);
    const auto texts = [&](const std::string& name) {
      const auto found = std::find_if(sweep.plan.datasets.begin(), sweep.plan.datasets.end(),
                                      [&](const DatasetSpec& one) { return one.path == name; });
      return found->content.as_text();
    };
    const auto said = bench.output(stage, "/labels/base/greedy_answer").as_text();
    const Model model = Model::load(sweep.model(), torch::kFloat32, torch::Device("cpu"));
    const Question shot{"P1",
                        Split::dev,
                        texts("/labels/base/exemplars/P1/question")[0],
                        texts("/labels/base/exemplars/P1/answer")[0],
                        "",
                        -1};
    REQUIRE(said.size() == 8);
    for (std::size_t i = 0; i < said.size(); ++i) {
      const Question asked{"P1", Split::train, texts("/labels/base/question")[i], "", "", -1};
      CHECK(said[i] == said_of(model, Prompts().asked(std::vector{shot}, asked)));
    }
  }
  for (const char* fine_tuned : {"true", "false"}) {
    std::vector<std::string> deck = small;
    deck.push_back(std::string("--errors.fine_tuned=") + fine_tuned);
    const Sweep sweep(deck);
    MemoryWorkbench bench(sweep.plan);
    sweep.plant_labels(bench);
    const std::size_t stage = sweep.first("train");
    bench.run(*sweep.executor, stage);
    for (const std::string when : {"early_stop", "final"})
      CHECK(bench.output(stage, "/predictions/answer_" + when).as_text().size() == 8);
    CHECK(sweep.check_continued(bench, stage, 12) > 0);
  }
  const Sweep none({"--store.answers=false"});
  CHECK(none.plan.stages[none.first("label")].find_output("/labels/base/greedy_answer") == nullptr);
  CHECK(none.plan.stages[none.first("train")].find_output("/predictions/answer_final") == nullptr);
  CHECK(none.plan.stages[none.first("train")].key ==
        Sweep().plan.stages[Sweep().first("train")].key);
}

TEST_CASE("train: a loss that ends above where it began is told of", "[slick]") {
  for (const auto& [rate, rose] : {std::pair{"1e-2", 0}, std::pair{"1", 1}}) {
    const Sweep sweep({std::string("--train.learning_rate=") + rate});
    MemoryWorkbench bench(sweep.plan);
    sweep.plant_labels(bench);
    bench.run(*sweep.executor, sweep.first("train"));
    const auto loss = values<double>(bench, sweep.first("train"), "/curves/loss");
    INFO(rate << ": " << loss[1] << " to " << loss[3]);
    CHECK((loss[3] > loss[1] || loss[3] > std::log(64.0)) == (rose == 1));
    CHECK(values<std::uint8_t>(bench, sweep.first("train"), "/points/loss_rose")[0] == rose);
  }
}

TEST_CASE("prompts begin with the begin token once", "[slick]") {
  const auto begun = [](const std::vector<std::string>& overrides) {
    const auto write = [](const TemporaryFolder& folder) {
      std::string deck = write_slick_inputs(folder, 1);
      begin_texts(folder / "model");
      return deck;
    };
    return input_error([&] { StudySweep(slick::make_study(), write, overrides); });
  };
  CHECK(begun({}).empty());
  for (const std::string key : {"label", "train", "p_true"}) {
    const std::string text = key == "label"   ? "{shots}{question}"
                             : key == "train" ? "{question}"
                                              : "{question} {answer}";
    CHECK_THAT(begun({"--prompt." + key + "=<s>" + text}),
               Catch::Matchers::ContainsSubstring("prompt." + key) &&
                   Catch::Matchers::ContainsSubstring("begins with the model's begin token"));
  }
}

TEST_CASE("train: what is learnt, and what of it is told", "[slick]") {
  for (const char* method : {"full", "lora"}) {
    const Sweep sweep({std::string("--train.method=") + method, "--store.deltas=early_stop+final"});
    const std::size_t stage = sweep.first("train");
    MemoryWorkbench bench(sweep.plan);
    sweep.plant_labels(bench);
    bench.run(*sweep.executor, stage);
    const auto member = values<std::uint8_t>(bench, stage, "/variants/member");
    CHECK(std::count(member.begin(), member.end(), 1) == 4);
    CHECK(values<std::int64_t>(bench, stage, "/points/n_train")[0] == 4);
    CHECK(values<std::int64_t>(bench, stage, "/points/n_train_unknown")[0] == 2);
    const auto loss = values<double>(bench, stage, "/curves/loss");
    REQUIRE(loss.size() == 4);
    CHECK(std::isnan(loss[0]));
    CHECK(loss[3] < loss[1]);
    const auto test = values<double>(bench, stage, "/curves/accuracy_test");
    const auto best = values<std::int64_t>(bench, stage, "/points/epoch_early_stop")[0];
    CHECK(best >= 1);
    CHECK(values<double>(bench, stage, "/points/accuracy_test_final")[0] == test[3]);
    CHECK(values<double>(bench, stage, "/points/accuracy_test_early_stop")[0] ==
          test[static_cast<std::size_t>(best)]);
    bool any_final = false;
    for (const Output& output : sweep.plan.stages[stage].outputs)
      any_final = any_final || output.name.text().starts_with("final/");
    CHECK(any_final);
  }
}

TEST_CASE("train: a patch of known examples beside D", "[slick]") {
  const std::string variant = "--grid.variant=known_patch", share = "--grid.patch_share=0.5";
  // 12 train questions of P1, six of them known, of which two are in D; and then those of P3
  for (const char* relations : {"same", "other"}) {
    const bool is_other = std::string(relations) == "other";
    std::vector<std::string> deck = {variant, share,
                                     std::string("--grid.patch_relations=") + relations};
    if (is_other) deck.emplace_back("--data.other_relations=P3");
    const Sweep sweep(deck);
    const std::size_t stage = sweep.first("train");
    MemoryWorkbench bench(sweep.plan);
    sweep.plant_labels(bench);
    bench.run(*sweep.executor, stage);
    const auto member = values<std::uint8_t>(bench, stage, "/variants/member");
    REQUIRE(member.size() == (is_other ? 24 : 12));
    CHECK(std::count(member.begin(), member.begin() + 12, 1) == 4);
    CHECK(std::count(member.begin(), member.end(), 1) == 4);
    CHECK(std::count(member.begin(), member.end(), 2) == 2);
    CHECK(std::count(member.begin(), member.begin() + 12, 2) == (is_other ? 0 : 2));
    for (std::size_t row = 0; row < member.size(); ++row)
      CHECK((member[row] != 2 || row % 2 == 0));  // known
    const auto count = [&](const std::string& name) {
      return values<std::int64_t>(bench, stage, "/points/" + name)[0];
    };
    CHECK(count("n_train") == 4);
    CHECK(count("n_train_highly_known") == 2);
    CHECK(count("n_patch") == 2);
    CHECK(count("n_patch_highly_known") == 2);
    CHECK(count("n_patch_maybe_known") == 0);
    const auto fitted = values<double>(bench, stage, "/curves/fitted_patch");
    REQUIRE(fitted.size() == 4);
    for (const double one : fitted) CHECK((one == 0 || one == 0.5 || one == 1));
    CHECK(sweep.check_continued(bench, stage, 12) > 0);
  }
}

TEST_CASE("train: where a patch is trained decides what comes of it, none is D alone", "[slick]") {
  std::map<std::string, std::vector<double>> loss;
  for (const char* place : {"end", "start", "shuffled", "none"}) {
    const Sweep sweep({"--grid.variant=known_patch", "--grid.patch_share=0.5", "--train.dropout=0",
                       std::string("--grid.patch_place=") + place});
    MemoryWorkbench bench(sweep.plan);
    sweep.plant_labels(bench);
    bench.run(*sweep.executor, sweep.first("train"));
    loss[place] = values<double>(bench, sweep.first("train"), "/curves/loss");
    const auto member = values<std::uint8_t>(bench, sweep.first("train"), "/variants/member");
    CHECK(std::count(member.begin(), member.end(), 2) == (std::string(place) == "none" ? 0 : 2));
  }
  const Sweep alone({"--train.dropout=0"});
  MemoryWorkbench bench(alone.plan);
  alone.plant_labels(bench);
  bench.run(*alone.executor, alone.first("train"));
  CHECK(values<double>(bench, alone.first("train"), "/curves/loss")[3] == loss["none"][3]);
  std::set<double> last;
  for (const auto& [place, curve] : loss) last.insert(curve[3]);
  CHECK(last.size() == 4);
}

TEST_CASE("train: early stop may count right answers of all questions", "[slick]") {
  for (const char* rule : {"answered", "all"}) {
    const Sweep sweep(
        {"--grid.variant=idk", "--train.epochs=8", std::string("--slick.early_stop=") + rule});
    const std::size_t stage = sweep.first("train");
    MemoryWorkbench bench(sweep.plan);
    sweep.plant_labels(bench);
    bench.run(*sweep.executor, stage);
    const auto curve = [&](const std::string& name) {
      return values<double>(bench, stage, "/curves/" + name);
    };
    const auto score = curve(std::string(rule) == "all" ? "right_dev" : "accuracy_dev");
    std::int64_t best = 1;  // where no question is answered, accuracy is no number
    for (std::size_t epoch = 2; epoch < score.size(); ++epoch) {
      const double before = score[static_cast<std::size_t>(best)];
      if (std::isnan(before) || score[epoch] > before) best = static_cast<std::int64_t>(epoch);
    }
    CHECK(values<std::int64_t>(bench, stage, "/points/epoch_early_stop")[0] == best);
    CHECK(values<double>(bench, stage, "/points/right_dev_early_stop")[0] ==
          curve("right_dev")[static_cast<std::size_t>(best)]);
    const auto accuracy = curve("accuracy_test"), answered = curve("answered_test"),
               right = curve("right_test");
    REQUIRE(right.size() == 9);
    for (std::size_t epoch = 0; epoch < right.size(); ++epoch) {
      INFO("epoch " << epoch);
      CHECK(right[epoch] ==
            Approx(answered[epoch] == 0 ? 0 : accuracy[epoch] * answered[epoch]).margin(1e-12));
    }
  }
}

TEST_CASE("train: what is wrong is looked at, at both ends", "[slick]") {
  const Sweep sweep({"--grid.variant=idk", "--train.epochs=8"});
  const std::size_t stage = sweep.first("train");
  MemoryWorkbench bench(sweep.plan);
  sweep.plant_labels(bench);
  bench.run(*sweep.executor, stage);
  for (const std::string when : {"early_stop", "final"}) {
    const auto outcome = values<std::uint8_t>(bench, stage, "/predictions/correct_" + when);
    const auto kind = values<std::uint8_t>(bench, stage, "/predictions/kind_" + when);
    const auto f1 = values<float>(bench, stage, "/predictions/f1_" + when);
    REQUIRE(outcome.size() == 8);  // four of P1, four of P2
    double sum = 0, asked = 0;
    for (std::size_t i = 0; i < outcome.size(); ++i) {
      CHECK((kind[i] == 0) == (outcome[i] == 1));
      if (outcome[i] == 2) CHECK(kind[i] == 1);
      CHECK(std::isnan(f1[i]) == (outcome[i] == 2));
      if (outcome[i] == 1) CHECK(f1[i] == 1);
      if (i >= 4 || std::isnan(f1[i])) continue;
      sum += static_cast<double>(f1[i]);
      ++asked;
    }
    const double mean = values<double>(bench, stage, "/points/f1_test_" + when)[0];
    CHECK(std::isnan(mean) == (asked == 0));
    if (asked > 0) CHECK(mean == Approx(sum / asked));
  }
  const Sweep without({"--errors.fine_tuned=false"});
  CHECK(without.plan.stages[without.first("train")].find_output("/predictions/f1_final") ==
        nullptr);
}

TEST_CASE("base_errors: wrong answers, greedy and sampled, each of a question of its own",
          "[slick]") {
  const auto texts = [](const MemoryWorkbench& bench, std::size_t stage) {
    return bench.output(stage, "/errors/answer").as_text();
  };
  const Sweep sweep({"--errors.base_sample=7", "--label.max_new_tokens=8"});
  const std::size_t stage = sweep.first("base_errors");
  MemoryWorkbench bench(sweep.plan);
  bench.run(*sweep.executor, stage);
  const auto row = values<std::int64_t>(bench, stage, "/errors/row");
  const auto kind = values<std::uint8_t>(bench, stage, "/errors/kind");
  REQUIRE(row.size() == 7);
  const std::set<std::int64_t> greedy(row.begin(), row.begin() + 4),
      sampled(row.begin() + 4, row.end());
  CHECK(greedy.size() == 4);
  CHECK(sampled.size() == 3);
  CHECK(*greedy.begin() >= 0);
  CHECK(*sampled.begin() >= 0);
  for (const std::uint8_t one : kind) CHECK((one > 0 && one < 10));
  CHECK(std::any_of(kind.begin(), kind.end(), [](std::uint8_t one) { return one != 2; }));
  for (const std::string& text : texts(bench, stage)) CHECK(text.find('\n') == text.npos);
  // fewer are the first of more
  const Sweep fewer({"--errors.base_sample=3", "--label.max_new_tokens=8"});
  MemoryWorkbench other(fewer.plan);
  other.run(*fewer.executor, fewer.first("base_errors"));
  CHECK(texts(other, fewer.first("base_errors"))[1] == texts(bench, stage)[1]);
  CHECK(texts(other, fewer.first("base_errors"))[2] == texts(bench, stage)[4]);
  // more than there are questions: what is not found is left open
  const Sweep more({"--errors.base_sample=100", "--label.max_new_tokens=8"});
  MemoryWorkbench whole(more.plan);
  whole.run(*more.executor, more.first("base_errors"));
  CHECK(values<std::int64_t>(whole, more.first("base_errors"), "/errors/row")[49] == -1);
  CHECK(values<std::uint8_t>(whole, more.first("base_errors"), "/errors/kind")[99] == 255);
}

TEST_CASE("questions: any accepted answer is right", "[slick]") {
  const Model model = tiny_model();
  const auto greedy = [&](const std::string& question) {
    const std::vector<TokenId> prompt =
        model.tokenizer->encode("Answer the following question.\n" + question + "\n", true);
    const std::string text =
        decode(model, {{prompt, true, 0, 0}}, {.max_new_tokens = 5}, {}, [](std::int64_t) {})[0][0]
            .text;
    return std::string(AnswerMatcher::trimmed(text.substr(0, text.find('\n'))));
  };
  std::vector<Question> questions;
  for (const char* question : {"k", "ab", "zz b", "F e", "the cab", "J", "cb", "m"}) {
    const std::string said = greedy(question);
    if (said.empty()) continue;
    questions.push_back({"P1", Split::test, question, said + "b", "", -1});
    questions.push_back(questions.back());
    questions.back().aliases = {said + "a", said, said};
  }
  REQUIRE(questions.size() >= 6);
  const slick::QuestionSet set(
      model, questions, {.prompts = Prompts(), .lead = "", .match = {}, .max_tokens = 5}, false);
  const auto outcomes = set.ask(model, [](std::int64_t) {});
  for (std::size_t i = 0; i < outcomes.size(); ++i)
    CHECK(outcomes[i] == (i % 2 == 0 ? slick::kWrong : slick::kRight));
}

TEST_CASE("train: several answers are taught by the first, or all in turn", "[slick]") {
  const auto trained = [](const std::vector<std::string>& overrides, int aliases) {
    const Sweep sweep(overrides, aliases);
    MemoryWorkbench bench(sweep.plan);
    sweep.plant_labels(bench);
    const std::size_t stage = sweep.first("train");
    bench.run(*sweep.executor, stage);
    return values<double>(bench, stage, "/curves/loss");
  };
  const std::string merge = "--data.repeated=merge";
  const auto plain = trained({}, 1), first = trained({merge}, 3),
             all = trained({merge, "--data.taught_answers=all"}, 3);
  CHECK(first[1] == plain[1]);
  CHECK(first[3] == plain[3]);
  CHECK(all[1] == plain[1]);  // the first epoch teaches the first answer
  CHECK(all[2] > first[2]);
}

TEST_CASE("of several models each stage asks its own", "[slick]") {
  // of models in folders of these names; "other" turns positions faster
  const auto sweep_of = [](const std::vector<std::string>& names) {
    return std::make_unique<StudySweep>(
        slick::make_study(),
        [&](const TemporaryFolder& folder) {
          const std::string deck = write_slick_inputs(folder, 1);
          write_tiny_model(folder / "other");
          nlohmann::json config = read_json(folder / "other/config.json");
          config["rope_theta"] = 10.0;
          write_file(folder / "other/config.json", config.dump());
          std::string models;
          for (const std::string& name : names)
            models += (models.empty() ? "" : ", ") + (folder / name).string();
          return deck + "model = " + models + "\n";
        },
        std::vector<std::string>{"--label.p_true=raw", "--errors.base_sample=4"});
  };
  const auto both = sweep_of({"model", "other"});
  // the models by turns: a rank holds one at a time
  MemoryWorkbench bench(both->plan);
  std::vector<std::size_t> order(both->plan.stages.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    const auto rank = [&](std::size_t i) {
      const std::string& kind = both->plan.stages[i].kind;
      return kind == "train" ? 2 : kind == "labelled" ? 1 : 0;
    };
    return rank(a) != rank(b) ? rank(a) < rank(b) : a % 3 < b % 3;
  });
  std::set<std::string> directories;
  std::int64_t changes = -1;
  std::string last;
  for (const std::size_t stage : order) {
    if (both->plan.stages[stage].kind == "train") continue;  // tiny models know nothing
    bench.run(*both->executor, stage);
    if (!both->plan.stages[stage].local.contains("directory")) continue;
    const std::string directory = both->plan.stages[stage].local.at("directory");
    changes += directory != last ? 1 : 0;
    directories.insert(last = directory);
  }
  CHECK(directories.size() == 2);
  CHECK(changes > 2);
  std::vector<Array> p_true;
  for (const char* name : {"model", "other"}) {
    const auto alone = sweep_of({name});
    MemoryWorkbench own(alone->plan);
    for (const char* kind : {"label", "p_true", "base_errors"}) own.run_all(*alone->executor, kind);
    std::size_t compared = 0;
    for (std::size_t i = 0; i < alone->plan.stages.size(); ++i) {
      const Stage& stage = alone->plan.stages[i];
      if (stage.kind == "train" || stage.kind == "labelled") continue;
      const auto same =
          std::find_if(both->plan.stages.begin(), both->plan.stages.end(),
                       [&](const Stage& one) { return one.key == stage.key; });
      REQUIRE(same != both->plan.stages.end());
      for (const Output& output : stage.outputs) {
        INFO(stage.title << " " << output.name.text());
        const auto at = static_cast<std::size_t>(same - both->plan.stages.begin());
        CHECK((bench.output(at, output.name).bytes == own.output(i, output.name).bytes));
        ++compared;
      }
    }
    CHECK(compared > 30);
    p_true.push_back(own.output(alone->first("p_true"), "/labels/base/p_true"));
  }
  CHECK((p_true[0].bytes != p_true[1].bytes));
}

TEST_CASE("train: stopped anywhere and continued is uninterrupted", "[slick]") {
  const Sweep sweep({"--store.deltas=final"});
  const std::size_t stage = sweep.first("train");
  MemoryWorkbench whole(sweep.plan);
  sweep.plant_labels(whole);
  whole.run(*sweep.executor, stage);
  for (const std::int64_t stop : {0, 1, 7, 12}) {
    REQUIRE(stop < whole.steps);
    // an evaluation that was stopped is done again, what was done before it is not
    CHECK(sweep.check_continued(whole, stage, stop) <= whole.steps - (stop < 7 ? 0 : 5));
  }
  sweep.check_seconds(whole, stage, 7);
}
