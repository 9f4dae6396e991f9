// SliCK's kinds of stage, each alone in memory on a tiny model.
#include <algorithm>
#include <cmath>

#include "../../../../src/studies/slick/evaluation.hpp"
#include "catch.hpp"
#include "expand_deck.hpp"
#include "facts.hpp"
#include "factsweep/model/decoding.hpp"
#include "factsweep/studies/slick/study.hpp"
#include "memory_workbench.hpp"
#include "tiny_directory.hpp"
#include "tiny_model.hpp"

using namespace factsweep;
using namespace factsweep::test;

namespace {

/// A study of one relation, its executor ready to run.
class Sweep {
 public:
  explicit Sweep(const std::vector<std::string>& overrides = {}, int answers = 1) {
    write_facts(folder_.path(), answers);
    const std::string text =
        "[run]\nstudy = slick\n[model]\npath = " + write_tiny_model(folder_ / "model").string() +
        "\n[data]\nrelations = P1\nood_relations = P2\nfacts = " + folder_.path().string() +
        "\n[label]\nquestions_per_relation = 12\ntest_questions_per_relation = 4\n"
        "exemplar_sets = 2\nshots = 1\nchunk = 8\nsamples = 5\n"
        "[slick]\ntrain_size = 4\nsize_rule = known_unknown\ndev_questions_per_relation = 3\n"
        "[train]\nepochs = 3\nbatch_size = 2\nlearning_rate = 1e-2\n"
        "[grid]\nunknown_ratio = 0.5\n";
    Expansion expansion = expand_deck(*slick::make_study(), text, overrides);
    plan = std::move(expansion.plan);
    executor = std::move(expansion.executor);
    executor->prepare("cpu");
  }

  std::size_t first(const std::string& kind) const {
    for (std::size_t i = 0; i < plan.stages.size(); ++i) {
      if (plan.stages[i].kind == kind) return i;
    }
    throw BugError("the plan has no stage " + kind);
  }

  /// Known and unknown by turns, whatever the model knows.
  void plant_labels(MemoryWorkbench& bench) const {
    for (std::size_t i = 0; i < plan.stages.size(); ++i) {
      if (plan.stages[i].kind != "label") continue;
      const Output& category = *plan.stages[i].find_output("/labels/base/category");
      std::vector<std::uint8_t> values(category.places[0].count[0]);
      for (std::size_t row = 0; row < values.size(); ++row) values[row] = row % 2 == 0 ? 0 : 3;
      bench.plant(i, category.name, Array::of(values));
    }
    bench.run(*executor, first("labelled"));
  }

  Plan plan;
  std::unique_ptr<Executor> executor;

 private:
  TemporaryFolder folder_;
};

template <typename T>
std::vector<T> values(const MemoryWorkbench& bench, std::size_t stage, const std::string& output) {
  const auto span = bench.output(stage, output).as<T>();
  return {span.begin(), span.end()};
}

/// Every output of the training, as bytes.
std::map<std::string, std::vector<std::byte>> bytes(const Sweep& sweep,
                                                    const MemoryWorkbench& bench,
                                                    std::size_t stage) {
  std::map<std::string, std::vector<std::byte>> all;
  for (const Output& output : sweep.plan.stages[stage].outputs)
    all[output.name] = bench.output(stage, output.name).bytes;
  return all;
}

}  // namespace

TEST_CASE("label: counts, probabilities and categories belong together", "[slick]") {
  const Sweep sweep;
  MemoryWorkbench bench(sweep.plan);
  const std::size_t stage = sweep.first("label");
  bench.run(*sweep.executor, stage);
  const auto p = values<float>(bench, stage, "/labels/base/p");
  const auto p_exact = values<float>(bench, stage, "/labels/base/p_exact");
  const auto drawn = values<std::int32_t>(bench, stage, "/labels/base/drawn");
  const auto p_sample = values<float>(bench, stage, "/labels/base/p_sample");
  const auto by_category = values<float>(bench, stage, "/labels/base/category_probability");
  const auto category = values<std::uint8_t>(bench, stage, "/labels/base/category");
  REQUIRE(category.size() == 8);
  REQUIRE(p.size() == 16);
  for (std::size_t row = 0; row < category.size(); ++row) {
    CHECK(p_exact[row] == Approx((p[2 * row] + p[2 * row + 1]) / 2).margin(1e-7));
    CHECK(p_sample[row] == Approx((drawn[2 * row] + drawn[2 * row + 1]) / 10.0));
    float sum = 0;
    for (std::size_t c = 0; c < 4; ++c) sum += by_category[4 * row + c];
    CHECK(sum == Approx(1).epsilon(1e-5));
    CHECK(by_category[4 * row + category[row]] > 0);
  }
  CHECK(bench.steps > 0);
  // again, and after other stages: the same
  MemoryWorkbench other(sweep.plan);
  other.run_all(*sweep.executor, "label");
  CHECK(
      (other.output(stage, "/labels/base/p").bytes == bench.output(stage, "/labels/base/p").bytes));
}

TEST_CASE("p_true: a probability of every test question", "[slick]") {
  const Sweep sweep;
  MemoryWorkbench bench(sweep.plan);
  const std::size_t stage = sweep.first("p_true");
  bench.run(*sweep.executor, stage);
  const auto p = values<float>(bench, stage, "/labels/base/p_true");
  CHECK(p.size() == 4);
  CHECK(std::all_of(p.begin(), p.end(), [](float one) { return one > 0 && one < 1; }));
  const Sweep raw({"--label.p_true=raw"});
  MemoryWorkbench other(raw.plan);
  other.run(*raw.executor, raw.first("p_true"));
  CHECK(values<float>(other, raw.first("p_true"), "/labels/base/p_true")[0] < p[0]);
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
      any_final = any_final || output.name.starts_with("final/");
    CHECK(any_final);
  }
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

TEST_CASE("questions: any accepted answer is right", "[slick]") {
  const Model model = tiny_model();
  const auto greedy = [&](const std::string& question) {
    const std::vector<TokenId> prompt =
        model.tokenizer->encode(slick::answer_prompt(question), true);
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
  const slick::QuestionSet set(model, questions, {.lead = "", .match = "strict", .max_tokens = 5},
                               false);
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

TEST_CASE("train: stopped anywhere and continued is uninterrupted", "[slick]") {
  const Sweep sweep({"--store.deltas=final"});
  const std::size_t stage = sweep.first("train");
  MemoryWorkbench whole(sweep.plan);
  sweep.plant_labels(whole);
  whole.run(*sweep.executor, stage);
  const auto expected = bytes(sweep, whole, stage);
  for (std::int64_t stop : {0, 1, 7, 12}) {
    const TemporaryFolder folder;
    MemoryWorkbench bench(sweep.plan);
    sweep.plant_labels(bench);
    bench.checkpoints = folder.path().string();
    bench.stop_at = stop;
    REQUIRE(stop < whole.steps);
    CHECK_THROWS_AS(bench.run(*sweep.executor, stage), StopRequested);
    const std::int64_t before = bench.steps;
    bench.stop_at = std::numeric_limits<std::int64_t>::max();
    bench.run(*sweep.executor, stage);
    // an evaluation that was stopped is done again, what was done before it is not
    CHECK(bench.steps - before <= whole.steps - (stop < 7 ? 0 : 5));
    CHECK((bytes(sweep, bench, stage) == expected));
    CHECK(std::filesystem::is_empty(folder.path()));
  }
}
