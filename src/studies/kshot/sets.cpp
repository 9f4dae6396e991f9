#include "sets.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "factsweep/core/error.hpp"
#include "factsweep/core/random.hpp"

namespace factsweep::kshot {
namespace {

template <typename Item>
std::size_t place_of(const std::vector<Item>& items, const std::string& name) {
  const auto found =
      std::find_if(items.begin(), items.end(), [&](const Item& item) { return item.name == name; });
  require(found != items.end(), "kshot: no such name: " + name);
  return static_cast<std::size_t>(found - items.begin());
}

}  // namespace

std::string name(Rationales rationales) {
  switch (rationales) {
    case Rationales::file:
      return "file";
    case Rationales::data:
      return "data";
    case Rationales::own_output:
      return "own output";
    case Rationales::answer_only:
      return "answer only";
  }
  return "";
}

std::string TaskEntry::reasoned(std::int64_t example) const {
  const TaskExample& shot = train.examples.at(static_cast<std::size_t>(example));
  if (rationales == Rationales::file) {
    const std::int64_t row = train_rows.at(static_cast<std::size_t>(example));
    const auto found = expanded.find(row);
    if (found == expanded.end())
      throw InputError(fmt::format(
          "{}: the rationale file has no row {}, which is among its shots.", name, row));
    return found->second;
  }
  if (rationales == Rationales::data && !shot.rationale.empty())
    return shot.output + "\n\n" + shot.rationale;
  return shot.output;
}

std::optional<std::size_t> Sets::expert_of(std::size_t task) const {
  for (std::size_t i = 0; i < bank.size(); ++i) {
    if (bank[i].task == task) return i;
  }
  return std::nullopt;
}

const TaskEntry& Sets::task(const std::string& name) const {
  return tasks[place_of(tasks, name)];
}

const Pool& Sets::pool(const std::string& name) const {
  return pools[place_of(pools, name)];
}

std::size_t Sets::adapter(const std::string& name) const {
  return place_of(bank, name);
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

}  // namespace factsweep::kshot
