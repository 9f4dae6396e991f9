// The loop of every training: callbacks, stops at every place, checkpoints that are no good.
#include "factsweep/train/loop.hpp"

#include "catch.hpp"
#include "factsweep/train/packed_trainer.hpp"
#include "factsweep/train/trainer.hpp"
#include "tiny_adapter.hpp"

using namespace factsweep;
using namespace factsweep::test;

namespace {

struct Stop {};

/// Five examples in batches of two: three steps an epoch.
std::vector<Example> five_examples() {
  return {{{1, 5}, {7}}, {{1, 9, 4}, {8, 2}}, {{1}, {3}}, {{1, 30, 31}, {32}}, {{1, 6}, {5, 4}}};
}

TrainSettings settings_of(std::int64_t epochs, std::uint64_t seed = 3) {
  TrainSettings settings;
  settings.learning_rate = 1e-2;
  settings.batch_size = 2;
  settings.epochs = epochs;
  settings.dropout = 0.1;
  settings.seed = seed;
  return settings;
}

const Weights& base() {
  static const Weights weights =
      placed(Weights::random(ModelConfig::llama(64, 32, 1, 4, 2, 24, 64), 1));
  return weights;
}

std::unique_ptr<Training> full(std::uint64_t seed = 3) {
  return std::make_unique<Trainer>(base(), five_examples(), settings_of(3, seed));
}

/// Members that end at different times.
std::unique_ptr<Training> packed(std::uint64_t seed = 3) {
  LoraConfig config;
  config.targets.names = {"q_proj", "up_proj"};
  std::vector<PackedMember> members;
  for (const std::int64_t epochs : {2, 3}) {
    members.push_back({LoraAdapter::create(config, base(), 1, "test"), five_examples(),
                       settings_of(epochs, seed)});
  }
  return std::make_unique<PackedTrainer>(base(), std::move(members));
}

/// What a stage keeps beside the training: when it has evaluated what, as (member, epoch, steps).
struct Diary {
  std::vector<double> entries;

  NamedTensors tensors() const { return {{"diary", torch::tensor(entries, torch::kFloat64)}}; }
  void read(const SafetensorsReader& file) {
    const torch::Tensor values = file.view("diary").clone();
    entries.assign(values.data_ptr<double>(), values.data_ptr<double>() + values.numel());
  }
};

struct Outcome {
  LoopResult result;
  std::vector<double> diary;
  std::vector<torch::Tensor> master;
};

bool operator==(const Outcome& a, const Outcome& b) {
  return a.result.loss == b.result.loss && a.diary == b.diary &&
         std::equal(a.master.begin(), a.master.end(), b.master.begin(), b.master.end(),
                    [](const auto& x, const auto& y) { return torch::equal(x, y); });
}

/// Trains as a stage would; `stop_at` counts the calls of both callbacks, from 1 (0: never).
Outcome run(Training& training, const std::filesystem::path& checkpoint, int stop_at = 0,
            int* calls = nullptr, std::vector<std::string>* said = nullptr) {
  Diary diary;
  int count = 0;
  const auto call = [&] {
    ++count;
    if (calls != nullptr) *calls = count;
    if (count == stop_at) throw Stop();
  };
  LoopOptions options;
  options.checkpoint = checkpoint;
  options.progress = [&](double, std::int64_t) { call(); };
  options.on_epoch = [&](std::size_t member, std::int64_t epoch) {
    call();
    diary.entries.insert(diary.entries.end(),
                         {static_cast<double>(member), static_cast<double>(epoch),
                          static_cast<double>(training.course(member).steps_done())});
  };
  options.state = [&] { return diary.tensors(); };
  options.read_state = [&](const SafetensorsReader& file) { diary.read(file); };
  options.say = [&](const std::string& text) {
    if (said != nullptr) said->push_back(text);
  };
  Outcome outcome;
  outcome.result = train(training, options);
  outcome.diary = diary.entries;
  for (std::size_t i = 0; i < training.members(); ++i) {
    for (const torch::Tensor& tensor : training.course(i).master())
      outcome.master.push_back(tensor.clone());
  }
  return outcome;
}

}  // namespace

