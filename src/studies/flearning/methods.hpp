// The ways to bring new knowledge into a model that the study compares.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace factsweep::flearning {

/// What the old knowledge's parameters are found by, or the new ones trained by.
enum class Tuning { none, full, lora };

struct Method {
  enum class Kind { original, tune, edit };
  std::string name;  // in decks and files
  Kind kind;
  Tuning forget = Tuning::none, learn = Tuning::none;  // of tune

  /// Else each edit is made on the original model, and its record is asked alone.
  bool makes_one_model() const { return name != "rome_reset"; }
  /// Whether a point has a model of its own that could be kept.
  bool leaves_weights() const { return kind != Kind::original && makes_one_model(); }
  bool has_lambda() const { return forget != Tuning::none; }
  /// How many products of low rank are all that a point adds to its original model; 0: it adds more.
  std::int64_t low_rank_terms() const {
    if (forget == Tuning::full || learn == Tuning::full) return 0;
    return (forget == Tuning::lora ? 1 : 0) + (learn == Tuning::lora ? 1 : 0);
  }
  /// Whether it edits what the model looks up at the subject's last token.
  bool needs_subject() const;
};

/// original; ft, lora (the paper's Full-FT and LoRA); forget_* (forgetting alone); f_learning_*
/// (section 4); ft_c, rome, rome_reset, memit.
const std::vector<Method>& methods();
const Method& method(std::string_view name);

}  // namespace factsweep::flearning
