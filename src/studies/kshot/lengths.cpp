// Examples that are longer than the model's positions: left out where it cannot read them, else counted.
#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "factsweep/label/text_lengths.hpp"
#include "factsweep/tasks/prompt.hpp"
#include "grid.hpp"
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

/// What becomes of a shot that is learnt; empty: it is learnt whole.
struct CutShot {
  std::string left_out, cut;
};

CutShot cut_shot(const TextLengths& lengths, const std::string& prompt, const std::string& output,
                 std::int64_t longest) {
  constexpr std::int64_t kAround = 8;  // tokens that stand around a text
  if (std::ssize(prompt) + std::ssize(output) + kAround < longest) return {};
  const TextLengths::Tokens tokens = lengths.tokens(prompt, std::string(lead(prompt)) + output);
  if (tokens.prompt >= longest)
    return {.left_out =
                fmt::format("its prompt alone fills kshot.longest, so that it is not learnt: "
                            "{} tokens of {}",
                            tokens.prompt, longest)};
  const std::int64_t all = tokens.prompt + tokens.answer + 1;  // EOS
  if (all <= longest) return {};
  return {.cut = fmt::format("longer than kshot.longest, at which it is cut: {} tokens of {}", all,
                             longest)};
}

}  // namespace

void look_at_shots(const Deck& deck, const std::vector<GridPoint>& points, Sets& sets) {
  const TextLengths lengths(deck.text("model.path"));
  const std::string prompt_template = prompts(deck);
  const std::int64_t longest = deck.integer("kshot.longest");
  const bool with_reasons = deck.text("kshot.teach") == "reasons";
  std::map<std::size_t, std::map<std::int64_t, CutShot>> known;  // by task and row
  for (const GridPoint& at : points) {
    if (!at.method->is_taught() || at.shots < 1) continue;
    const TaskEntry& task = sets.tasks[at.task];
    std::int64_t lost = 0;
    for (const std::int64_t row : at.drawn_shots(sets).rows(sets)) {
      const auto [shot, fresh] = known[at.task].try_emplace(row);
      const TaskExample& example = task.train.examples.at(static_cast<std::size_t>(row));
      if (fresh)
        shot->second =
            cut_shot(lengths, render(prompt_template, example),
                     with_reasons ? task.with_reasons(example) : example.output, longest);
      lost += shot->second.left_out.empty() ? 0 : 1;
    }
    if (lost == at.shots && !at.has_data())
      throw deck.error("kshot.longest",
                       fmt::format("is {}, and the prompts of all {} shots of the task '{}' that a "
                                   "draw has are as long or longer. Raise it, or shorten them.",
                                   longest, lost, task.name));
  }
  for (const auto& [index, shots] : known) {
    const TaskEntry& task = sets.tasks[index];
    RecordCounts left_out, cut;
    for (const auto& [row, shot] : shots) {
      const std::string& where = task.train.examples.at(static_cast<std::size_t>(row)).where;
      if (!shot.left_out.empty()) left_out.add(shot.left_out, where);
      if (!shot.cut.empty()) cut.add(shot.cut, where);
    }
    const std::string source = fmt::format("task '{}', shots", task.name);
    sets.say(source, "left out", left_out);
    sets.say(source, "used", cut);
  }
}

void Sets::look_at_lengths(const Deck& deck) {
  Look(deck, *this).look();
}

}  // namespace factsweep::kshot