TEST_CASE("the loop steps as one would by hand, and tells how far it is") {
  Trainer by_hand(base(), five_examples(), settings_of(3));
  std::vector<double> loss, fractions;
  std::vector<std::int64_t> tokens;
  for (int epoch = 0; epoch < 3; ++epoch) {
    double sum = 0, count = 0;
    for (int i = 0; i < 3; ++i) {
      const StepLoss step = by_hand.step();
      sum += step.sum;
      count += static_cast<double>(step.answer_tokens);
      fractions.push_back((3 * epoch + i + 1) / 9.0);
      tokens.push_back(3 * step.tokens);
    }
    loss.push_back(sum / count);
  }
  Trainer trainer(base(), five_examples(), settings_of(3));
  std::vector<double> told;
  std::vector<std::int64_t> told_tokens, epochs;
  LoopOptions options;
  options.progress = [&](double fraction, std::int64_t count) {
    told.push_back(fraction);
    told_tokens.push_back(count);
  };
  options.on_epoch = [&](std::size_t, std::int64_t epoch) { epochs.push_back(epoch); };
  const LoopResult result = train(trainer, options);
  CHECK(result.loss == std::vector<std::vector<double>>{loss});
  CHECK(result.seconds > 0);
  CHECK(told == fractions);
  CHECK(told_tokens == tokens);
  CHECK(epochs == std::vector<std::int64_t>{0, 1, 2, 3});
  for (std::size_t i = 0; i < trainer.master().size(); ++i)
    CHECK(torch::equal(trainer.master()[i], by_hand.master()[i]));
}

TEST_CASE("stopped anywhere, a training that goes on is the uninterrupted one") {
  const auto make = GENERATE(&full, &packed);
  const TemporaryFolder folder;
  const auto file = folder / "c.safetensors";
  int calls = 0;
  const Outcome expected = run(*make(3), "", 0, &calls);
  REQUIRE(calls >= 9 + 4);
  for (int stop_at = 1; stop_at <= calls; ++stop_at) {
    INFO("stopped at call " << stop_at);
    CHECK_THROWS_AS(run(*make(3), file, stop_at), Stop);
    REQUIRE(std::filesystem::exists(file));
    int rest = 0;
    CHECK(run(*make(3), file, 0, &rest) == expected);
    CHECK(rest <= calls - stop_at + 1);  // at most the call that was stopped, again
    remove_checkpoint(file);
    CHECK_FALSE(std::filesystem::exists(file));
  }
  // again and again
  int stops = 0;
  for (bool done = false; !done;) {
    try {
      const Outcome found = run(*make(3), file, 3);
      CHECK(found == expected);
      done = true;
    } catch (const Stop&) {
      ++stops;
    }
  }
  CHECK(stops > 3);
}

TEST_CASE("checkpoints come at an interval, after the last step on request, and never unasked") {
  const TemporaryFolder folder;
  const auto file = folder / "c.safetensors";
  const auto steps_saved = [&] { return SafetensorsReader(file).metadata().at("step"); };
  Trainer trainer(base(), five_examples(), settings_of(3));
  LoopOptions options;
  options.checkpoint = file;
  train(trainer, options);
  CHECK_FALSE(std::filesystem::exists(file));

  Trainer often(base(), five_examples(), settings_of(3));
  options.checkpoint_interval = 1e-9;
  int steps = 0;
  options.progress = [&](double, std::int64_t) {
    if (steps > 0) CHECK(steps_saved() == std::to_string(steps));
    ++steps;
  };
  const LoopResult result = train(often, options);
  CHECK(steps_saved() == "9");

  // killed after the fifth step's checkpoint, with no stop
  remove_checkpoint(file);
  Trainer killed(base(), five_examples(), settings_of(3));
  std::string kept;
  options.progress = [&](double, std::int64_t) {
    if (killed.steps_done() == 6) kept = read_file(file);
  };
  train(killed, options);
  write_file(file, kept);
  options.progress = {};
  options.checkpoint_interval = 0;
  options.keep_finished = true;
  Trainer again(base(), five_examples(), settings_of(3));
  CHECK(train(again, options).loss == result.loss);
  CHECK(steps_saved() == "9");

  // finished: nothing is done again
  Trainer finished(base(), five_examples(), settings_of(3));
  options.progress = [&](double, std::int64_t) { FAIL("a step too many"); };
  const auto written = std::filesystem::last_write_time(file);
  const LoopResult kept_result = train(finished, options);
  CHECK(kept_result.loss == result.loss);
  CHECK(kept_result.seconds > 0);
  CHECK(std::filesystem::last_write_time(file) == written);
  for (std::size_t i = 0; i < finished.master().size(); ++i)
    CHECK(torch::equal(finished.master()[i], often.master()[i]));
}

