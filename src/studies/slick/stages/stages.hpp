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
#include "factsweep/studies/support/lengths.hpp"

namespace factsweep::slick {

extern const KindOf<Worker> kLabel, kLabelled, kPTrue, kBaseErrors, kTrain;

/// A plan in the making, of what one model does.
struct Draft {
  PlanBuilder& builder;
  const Worker& worker;
  const PlannedModel& base;
  std::string name;           // of the model; empty in a sweep of one
  bool is_first;              // of the sweep's models: /labels/base and /errors are its own
  bool prompts_name_details;  // Prompts::name_details()
  const ModelConfig& model = base.config;
  TokenCounter tokens;   // in the model's vocabulary
  Lengths lengths = {};  // of the corpus

  const Deck& deck() const { return builder.deck(); }
  /// Of questions with their answers as they are trained, without exemplars.
  Lengths lengths_of(std::span<const Question> questions) const;
  /// "label", of several models "label NAME".
  std::string titled(const std::string& what) const;
  /// kLabels or kErrors, and of another model than the first /labels/NAME or /errors/NAME.
  std::string group(const std::string& of_first) const;
  /// The column in the model's group. As an output it keeps its name: stages are the same in a
  /// sweep whose models are in another order.
  template <typename T>
  Column<T> of_model(Column<T> column) const {
    move(column);
    return column;
  }
  AnyColumn of_model(AnyColumn column) const {
    move(column.about);
    return column;
  }
  void move(ColumnBase& column) const;
  /// A hash of questions and their answers, and of their subjects and relations where prompts have
  /// them.
  std::string questions_hash(std::span<const Question> questions) const;
  std::string exemplars_hash(const ExemplarSets& sets) const;
};

inline constexpr const char *kLabels = "/labels/base", *kErrors = "/errors";

inline const auto kCategory =
    shared(column<std::uint8_t>("/labels/base/category", {"question_index"}, "1",
                                "0 HighlyKnown, 1 MaybeKnown, 2 WeaklyKnown, 3 Unknown"));

/// The datasets of /labels that are known before any work, questions and exemplars among them.
void fill_questions(const Draft& draft);
Upstream add_label(const Draft& draft, const Chunk& chunk);
/// What all label stages found, in one place.
Upstream add_labelled(const Draft& draft, std::vector<Upstream> labels);
/// The dataset, which is there also when no question is asked.
void declare_p_true(const Draft& draft);
/// Adds the stages that ask for P(True) of test questions, where label.p_true wants them.
void add_p_true(const Draft& draft, const Chunk& chunk);
/// Adds the stage that looks for wrong answers, where errors.base_sample wants it.
void add_base_errors(const Draft& draft);
/// The points, and the training of each. `labelled`: of each draft's model. InputError: lora.* is
/// set and nothing trains LoRA.
void add_trainings(const std::vector<Draft>& drafts, const std::vector<Upstream>& labelled);

}  // namespace factsweep::slick
