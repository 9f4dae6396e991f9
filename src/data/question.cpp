#include "factsweep/data/question.hpp"

namespace factsweep {

std::string_view name(Split split) {
  switch (split) {
    case Split::train:
      return "train";
    case Split::dev:
      return "dev";
    case Split::test:
      break;
  }
  return "test";
}

std::vector<std::string> accepted_answers(const Question& question) {
  std::vector<std::string> answers = {question.answer};
  answers.insert(answers.end(), question.aliases.begin(), question.aliases.end());
  return answers;
}

}  // namespace factsweep