TEST_CASE("a checkpoint that is damaged or another training's is put aside, said, and begun anew") {
  const TemporaryFolder folder;
  const auto file = folder / "c.safetensors";
  const std::filesystem::path aside = file.string() + ".refused";
  const Outcome expected = run(*full(), "");
  CHECK_THROWS_AS(run(*full(), file, 7), Stop);
  const std::string good = read_file(file);
  std::string no_diary = good, no_loop = good;
  no_diary.replace(good.find("diary"), 5, "notes");
  no_loop.replace(good.find("loop.loss"), 9, "loop.love");
  // one bit in the middle of the master weights, which nothing but the checksum can notice
  std::string flipped = good;
  flipped[good.size() / 2] = static_cast<char>(flipped[good.size() / 2] ^ 1);
  for (const std::string& content :
       {std::string(), std::string("not safetensors"), good.substr(0, good.size() / 2),
        good.substr(0, good.size() - 1), no_diary, no_loop, flipped}) {
    write_file(file, content);
    int calls = 0;
    std::vector<std::string> said;
    CHECK(run(*full(), file, 0, &calls, &said) == expected);
    CHECK(calls == 9 + 4);
    REQUIRE(said.size() == 1);
    CHECK_THAT(said[0], Catch::Matchers::ContainsSubstring("begins anew: ") &&
                            Catch::Matchers::ContainsSubstring("c.safetensors.refused now"));
    CHECK(read_file(aside) == content);
    CHECK_FALSE(std::filesystem::exists(file));
  }
  std::vector<std::string> said;
  full(4)->save(file, {});  // not by the loop, and of another seed
  CHECK(run(*full(), file, 0, nullptr, &said) == expected);
  full(3)->save(file, {});  // of this training, but not by the loop
  CHECK(run(*full(), file, 0, nullptr, &said) == expected);
  REQUIRE(said.size() == 2);
  CHECK_THAT(said[0], Catch::Matchers::ContainsSubstring("of another training"));
  write_file(file, good);
  int calls = 0;
  said.clear();
  CHECK(run(*full(), file, 0, &calls, &said) == expected);
  CHECK(calls < 9 + 4);
  CHECK(said.empty());
}

TEST_CASE("a checkpoint that cannot be written is said, and the training goes on") {
  const TemporaryFolder folder;
  const auto file = folder / "missing" / "c.safetensors";
  Trainer trainer(base(), five_examples(), settings_of(3));
  LoopOptions options;
  options.checkpoint = file;
  options.checkpoint_interval = 1e-9;
  std::vector<std::string> said;
  options.say = [&](const std::string& text) { said.push_back(text); };
  options.progress = [&](double, std::int64_t) {
    if (trainer.steps_done() == 8) std::filesystem::create_directories(folder / "missing");
  };
  CHECK(train(trainer, options).loss == run(*full(), "").result.loss);
  CHECK(said.size() == 7);
  CHECK_THAT(said.front(), Catch::Matchers::ContainsSubstring("c.safetensors") &&
                               Catch::Matchers::ContainsSubstring("The training goes on"));
  CHECK(std::filesystem::exists(file));
  // nor does it hide why a stage stops
  std::filesystem::remove_all(folder / "missing");
  CHECK_THROWS_AS(run(*full(), file, 4), Stop);
}

namespace {

/// Says that the device is full when so many passes have begun.
class Full : public Objective {
 public:
  Full(int first, int last) : first_(first), last_(last) {}
  std::string settings() const override { return "full"; }
  torch::Tensor losses(const ScoredAnswers& answers) const override {
    ++passes_;
    TORCH_CHECK_WITH(OutOfMemoryError, passes_ < first_ || passes_ > last_,
                     "CUDA out of memory. Tried to allocate 2.00 GiB.\nmore");
    sizes.push_back(answers.examples().size());
    return answer_loss()->losses(answers);
  }
  mutable std::vector<std::size_t> sizes;

