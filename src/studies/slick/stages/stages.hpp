// The kinds of stages, a file each in this folder: how a plan gets them, and what they read of each
// other.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "../worker.hpp"
#include "factsweep/stage/executor.hpp"
#include "factsweep/stage/plan_builder.hpp"

namespace factsweep::slick {

extern const KindOf<Worker> kLabel, kLabelled, kPTrue, kBaseErrors, kTrain;

/// A plan in the making.
struct Draft {
  PlanBuilder& builder;
  const Worker& worker;
  ModelConfig model;
  std::string fingerprint;  // of the model's files

  bool prompts_name_details;  // Prompts::name_details()

  const Deck& deck() const { return builder.deck(); }
  /// A hash of questions and their answers, and of their subjects and relations where prompts have
  /// them.
  std::string questions_hash(std::span<const Question> questions) const;
  std::string exemplars_hash(const ExemplarSets& sets) const;
};

inline constexpr double kTokensPerText = 28;  // a question with its answer
inline constexpr double kAnswerTokens = 4;    // of these

inline const auto kCategory =
    shared(column<std::uint8_t>("/labels/base/category", {"question_index"}, "1",
                                "0 HighlyKnown, 1 MaybeKnown, 2 WeaklyKnown, 3 Unknown"));

/// The datasets of /labels that are known before any work, questions and exemplars among them.
void fill_questions(const Draft& draft);
Upstream add_label(const Draft& draft, const Chunk& chunk);
/// What all label stages found, in one place.
Upstream add_labelled(const Draft& draft, std::vector<Upstream> labels);
/// The dataset, which is there also when no question is asked.
void declare_p_true(PlanBuilder& builder);
/// Adds the stages that ask for P(True) of test questions, where label.p_true wants them.
void add_p_true(const Draft& draft, const Chunk& chunk);
/// Adds the stage that looks for wrong answers, where errors.base_sample wants it.
void add_base_errors(const Draft& draft);
/// The points, and the training of each. InputError: lora.* is set and nothing trains LoRA.
void add_trainings(const Draft& draft, Upstream labelled);

}  // namespace factsweep::slick
