// Examples that are longer than the model's positions, found before any work.
#include <algorithm>

#include "decks.hpp"
#include "tiny_directory.hpp"

using namespace factsweep;
using namespace factsweep::test;
using Catch::Matchers::ContainsSubstring;

namespace {

std::string notes_text(const Plan& plan) {
  std::string all;
  for (const std::string& note : plan.notes) all += note + "\n";
  return all;
}

}  // namespace

TEST_CASE("kshot: examples that the model cannot read are left out, those beyond its training counted") {
  const TemporaryFolder folder;
  const std::string bounded = write_family_model(folder / "gpt2", "gpt2").string(),  // 64 positions
      free = write_tiny_model(folder / "llama").string();                            // 1024
  Decks decks;
  nlohmann::json train = task_records("one", 20), test = task_records("test", 5),
                 open = task_records("open", 30), learnt = task_records("b1", 20);
  train[4]["output"] = std::string(80, 'x');
  test[2]["instruction"] = std::string(80, 'y');
  open[7]["instruction"] = std::string(80, 'z');
  learnt[0]["output"] = std::string(2000, 'x');
  decks.write("one.json", train.dump());
  decks.write("one_test.json", test.dump());
  decks.write("open.json", open.dump());
  decks.write("b1.json", learnt.dump());
  const auto plan = [&](const std::string& model, std::vector<std::string> more = {}) {
    more.insert(more.end(), {"--model.path=" + model, "--grid.method=base, lora",
                             "--kshot.template=Q: {instruction}{input}\\nA:", "--grid.task=one",
                             "--lora.targets=all-linear"});
    return decks.expand(more);
  };
  const Plan left_out = plan(bounded);
  const std::string notes = notes_text(left_out);
  const std::string why = "asked or taught as the deck says it is a text of more tokens than the model ";
  for (const char* source : {"task 'one', test examples", "task 'one', training examples", "pool 'open'",
                             "bank 'b1'"}) {
    INFO(source << "\n" << notes);
    const std::size_t at = notes.find(source);
    REQUIRE(at != notes.npos);
    CHECK_THAT(notes.substr(at, notes.find('\n', at) - at),
               ContainsSubstring("1 ") && ContainsSubstring("left out") &&
                   ContainsSubstring(why + "has positions") && ContainsSubstring(" of 64"));
  }
  CHECK(dataset(left_out, "/tasks/train_examples").content.as<std::int64_t>()[0] == 19);
  CHECK(dataset(left_out, "/tasks/test_examples").content.as<std::int64_t>()[0] == 4);
  // cut to what the model can read it may stay where it is learnt alone
  CHECK(notes_text(plan(bounded, {"--kshot.longest=60"})).find("bank 'b1'") == std::string::npos);

  // shots that are left do not suffice
  std::vector<std::string> twenty = {"--grid.shots=20", "--model.path=" + bounded, "--grid.method=lora",
                                     "--kshot.template=Q: {instruction}{input}\\nA:", "--grid.task=one",
                                     "--lora.targets=all-linear"};
  CHECK_THAT(decks.error(twenty), ContainsSubstring("the task one has 19 examples to draw shots from"));

  const Plan counted = plan(free, {"--kshot.longest=4096"});
  CHECK_THAT(notes_text(counted), ContainsSubstring("bank 'b1'") && ContainsSubstring("used") &&
                                    ContainsSubstring(why + "was trained with") &&
                                    ContainsSubstring(" of 1024"));
  CHECK(dataset(counted, "/tasks/train_examples").content.as<std::int64_t>()[0] == 20);

  // nothing would be left
  for (auto& record : test) record["instruction"] = std::string(80, 'y');
  decks.write("one_test.json", test.dump());
  CHECK_THAT(input_error([&] { plan(bounded); }),
             ContainsSubstring("task 'one', test examples: nothing is left") && ContainsSubstring(why));
}

TEST_CASE("kshot: what a training takes is foreseen by how long its examples are") {
  Decks decks;
  const auto tune = [&](std::vector<std::string> more) {
    more.insert(more.end(), {"--grid.method=lora", "--grid.task=one", "--grid.draw=1",
                             "--grid.data_selection=none"});
    for (const Stage& stage : decks.expand(more).stages) {
      if (stage.kind == "tune") return stage;
    }
    throw BugError("no tune stage");
  };
  const Stage few = tune({});
  CHECK(few.activation_bytes > 0);
  // a limit that no example comes near, and passes that no batch fills, are no matter
  CHECK(tune({"--kshot.longest=4096"}).memory_bytes == few.memory_bytes);
  CHECK(tune({"--train.microbatch_tokens=8192"}).memory_bytes == few.memory_bytes);
  CHECK(tune({"--train.batch_size=2"}).activation_bytes < few.activation_bytes);
  CHECK(tune({"--moe.epochs=10"}).cost_flop > 1.5 * few.cost_flop);
  nlohmann::json train = task_records("one", 20);
  for (auto& record : train) record["output"] = std::string(900, 'x');
  decks.write("one.json", train.dump());
  const Stage longer = tune({});
  CHECK(longer.activation_bytes > 2 * few.activation_bytes);
  CHECK(longer.cost_flop > 2 * few.cost_flop);
}

TEST_CASE("kshot: shots that are longer than what is learnt are said before the run") {
  Decks decks;
  const TemporaryFolder model;
  write_tiny_model(model.path());  // a token is a character
  decks.sets["tasks"][0]["shots"] = "mine.json";
  const auto shot = [](std::size_t question, std::size_t answer) {
    return nlohmann::json{{"instruction", std::string(question, 'a')},
                          {"input", ""},
                          {"output", std::string(answer, 'b')}};
  };
  const std::vector<std::string> flags = {"--model.path=" + model.path().string(),
                                          "--kshot.template=plain",
                                          "--kshot.longest=40",
                                          "--grid.method=base, lora",
                                          "--grid.task=one",
                                          "--grid.shots=2",
                                          "--grid.data_selection=none"};
  const auto notes = [&](const nlohmann::json& shots) {
    decks.write("mine.json", shots.dump());
    return notes_text(decks.expand(flags));
  };
  CHECK_THAT(notes({shot(10, 20), shot(1, 1)}), !ContainsSubstring("kshot.longest"));
  const std::string said = notes({shot(10, 60), shot(60, 1)});
  CHECK_THAT(said,
             ContainsSubstring("task 'one', shots: 1 record is used: longer than kshot.longest"));
  CHECK_THAT(said,
             ContainsSubstring("task 'one', shots: 1 record is left out: its prompt alone fills"));
  decks.write("mine.json", nlohmann::json{shot(60, 1), shot(50, 1), shot(1, 1)}.dump());
  CHECK_THAT(decks.error(flags),
             ContainsSubstring("kshot.longest") &&
                 ContainsSubstring("the prompts of all 2 shots of the task 'one'"));
}
