// How questions are put to a model: templates with placeholders, SliCK's own (arXiv 2405.05904,
// appendices C, E, J) unless others are given.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "factsweep/data/question.hpp"

namespace factsweep {

/// A text in which {question}, {answer}, {shots}, {subject} and {relation} stand for what is asked;
/// braces around anything but a name are plain text.
class PromptTemplate {
 public:
  struct Rules {
    std::vector<std::string_view> needed, allowed;  // names without braces; needed ones once each
  };
  /// An empty text is no prompt, of which nothing is asked. InputError, beginning with `where`: a
  /// placeholder that is not allowed, a needed one that is missing or there twice.
  PromptTemplate(std::string text, const Rules& rules, std::string_view where);

  std::string filled(const Question& question, std::string_view answer = "",
                     std::string_view shots = "") const;
  bool has(std::string_view name) const;
  /// The text after {name} up to the next placeholder; empty where there is none.
  std::string_view after(std::string_view name) const;
  const std::string& text() const { return text_; }

 private:
  struct Piece {
    std::string plain;  // comes before
    std::string name;   // of the placeholder; empty: the end
  };
  std::string text_;
  std::vector<Piece> pieces_;
};

/// Templates of decks, which may write a line break as \n.
std::string with_line_breaks(std::string_view text);

struct PromptTexts {
  std::string shot = "Q: {question}\nA: {answer}\n";
  std::string label = "{shots}Q: {question}\nA:";
  std::string train = "Answer the following question.\n{question}\n";
  std::string idk = "I don't know";
  std::string p_true =
      "Question: {question}\nProposed Answer: {answer}\nIs the proposed answer:\n\n(A) True\n(B) "
      "False\nThe proposed answer is:";
  std::string yes = "(A)", no = "(B)";
};

struct Prompts {
  Prompts() : Prompts(PromptTexts()) {}
  explicit Prompts(const PromptTexts& texts, bool with_shots = true)
      : Prompts(texts, with_shots, [](std::string_view key) { return std::string(key); }) {}
  /// `where(key)`: what an error says of "prompt.KEY". InputError: see PromptTemplate; {shots}
  /// missing where exemplars are asked for; nothing after {answer} in `shot`.
  template <typename Where>
  Prompts(const PromptTexts& texts, bool with_shots, const Where& where)
      : shot(texts.shot, shot_rules(), where("shot")),
        label(texts.label, label_rules(with_shots), where("label")),
        train(texts.train, train_rules(), where("train")),
        p_true(texts.p_true, p_true_rules(), where("p_true")),
        idk(texts.idk),
        yes(texts.yes),
        no(texts.no) {
    check(where("shot"), where("idk"), where("p_true_no"));
  }

  PromptTemplate shot, label, train, p_true;
  std::string idk;      // what D_IDK teaches
  std::string yes, no;  // what P(True) compares

  /// Exemplars, then the question (appendix C).
  std::string asked(std::span<const Question> shots, const Question& question) const;
  /// Whether a prompt depends on more of a question than its text.
  bool name_details() const;
  /// What comes after the answer of an exemplar, and so ends an answer.
  std::string_view answer_end() const { return shot.after("answer"); }

 private:
  static PromptTemplate::Rules shot_rules(), label_rules(bool with_shots), train_rules(),
      p_true_rules();
  void check(std::string_view shot, std::string_view idk, std::string_view no) const;
};

/// What stands between a prompt and its answer: a blank, where the prompt does not end in white
/// space.
std::string_view blank_before_answer(std::string_view prompt);

}  // namespace factsweep