 private:
  const int first_, last_;
  mutable int passes_ = 0;
};

}  // namespace

TEST_CASE("a step that the device has no memory for is done in smaller passes, once") {
  TrainSettings settings = settings_of(2);
  settings.batch_size = 4;
  settings.gradient_clip = 0.1;
  const auto losses_of = [&](const std::shared_ptr<Full>& objective, std::vector<std::string>& said) {
    Trainer trainer(base(), five_examples(), settings, objective);
    LoopOptions options;
    options.say = [&](const std::string& text) { said.push_back(text); };
    return train(trainer, options).loss;
  };
  std::vector<std::string> said;
  const auto roomy = std::make_shared<Full>(0, -1), once = std::make_shared<Full>(3, 3);
  const auto expected = losses_of(roomy, said);
  CHECK(said.empty());
  CHECK(roomy->sizes == std::vector<std::size_t>{4, 1, 4, 1});
  const auto found = losses_of(once, said);
  REQUIRE(said.size() == 1);
  CHECK_THAT(said[0], Catch::Matchers::StartsWith("CUDA out of memory. Tried to allocate 2.00 GiB.") &&
                          Catch::Matchers::ContainsSubstring("Passes have at most"));
  CHECK(once->sizes.size() > 4);  // the third step in several passes
  REQUIRE(found[0].size() == expected[0].size());
  for (std::size_t i = 0; i < expected[0].size(); ++i)
    CHECK(found[0][i] == Approx(expected[0][i]).epsilon(1e-5));
  // full again: the stage fails, and says with what
  CHECK_THROWS_WITH(losses_of(std::make_shared<Full>(3, 4), said),
                    Catch::Matchers::ContainsSubstring("Tried to allocate 2.00 GiB.") &&
                        Catch::Matchers::ContainsSubstring("lower train.microbatch_tokens"));
}

TEST_CASE("adapters that train together share no more passes when the device is full") {
  LoraConfig config;
  config.targets.names = {"q_proj", "up_proj"};
  const LoraAdapter start = LoraAdapter::create(config, base(), 1, "test");
  const auto losses_of = [&](const std::shared_ptr<Full>& objective) {
    PackedTrainer two(base(), {{start, five_examples(), settings_of(2), objective},
                               {start, five_examples(), settings_of(2), objective}});
    return train(two, {}).loss;
  };
  const auto expected = losses_of(std::make_shared<Full>(0, -1));
  const auto found = losses_of(std::make_shared<Full>(4, 4));  // the second step, its second member
  for (std::size_t i = 0; i < 2; ++i) {
    REQUIRE(found[i].size() == 2);
    for (std::size_t epoch = 0; epoch < 2; ++epoch)
      CHECK(found[i][epoch] == Approx(expected[i][epoch]).epsilon(1e-5));
  }
}

TEST_CASE("a step that fails leaves the loop as it is, and a member that is dropped ends early") {
  const TemporaryFolder folder;
  TrainSettings settings = settings_of(3);
  settings.learning_rate = 1e30;
  Trainer trainer(base(), five_examples(), settings);
  LoopOptions options;
  options.checkpoint = folder / "c.safetensors";
  CHECK_THROWS_WITH(train(trainer, options), Catch::Matchers::ContainsSubstring("not finite"));
  CHECK_FALSE(std::filesystem::exists(options.checkpoint));

  LoraConfig config;
  config.targets.names = {"q_proj", "up_proj"};
  const LoraAdapter start = LoraAdapter::create(config, base(), 1, "test");
  settings.learning_rate = 1e38;
  PackedTrainer two(base(),
                    {{start, five_examples(), settings}, {start, five_examples(), settings_of(2)}});
  const LoopResult result = train(two, {});
  CHECK_FALSE(two.failure(0).empty());
  CHECK(result.loss[0].empty());
  CHECK(result.loss[1].size() == 2);
}
