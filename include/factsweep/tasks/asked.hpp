// What a test asks, to keep it from what is learnt.
#pragma once

#include <string>
#include <string_view>
#include <unordered_set>

#include "factsweep/tasks/task.hpp"

namespace factsweep {

/// A text as questions are compared: without regard to upper and lower case, and with every run of
/// white space as one blank, none at its ends.
std::string as_compared(std::string_view text);

/// The questions of some examples, and their answers.
class AskedQuestions {
 public:
  void add(const TaskExample& example);
  void add(const TaskSet& set);
  bool empty() const { return questions_.empty(); }
  /// Whether instruction and input are those of one of the examples.
  bool ask(const TaskExample& example) const;
  /// Whether the example is a later reply of a conversation in which one of the questions was
  /// answered as here: whoever learns it reads that answer in its prompt.
  bool are_told_in(const TaskExample& example) const;
  /// Why the example should not be learnt beside a test that has these questions; empty: it may be.
  std::string_view why_not_learnt(const TaskExample& example) const;

 private:
  std::unordered_set<std::string> questions_, answered_;
};

}  // namespace factsweep
