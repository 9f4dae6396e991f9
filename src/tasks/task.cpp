#include "factsweep/tasks/task.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <unordered_map>
#include <utility>

#include "factsweep/core/error.hpp"
#include "factsweep/core/random.hpp"

namespace factsweep {
namespace {

std::vector<std::int64_t> shuffled(const TaskSet& set, std::string_view purpose,
                                   std::uint64_t seed) {
  return permutation(static_cast<std::int64_t>(set.examples.size()),
                     CounterRandom(hash_words({hash_text(purpose), seed, hash_text(set.name)})));
}

}  // namespace

std::string_view name(TaskKind kind) {
  switch (kind) {
    case TaskKind::letter:
      return "letter";
    case TaskKind::name:
      return "name";
    case TaskKind::number:
      return "number";
    case TaskKind::text:
      return "text";
    case TaskKind::code:
      return "code";
    case TaskKind::latex:
      return "latex";
    case TaskKind::choice:
      return "choice";
  }
  return "";
}

std::int64_t TaskExample::gold() const {
  const auto found = std::find(names.begin(), names.end(), answer);
  return found == names.end() ? -1 : found - names.begin();
}

std::string question_of(const TaskExample& example) {
  return example.instruction + "\n" + example.input;
}

RecordCounts repeated_examples(TaskSet& set, bool drop) {
  std::unordered_map<std::string, std::vector<std::size_t>> alike;
  for (std::size_t i = 0; i < set.examples.size(); ++i)
    alike[question_of(set.examples[i])].push_back(i);
  std::vector<const char*> why(set.examples.size(), nullptr);
  for (const auto& [question, places] : alike) {
    const std::string& output = set.examples[places.front()].output;
    const bool agree = std::all_of(places.begin(), places.end(), [&](std::size_t i) {
      return set.examples[i].output == output;
    });
    for (std::size_t k = agree ? 1 : 0; k < places.size() && places.size() > 1; ++k)
      why[places[k]] = agree ? "the same as an earlier example" : "asked again with another output";
  }
  RecordCounts counts;
  std::vector<TaskExample> kept;
  for (std::size_t i = 0; i < why.size(); ++i) {
    if (why[i] != nullptr) counts.add(why[i], set.examples[i].where);
    if (why[i] == nullptr || !drop) kept.push_back(std::move(set.examples[i]));
  }
  set.examples = std::move(kept);
  return counts;
}

TaskSet pick(const TaskSet& set, std::span<const std::int64_t> rows) {
  TaskSet picked{.name = set.name, .kind = set.kind};
  for (const std::int64_t row : rows) {
    if (row < 0 || row >= static_cast<std::int64_t>(set.examples.size()))
      throw InputError(fmt::format("{}: has {} examples, there is no row {} (from 0).", set.name,
                                   set.examples.size(), row));
    picked.examples.push_back(set.examples[static_cast<std::size_t>(row)]);
  }
  return picked;
}

std::vector<std::int64_t> draw_rows(const TaskSet& set, std::int64_t count, std::uint64_t seed) {
  const auto size = static_cast<std::int64_t>(set.examples.size());
  if (count < 0 || count > size)
    throw InputError(
        fmt::format("{}: {} examples are asked for, it has {}.", set.name, count, size));
  std::vector<std::int64_t> rows = shuffled(set, "draw of a task", seed);
  if (count > 0) rows.resize(static_cast<std::size_t>(count));
  std::sort(rows.begin(), rows.end());
  return rows;
}

TaskSet draw(const TaskSet& set, std::int64_t count, std::uint64_t seed) {
  return pick(set, draw_rows(set, count, seed));
}

TaskSplit hold_out(const TaskSet& set, std::int64_t test, std::uint64_t seed) {
  const auto size = static_cast<std::int64_t>(set.examples.size());
  if (test < 1 || test >= size)
    throw InputError(fmt::format(
        "{}: {} of its {} examples cannot be held out; at least one has to stay on either side.",
        set.name, test, size));
  std::map<std::int64_t, std::int64_t> replies;  // by conversation
  for (const TaskExample& example : set.examples) ++replies[example.conversation];
  std::map<std::int64_t, bool> is_held;
  std::vector<std::int64_t> held, others;
  std::int64_t room = test;
  for (const std::int64_t row : shuffled(set, "test examples of a task", seed)) {
    const std::int64_t conversation = set.examples[static_cast<std::size_t>(row)].conversation;
    const std::int64_t together = conversation < 0 ? 1 : replies[conversation];
    const auto known = is_held.find(conversation);
    const bool goes =
        conversation >= 0 && known != is_held.end() ? known->second : together <= room;
    if (goes && (conversation < 0 || known == is_held.end())) room -= together;
    if (conversation >= 0) is_held.emplace(conversation, goes);
    (goes ? held : others).push_back(row);
  }
  if (held.empty())
    throw InputError(fmt::format(
        "{}: {} examples cannot be held out: the replies of a conversation stay together, and each "
        "conversation has more.",
        set.name, test));
  std::sort(held.begin(), held.end());
  std::sort(others.begin(), others.end());
  return {.train = pick(set, others), .test = pick(set, held)};
}

std::string fingerprint(const TaskSet& set) {
  std::uint64_t hash = hash_words({hash_text(set.name), static_cast<std::uint64_t>(set.kind)});
  const auto add = [&](const std::string& text) { hash = hash_words({hash, hash_text(text)}); };
  for (const TaskExample& example : set.examples) {
    for (const std::string* text : {&example.instruction, &example.input, &example.output,
                                    &example.answer, &example.rationale, &example.tests})
      add(*text);
    for (const auto* list : {&example.options, &example.names, &example.option_outputs}) {
      for (const std::string& text : *list) add(text);
    }
  }
  return hex(hash);
}

}  // namespace factsweep
