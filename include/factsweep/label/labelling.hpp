// SliCK's labels (arXiv 2405.05904, section 3 and appendix C): which facts does the base model
// know?
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "factsweep/data/prompts.hpp"
#include "factsweep/data/question.hpp"
#include "factsweep/label/probe.hpp"
#include "factsweep/model/model.hpp"

namespace factsweep {

/// In the order of the paper's Figure 2; the values are those of /labels/<labelling>/category.
enum class Category : std::uint8_t { highly_known, maybe_known, weakly_known, unknown };
inline constexpr std::size_t kCategories = 4;
inline constexpr std::array<const char*, kCategories> kCategoryNames = {
    "highly_known", "maybe_known", "weakly_known", "unknown"};

struct LabelSettings {
  std::int64_t sets = 10;        // N_ex exemplar sets a relation
  std::int64_t shots = 4;        // k exemplars a set
  std::int64_t samples = 16;     // N_sample sampled answers a set
  MatchRules match;
  bool exact = true;             // probabilities computed; false: answers really sampled
  bool keep_text = false;        // with exact = false: every answer runs to its end
  std::int64_t answer_bytes = 0;  // greedy answers are told, up to so many bytes
  std::uint64_t seed = 0;
  ProbeSettings probe;
  Prompts prompts;
};

/// [set][shot]: drawn from the dev split of one relation, the same for all its questions.
using ExemplarSets = std::vector<std::vector<Question>>;

/// InputError when the relation has too few dev questions for `sets` different sets.
ExemplarSets draw_exemplars(const std::string& relation, const std::vector<Question>& dev,
                            const LabelSettings& settings);

struct Label {
  std::vector<std::uint8_t> greedy;  // [set] the greedy answer is right
  std::vector<float> p;  // [set] probability of a right sample (sampled: share of right samples)
  std::vector<float> pruned;        // [set] p is too low by at most this (sampled: 0)
  std::vector<std::int32_t> drawn;  // [set] right answers among `samples`
  std::int32_t near_ties = 0;       // sets whose greedy verdict needed real decoding
  std::vector<std::string> text;    // [set * (1 + samples)] with keep_text
  std::string said;                 // the greedy answer of set 0, with answer_bytes

  double p_greedy() const;                      // P_Correct(T=0)
  double p_sample(std::int64_t samples) const;  // P_Correct(T>0) of the drawn samples
  double p_exact() const;                       // its expectation
  Category category() const;                    // SliCK, Figure 2
  /// Probability of each category over repeated draws of the samples, given greedy and p.
  std::array<float, kCategories> category_probability(std::int64_t samples) const;
};

/// Labels questions of one relation; an answer is right when it is any that a question accepts.
/// `step(fraction, tokens)` after each forward pass. Parts that `keeper` is given: prompts, one
/// exemplar set after the other.
std::vector<Label> label_questions(const Model& model, const std::vector<Question>& questions,
                                   const ExemplarSets& sets, const LabelSettings& settings,
                                   const std::function<void(double, std::int64_t)>& step,
                                   const WorkKeeper& keeper = {});

/// P(True) of each question's gold answer (Kadavath et al., arXiv 2207.05221; SliCK, appendix J):
/// P("(A)") / (P("(A)") + P("(B)")) after "The proposed answer is:"; the raw P("(A)") when not
/// `renormalised`. Of several accepted answers the largest: a threshold takes the question for
/// known when it takes any of them for true.
std::vector<float> p_true(const Model& model, const std::vector<Question>& questions,
                          const Prompts& prompts, bool renormalised,
                          const std::function<void(double, std::int64_t)>& step);

}  // namespace factsweep
