#include <fmt/format.h>
#include <sentencepiece_trainer.h>

#include <chrono>
#include <unordered_map>
#include <utility>

#include "factsweep/core/error.hpp"
#include "factsweep/core/file.hpp"
#include "factsweep/model/torch.hpp"
#include "factsweep/train/trainer.hpp"
#include "factsweep/world/world.hpp"

namespace factsweep {
namespace {

constexpr std::int64_t kProgressSteps = 10;

/// SentencePiece's own type, since 0.2.2 Abseil's.
using Status = decltype(std::declval<const sentencepiece::SentenceIterator&>().status());

/// Feeds the trainer from memory.
class Lines : public sentencepiece::SentenceIterator {
 public:
  explicit Lines(const std::vector<std::string>& lines) : lines_(lines) {}
  bool done() const override { return at_ >= lines_.size(); }
  void Next() override { ++at_; }
  const std::string& value() const override { return lines_[at_]; }
  Status status() const override { return {}; }

 private:
  const std::vector<std::string>& lines_;
  std::size_t at_ = 0;
};

/// BPE with byte fallback, as Llama's: a newline is the byte token <0x0A>.
void train_tokenizer(const World& world, const WorldSettings& settings,
                     const std::filesystem::path& directory) {
  std::vector<std::string> lines = {"Answer the following question.", "I don't know"};
  for (const Question& fact : world.facts)
    lines.push_back(fmt::format("Q: {}\nA: {}", fact.question, fact.answer));
  lines.insert(lines.end(), world.documents.begin(), world.documents.end());
  std::vector<std::string> sentences;  // the trainer wants single lines
  for (const std::string& text : lines) {
    for (std::size_t begin = 0; begin < text.size();) {
      const std::size_t end = std::min(text.find('\n', begin), text.size());
      if (end > begin) sentences.push_back(text.substr(begin, end - begin));
      begin = end + 1;
    }
  }
  std::string model;
  Lines source(sentences);
  const std::unordered_map<std::string, std::string> flags = {
      {"minloglevel", "2"},  // as a map: the form with one string logs before it reads this
      {"model_type", "bpe"},
      {"vocab_size", std::to_string(settings.vocabulary)},
      {"byte_fallback", "true"},
      {"normalization_rule_name", "identity"},
      {"remove_extra_whitespaces", "false"},
      {"character_coverage", "1.0"},
      {"hard_vocab_limit", "false"},
      {"num_threads", "1"},
      {"unk_id", "0"},
      {"bos_id", "1"},
      {"eos_id", "2"},
      {"pad_id", "-1"}};
  const auto status = sentencepiece::SentencePieceTrainer::Train(flags, &source, &model);
  if (!status.ok())
    throw InputError("world: SentencePiece cannot train a tokenizer: " + status.ToString());
  write_file(directory / "tokenizer.model", model);
  const nlohmann::json config = {{"tokenizer_class", "LlamaTokenizer"},
                                 {"bos_token", "<s>"},
                                 {"eos_token", "</s>"},
                                 {"unk_token", "<unk>"},
                                 {"add_bos_token", true},
                                 {"add_eos_token", false},
                                 {"legacy", false},
                                 {"clean_up_tokenization_spaces", false}};
  write_file(directory / "tokenizer_config.json", config.dump(2) + "\n");
}

/// The corpus as one stream of tokens, cut into sequences that each start with BOS.
std::vector<Example> cut_sequences(const World& world, const Tokenizer& tokenizer,
                                   std::int64_t length) {
  std::vector<Example> examples;
  std::vector<TokenId> stream;
  for (const std::string& document : world.documents) {
    const std::vector<TokenId> ids = tokenizer.encode(document);
    stream.insert(stream.end(), ids.begin(), ids.end());
  }
  const TokenId bos = tokenizer.bos().value();
  for (std::size_t begin = 0; begin + 1 < stream.size();
       begin += static_cast<std::size_t>(length)) {
    const std::size_t end = std::min(stream.size(), begin + static_cast<std::size_t>(length));
    examples.push_back({{bos},
                        {stream.begin() + static_cast<std::ptrdiff_t>(begin),
                         stream.begin() + static_cast<std::ptrdiff_t>(end)}});
  }
  return examples;
}

}  // namespace

void pretrain_world(
    const World& world, const WorldSettings& settings, const std::filesystem::path& directory,
    const std::function<void(std::int64_t, std::int64_t, double, double)>& progress) {
  const std::filesystem::path folder = directory / "model";
  std::error_code failed;
  std::filesystem::create_directories(folder, failed);
  if (failed)
    throw EnvironmentError(
        fmt::format("{}: cannot create the folder: {}.", folder.string(), failed.message()));
  train_tokenizer(world, settings, folder);
  const auto tokenizer = Tokenizer::load(folder);

  ModelConfig config =
      ModelConfig::llama(tokenizer->size(), settings.width, settings.layers, settings.heads,
                         settings.kv_heads, settings.mlp_width, 1024);
  config.source["bos_token_id"] = tokenizer->bos().value();
  config.source["eos_token_id"] = tokenizer->eos().value();
  TrainSettings training;
  training.learning_rate = settings.learning_rate;
  training.decay = Decay::cosine;
  training.final_learning_rate = settings.learning_rate / 10;
  training.warmup_steps = 50;
  training.batch_size = settings.batch_size;
  training.epochs = settings.passes;
  training.beta2 = 0.95;
  training.weight_decay = 0.01;
  training.gradient_clip = 1;
  training.dropout = 0;
  training.microbatch_tokens = settings.batch_size * (settings.sequence + 1);
  training.seed = settings.seed;
  Trainer trainer(Weights::random(config, settings.seed),
                  cut_sequences(world, *tokenizer, settings.sequence), training);
  const std::int64_t steps = trainer.steps_per_epoch() * settings.passes;
  const auto start = std::chrono::steady_clock::now();
  std::int64_t tokens = 0;
  while (trainer.steps_done() < steps) {
    const Trainer::StepLoss loss = trainer.step();
    tokens += loss.tokens;
    if (trainer.steps_done() % kProgressSteps != 0 && trainer.steps_done() != steps) continue;
    const double seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    progress(trainer.steps_done(), steps, loss.sum / static_cast<double>(loss.answer_tokens),
             static_cast<double>(tokens) / seconds);
  }
  trainer.weights().save(folder);
}

}  // namespace factsweep
