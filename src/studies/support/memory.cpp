#include "factsweep/studies/support/memory.hpp"

#include <algorithm>

#include "factsweep/model/candidates.hpp"
#include "factsweep/stage/common_options.hpp"
#include "factsweep/studies/support/training_options.hpp"

namespace factsweep {
namespace {

/// What AdamW widens to float32 at a time: its lists, or a leaf that is larger (train/adamw.cpp).
constexpr double kAdamListBytes = 64 << 20;

/// Sizes as in the legend of transformer.hpp; b: bytes of an element.
struct Sizes {
  double b, D, F, E, H, G, V, L;

  Sizes(const Deck& deck, const ModelConfig& model)
      : b(weight_bytes(deck)),
        D(static_cast<double>(model.width)),
        F(model.active_mlp_width()),
        E(static_cast<double>(model.head_size)),
        H(static_cast<double>(model.heads)),
        G(static_cast<double>(model.kv_heads)),
        V(static_cast<double>(model.vocabulary)),
        L(static_cast<double>(model.layers)) {}

  bool is_half() const { return b == 2; }
};

bool is_one_operator(const ModelConfig& model, const Sizes& s) {
  return s.is_half() && model.position != PositionKind::alibi && model.attention_softcap == 0;
}

}  // namespace

TrainingMemory training_memory(const Deck& deck, const ModelConfig& model, const TrainedPart& part,
                               const Lengths& lengths, const StepSize& step) {
  const Sizes s(deck, model);
  const auto most = static_cast<double>(deck.integer("train.microbatch_tokens"));
  const bool several = lengths.pass(step.texts, kAllTexts).tokens > most;
  PassTexts pass = lengths.pass(step.texts * step.batches, most);
  // passes of a batch are in order of length: the largest holds its longest texts
  if (several) pass.count = std::min(pass.count, pass.tokens / pass.longest);
  const double trained = step.adapters * part.elements;

  TrainingMemory memory;
  // a master and two moments; in half precision beside a weight, which is the model's own of all
  memory.between = 12 * trained + (s.is_half() ? s.b : 0) * trained;
  if (!part.lora) memory.between -= s.b * trained;
  const double sums = several ? 4 * trained : 0;  // of the gradients of a batch's passes
  // the backward pass begins with the logits; then the gradients of the vocabulary's matrix come
  // first
  const double head = s.is_half() ? 6 * s.V * pass.answers + (part.lora ? 0 : s.b * s.V * s.D) : 0;
  const double start = memory.between + sums + activation_bytes(deck, model, part, pass) +
                       std::max(logit_bytes(model, pass.answers), head);
  double end = memory.between + sums + s.b * trained;
  if (s.is_half() && !several)
    end += std::max(std::min(kAdamListBytes, 4 * trained), part.lora ? 0 : 4 * s.V * s.D);
  memory.most = std::max(start, end);
  memory.activations = memory.most - end;
  return memory;
}

double checkpoint_bytes(const TrainedPart& part) {
  return 3 * 4 * part.elements;
}

double activation_bytes(const Deck& deck, const ModelConfig& model, const TrainedPart& part,
                        const PassTexts& pass) {
  const Sizes s(deck, model);
  // an adapter's dropout has a mask, too
  const double kept = s.b + (part.lora && part.lora->dropout > 0 ? 1 : 0);
  // the input of a norm, RMSNorm's in float32, and where its weight is trained what that scales
  const double norm = s.D * ((model.norm == NormKind::layer ? s.b : 4) + (part.lora ? 0 : s.b));
  const double attention =
      norm + s.b * (s.D + s.E * (s.H + 3 * s.G)) + kept * part.attention_inputs;
  // what the activation reads and gives
  const double mlp = norm + s.b * s.F * (model.gated ? 3 : 1) + kept * part.mlp_inputs;
  const double mixed = is_one_operator(model, s) ? s.b * s.E * 2 * (s.H + s.G) + 4 * s.H
                                                 : 4 * s.H * (3 * s.E + pass.longest);
  // the last layer's MLP has the answers' rows alone
  return s.L * (pass.tokens * attention + pass.padded() * mixed) +
         ((s.L - 1) * pass.tokens + pass.answers) * mlp;
}

double logit_bytes(const ModelConfig& model, double answers) {
  return 12 * static_cast<double>(model.vocabulary) * answers;
}

double working_bytes(const Deck& deck, const ModelConfig& model, const PassTexts& pass,
                     double prefix) {
  const Sizes s(deck, model);
  const double seen = pass.padded() + pass.count * prefix;  // keys of all texts
  double mixed = 0;
  if (prefix == 0 && is_one_operator(model, s)) {
    mixed = pass.padded() * s.b * s.E * 2 * (s.H + s.G) + pass.tokens * s.b * s.E * (s.H + s.G);
  } else {
    // queries and their copies in float32; keys and values joined, widened, and given to each head
    mixed = pass.padded() * s.H * s.E * (s.b + 12) +
            seen * s.E * (s.G * (2 * s.b + (s.is_half() ? 8 : 0)) + 12 * s.H) +
            4 * s.H * pass.padded() * (pass.longest + prefix);
  }
  const double mlp = pass.tokens * (model.gated ? 4 : 2) * s.b * s.F;
  return pass.tokens * s.D * (4 + 2 * s.b) + std::max(mixed, mlp);
}

double asking_bytes(const Deck& deck, const ModelConfig& model, const PassTexts& pass,
                    double prefix) {
  const Sizes s(deck, model);
  const double kept = 2 * s.b * s.G * s.E * s.L * pass.padded();
  const double candidates =
      std::min(static_cast<double>(kCandidateBytes), pass.answers * s.V * (s.b + 8));
  return kept + std::max(working_bytes(deck, model, pass, prefix), candidates);
}

double merging_bytes(const ModelConfig& model) {
  return 2 * 4 * static_cast<double>(model.vocabulary) * static_cast<double>(model.width);
}

}  // namespace factsweep
