// A model asked: the tests of adapters and points, and what they fill.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "../draft.hpp"
#include "factsweep/tasks/evaluation.hpp"

namespace factsweep::kshot {

/// Of a question, as /outcomes/right has it.
inline constexpr std::uint8_t kNoAnswer = 2, kNotAsked = 255;
std::uint8_t code(const TaskVerdict& verdict);

inline const auto kAccuracy =
    column<double>("/points/accuracy", {"point"}, "fraction", "right answers, generated");

/// The columns of a point that its test fills, those of programs where a task asks for programs.
std::vector<AnyColumn> test_columns(const Sets& sets);
/// The same output of a test of the bank in /tests.
AnyColumn of_bank(AnyColumn column);
/// The stage has a test's outputs, and gets places where a point wants them.
void output_test(Draft& draft, Upstream stage);
void place_test(Draft& draft, Upstream stage, std::uint64_t point);

/// What generating answers reads of the deck, and what testing reads.
std::vector<std::string> answer_keys();
std::vector<std::string> test_keys();
EvaluationSettings answer_settings(const TaskEntry& task, const Deck& deck);
/// Hash of the worked examples in front of every question, and of how many tokens an answer has
/// where the deck does not say.
std::string asking_fingerprint(const TaskEntry& task);
double test_flop(const Draft& draft, const TaskEntry& task);
/// Memory of answering a set's questions.
double answer_bytes(const Draft& draft, const TaskSet& set);

/// The base with one adapter, which it shares.
Model adapted(const Model& base, const LoraAdapter& adapter);
/// Tests the model, and emits what is found but for kLossRose.
void test(const Model& model, const TaskEntry& task, const Sets& sets, StageRun& run);
/// The same, each question by a model that its prompt asks for.
void test_one_by_one(const Model& base, const ModelOf& model_of, const TaskEntry& task,
                     const Sets& sets, StageRun& run);
/// Of an adapter whose training diverged, kLossRose too.
void emit_no_test(const Sets& sets, StageRun& run);
/// What the other stage's test found.
void copy_test(Upstream tested, const Sets& sets, StageRun& run);

}  // namespace factsweep::kshot
