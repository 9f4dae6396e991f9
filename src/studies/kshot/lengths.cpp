// Examples that are longer than the model's positions: left out where it cannot read them, else counted.
#include <fmt/format.h>

#include <algorithm>

#include "factsweep/label/text_lengths.hpp"
#include "factsweep/tasks/prompt.hpp"
#include "options.hpp"
#include "sets.hpp"

namespace factsweep::kshot {
namespace {

class Look {
 public:
  Look(const Deck& deck, Sets& sets)
      : deck_(deck),
        sets_(sets),
        lengths_(deck.text("model.path")),
        template_(prompts(deck)),
        longest_(deck.integer("kshot.longest")) {}

  void look() {
    for (TaskEntry& task : sets_.tasks) {
      const std::string worked = worked_examples(template_, task.worked);
      const std::string of = fmt::format("task '{}', ", task.name);
      at(of + "test examples", task.test,
         [&](const TaskExample& example) { return tested(worked, example); });
      at(of + (task.chosen ? "chosen shots" : "training examples"), task.train,
         [&](const TaskExample& example) {
           const std::string why = tested(worked, example);
           return why.empty() ? shown(task, example) : why;
         });
    }
    const auto is_taught = [&](const TaskExample& example) { return taught(example); };
    for (Pool& pool : sets_.pools)
      at(fmt::format("pool '{}'", pool.name), pool.set, is_taught);
    for (BankEntry& entry : sets_.bank)
      at(fmt::format("bank '{}'", entry.name), entry.set, is_taught);
  }

 private:
  /// Of a question, behind worked examples, and the options that are scored.
  std::string tested(const std::string& worked, const TaskExample& example) const {
    const std::string prompt = worked + render(template_, example);
    std::string why = lengths_.excess(prompt, "");
    if (!deck_.flag("eval.likelihood")) return why;
    for (const std::string& option : deck_.text("eval.option_text") == "option"
                                         ? example.options
                                         : example.option_outputs) {
      if (why.empty()) why = lengths_.excess(prompt, std::string(lead(prompt)) + option);
    }
    return why;
  }

  /// Of an example that is learnt: with EOS, and cut.
  std::string taught(const TaskExample& example) const {
    const std::string prompt = render(template_, example);
    return lengths_.excess(prompt, std::string(lead(prompt)) + example.output, 1, longest_);
  }

  /// Of a shot: learnt, and where there is a bank scored with its reasons.
  std::string shown(const TaskEntry& task, const TaskExample& example) const {
    if (sets_.bank.empty()) return taught(example);
    const std::string prompt = render(template_, example);
    return lengths_.excess(prompt, std::string(lead(prompt)) + task.with_reasons(example), 1);
  }

  template <typename Why>
  void at(const std::string& source, TaskSet& set, const Why& why) {
    const bool drop = lengths_.are_bounded();
    RecordCounts counts;
    const std::size_t dropped = std::erase_if(set.examples, [&](const TaskExample& example) {
      const std::string reason = why(example);
      if (!reason.empty()) counts.add(reason, example.where);
      return !reason.empty() && drop;
    });
    if (dropped > 0 && set.examples.empty())
      throw InputError(fmt::format("{}: nothing is left. {}.", source, counts.told()));
    if (!counts.empty()) sets_.said.push_back({source, drop ? "left out" : "used", counts});
  }

  const Deck& deck_;
  Sets& sets_;
  const TextLengths lengths_;
  const std::string template_;
  const std::int64_t longest_;
};

}  // namespace

void Sets::look_at_lengths(const Deck& deck) {
  Look(deck, *this).look();
}

}  // namespace factsweep::kshot
