#include "taught.hpp"

#include <string>

#include "../options.hpp"
#include "factsweep/core/error.hpp"

namespace factsweep::slick {
namespace {

/// Questions as examples, by the deck's rules.
class Writer {
 public:
  Writer(const Worker& worker, const Deck& deck, bool all_answers, const AnswerFormat& format)
      : model_(worker.model),
        answer_end_(worker.answer_end),
        end_(deck.text("slick.answer_end")),
        all_answers_(all_answers),
        format_(format) {}

  Example example(const Question& question) const {
    const std::string prompt = format_.prompts.train.filled(question);
    Example example = with_answer(prompt, question.answer);
    if (!all_answers_) return example;
    for (const std::string& alias : question.aliases)
      example.others.push_back(with_answer(prompt, alias).answer);
    return example;
  }

 private:
  Example with_answer(const std::string& prompt, const std::string& answer) const {
    const bool newline = end_ == "newline" || (end_ == "auto" && !answer_end_);
    const ProbeItem item =
        make_item(model_, prompt, format_.lead, newline ? answer + "\n" : answer, nullptr);
    Example example{item.prompt, item.gold};
    if (end_ == "auto" && answer_end_) {
      example.answer.push_back(*answer_end_);
    } else if (!newline) {
      if (model_.eos.empty())
        throw InputError("slick.answer_end = eos, but the model has no EOS token. Use newline.");
      example.answer.push_back(model_.eos.front());
    }
    return example;
  }

  const Model& model_;
  const std::optional<TokenId> answer_end_;  // Worker::answer_end
  const std::string end_;                    // slick.answer_end
  const bool all_answers_;
  const AnswerFormat& format_;
};

}  // namespace

Taught taught(const Worker& worker, const Deck& deck, const Mixture& mixture,
              const std::vector<std::uint8_t>& category, std::uint64_t seed,
              const AnswerFormat& format) {
  const Corpus& corpus = worker.corpus;
  const Writer writer(worker, deck, mixture.all_answers, format);
  const SizeRule rule = size_rule(deck);
  Taught result{.members = select_rows(corpus, category, mixture, rule, seed),
                .patch = patch_rows(corpus, category, mixture, rule, seed)};
  const auto add = [&](const std::vector<std::int64_t>& rows, std::vector<Question>& questions) {
    for (const std::int64_t place : rows) {
      const auto row = static_cast<std::size_t>(place);
      Question& question = questions.emplace_back(corpus.rows[row]);
      const bool unknown = category[row] == static_cast<std::uint8_t>(Category::unknown);
      if (mixture.idk && unknown) {
        question.answer = format.prompts.idk;
        question.aliases.clear();
      } else if (mixture.all_answers) {
        result.shown.add_accepted({&question, 1});
      } else {
        result.shown.add(question);
      }
      result.examples.push_back(writer.example(question));
    }
  };
  add(result.members, result.of_members);
  add(result.patch, result.of_patch);
  return result;
}

}  // namespace factsweep::slick
