// What plans foresee of trainings, beside what the pretended device holds.
#include "factsweep/studies/support/memory.hpp"
#include "catch.hpp"
#include "expand_deck.hpp"
#include "factsweep/model/device.hpp"
#include "factsweep/studies/support/training_options.hpp"
#include "factsweep/train/trainer.hpp"
#include "tiny_model.hpp"

using namespace factsweep;
using namespace factsweep::test;

namespace {

constexpr const char* kDevice = "cuda:0";
constexpr double kWithin = 0.1;

/// Large enough that tensors are most of what is held, not their rounding to blocks.
ModelConfig config() {
  return ModelConfig::llama(/*vocabulary=*/2048, /*width=*/128, /*layers=*/4, /*heads=*/4,
                            /*kv_heads=*/2, /*mlp_width=*/384, /*positions=*/256);
}

Deck deck_of(const std::vector<std::string>& overrides) {
  const Study study{.name = "training", .declare = [](OptionTable& table) {
                      declare_training_options(table, {.batch_size = "48", .dropout = "0"});
                    }};
  return parse_deck(study, "[run]\nstudy = training\n[model]\npath = none\n", overrides);
}

Weights model_of(const Deck& deck) {
  const TemporaryFolder folder;
  Weights::random(config(), 1).save(folder.path());
  return Weights::load(folder.path(), parse_dtype(deck.text("model.dtype")),
                       torch::Device(kDevice));
}

/// Texts of 12 to 40 tokens with answers of three.
std::vector<Example> examples() {
  std::vector<Example> list;
  for (std::int64_t i = 0; i < 48; ++i) {
    Example example{std::vector<TokenId>(static_cast<std::size_t>(10 + i * 28 / 47), 5), {7, 8, 9}};
    list.push_back(std::move(example));
  }
  return list;
}

Lengths lengths_of(const std::vector<Example>& list) {
  Lengths lengths;
  for (const Example& example : list) {
    const auto answer = static_cast<double>(example.answer.size());
    lengths.add(Lengths::of(static_cast<double>(example.prompt.size()) + answer - 1, answer));
  }
  return lengths;
}

/// Beyond what is held before.
double most_held(const std::function<void()>& work) {
  take_peak_memory(kDevice);
  const double before = take_peak_memory(kDevice);
  work();
  return take_peak_memory(kDevice) - before;
}

double held_in_training(const Deck& deck, bool lora) {
  const Weights base = model_of(deck);
  TrainSettings settings = train_settings(deck);
  settings.epochs = 2;
  return most_held([&] {
    Trainee trainee =
        lora ? Trainee::lora(base, LoraAdapter::create(lora_config(deck), base, 1, "test"))
             : Trainee::full(base);
    Trainer trainer(std::move(trainee), examples(), settings);
    while (!trainer.is_done()) trainer.advance();
  });
}

}  // namespace

TEST_CASE("what a training holds on a device is foreseen") {
  for (const std::string dtype : {"bfloat16", "float32"}) {
    for (const std::string tokens : {"4096", "400"}) {
      for (const std::string lora : {"", "all-linear", "q_proj, v_proj"}) {
        CAPTURE(dtype, tokens, lora);
        std::vector<std::string> keys = {"--model.dtype=" + dtype,
                                         "--train.microbatch_tokens=" + tokens};
        if (!lora.empty()) keys.push_back("--lora.targets=" + lora);
        const Deck deck = deck_of(keys);
        std::optional<LoraConfig> adapter;
        if (!lora.empty()) adapter = lora_config(deck);
        const TrainedPart part(config(), adapter, "test");
        double foreseen = training_memory(deck, config(), part, lengths_of(examples()),
                                          {.texts = batch_size(deck)})
                              .most;
        // the model's own weights are beside what is trained here
        if (lora.empty())
          foreseen += weight_bytes(deck) * static_cast<double>(config().parameters());
        CHECK(foreseen == Approx(held_in_training(deck, !lora.empty())).epsilon(kWithin));
      }
    }
  }
}
