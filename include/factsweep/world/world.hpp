// The embedded world: invented facts whose number of appearances in the training corpus is known,
// so that what a model knows can be held against what it has seen. Facts come as EntityQuestions
// files, with exposures.json beside them.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "factsweep/data/question.hpp"

namespace factsweep {

struct WorldSettings {
  std::int64_t subjects = 200;  // every subject has one fact of each relation
  double unseen = 0.4;          // share of facts that the corpus never states
  double pareto_shape = 1.2;    // of the exposures of the others: heavy-tailed
  double pareto_scale = 3.5;    // smallest exposure
  std::int64_t most_exposures = 100;
  std::int64_t statements_per_quiz =
      8;  // one document of question-answer pairs for so many statements
  std::uint64_t seed = 1;

  std::int64_t vocabulary = 1200;  // SentencePiece pieces, 256 bytes included
  std::int64_t width = 128, layers = 4, heads = 4, kv_heads = 2, mlp_width = 352;
  std::int64_t sequence = 96;    // tokens of a training sequence
  std::int64_t batch_size = 32;  // sequences an optimizer step
  std::int64_t passes = 8;       // over the corpus
  double learning_rate = 3e-3;   // cosine to a tenth of it
};

struct World {
  std::vector<Question> facts;         // all splits, exposures filled in
  std::vector<std::string> documents;  // the corpus, shuffled
};

/// Invents facts and the corpus that states them. A pure function of the settings. InputError: the
/// corpus would state nothing.
World invent_world(const WorldSettings& settings);

/// DIR/facts (EntityQuestions form), DIR/corpus.txt. EnvironmentError.
void write_world(const World& world, const std::filesystem::path& directory);

/// Trains a SentencePiece BPE tokenizer on the corpus and a Llama model on its tokens; DIR/model, a
/// Hugging Face directory. `progress(step, steps, loss, tokens per second)`.
void pretrain_world(
    const World& world, const WorldSettings& settings, const std::filesystem::path& directory,
    const std::function<void(std::int64_t, std::int64_t, double, double)>& progress);

}  // namespace factsweep
