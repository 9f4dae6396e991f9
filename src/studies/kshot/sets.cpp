#include "sets.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "factsweep/core/error.hpp"
#include "factsweep/core/random.hpp"
#include "factsweep/data/trim.hpp"
#include "factsweep/studies/support/lists.hpp"
#include "factsweep/tasks/asked.hpp"

namespace factsweep::kshot {

std::string name(Rationales rationales) {
  constexpr const char* kNames[] = {"file", "data", "own output", "answer only"};
  return kNames[static_cast<std::size_t>(rationales)];
}

std::string TaskEntry::reasoned(std::int64_t example) const {
  const TaskExample& shot = train.examples.at(static_cast<std::size_t>(example));
  if (rationales == Rationales::file && expanded.count(shot.row) == 0)
    throw InputError(
        fmt::format("{}: the rationale file has no row {}, which is among its shots ({}).", name,
                    shot.row, shot.where));
  return with_reasons(shot);
}

std::string TaskEntry::with_reasons(const TaskExample& shot) const {
  const auto found = expanded.find(shot.row);
  if (rationales == Rationales::file && found != expanded.end()) return found->second;
  if (rationales == Rationales::data && !shot.rationale.empty())
    return shot.output + "\n\n" + shot.rationale;
  return shot.output;
}

std::map<std::string, std::string> named_columns(const JsonNode& node) {
  if (!node.json.is_object()) node.fail("is no object {\"instruction\": \"COLUMN\", ...}.");
  std::map<std::string, std::string> names;
  for (const auto& item : node.json.items()) names[item.key()] = nfc(node.text(item.key().c_str()));
  return names;
}

void Sets::say(const std::string& source, const std::string& fate, const RecordCounts& counts) {
  const bool known = std::any_of(said.begin(), said.end(), [&](const SourceCounts& earlier) {
    return earlier.source == source && earlier.fate == fate;
  });
  if (!known && !counts.empty()) said.push_back({source, fate, counts});
}

void Sets::remember(ReadFile read) {
  const bool known = std::any_of(files.begin(), files.end(), [&](const ReadFile& earlier) {
    return earlier.file == read.file && earlier.form == read.form && earlier.keys == read.keys;
  });
  if (!known) files.push_back(std::move(read));
}

void Sets::keep_shots_out_of_pool(std::size_t pool, const std::vector<Shots>& shots) {
  AskedQuestions known;
  for (const Shots& drawn : shots) known.add(drawn.read(*this));
  RecordCounts repeated;
  Pool& open = pools.at(pool);
  std::erase_if(open.set.examples, [&](const TaskExample& example) {
    const bool is_shot = known.ask(example);
    if (is_shot) repeated.add("asks what a shot asks", example.where);
    return is_shot;
  });
  if (repeated.empty()) return;
  open.repeated += repeated.records();
  const std::string source = fmt::format("pool '{}'", open.name);
  if (open.set.examples.empty())
    throw InputError(fmt::format("{}: nothing is left. {}.", source, repeated.told()));
  said.push_back({source, "left out", repeated});
}

std::optional<std::size_t> Sets::expert_of(std::size_t task) const {
  for (std::size_t i = 0; i < bank.size(); ++i) {
    if (bank[i].task == task) return i;
  }
  return std::nullopt;
}

std::int64_t Sets::mixable() const {
  return std::count_if(bank.begin(), bank.end(),
                       [](const BankEntry& entry) { return entry.can_be_mixed(); });
}

bool Sets::has_programs() const {
  return std::any_of(tasks.begin(), tasks.end(),
                     [](const TaskEntry& task) { return task.test.kind == TaskKind::code; });
}

const TaskEntry& Sets::task(const std::string& name) const {
  return by_name(tasks, name);
}

const Pool& Sets::pool(const std::string& name) const {
  return by_name(pools, name);
}

const BankEntry& Sets::adapter(const std::string& name) const {
  return by_name(bank, name);
}

std::uint64_t Shots::key(const char* what, std::uint64_t seed) const {
  return hash_words({hash_text(what), hash_text(task), static_cast<std::uint64_t>(draw), seed});
}

std::vector<std::int64_t> Shots::rows(const Sets& sets) const {
  if (sets.task(task).chosen) return numbers(0, static_cast<std::size_t>(count));
  return draw_rows(sets.task(task).train, count,
                   hash_words({hash_text("shots"), static_cast<std::uint64_t>(draw)}));
}

std::vector<std::int64_t> Shots::records(const Sets& sets) const {
  return each(read(sets).examples, &TaskExample::row);
}

TaskSet Shots::read(const Sets& sets) const {
  return pick(sets.task(task).train, rows(sets));
}

std::vector<std::string> Shots::outputs(const Sets& sets, bool reasons) const {
  const TaskEntry& from = sets.task(task);
  std::vector<std::string> list;
  for (const std::int64_t row : rows(sets))
    list.push_back(reasons ? from.reasoned(row)
                           : from.train.examples[static_cast<std::size_t>(row)].output);
  return list;
}

std::vector<std::int64_t> Shots::among(std::int64_t more, const Sets& sets) const {
  const std::vector<std::int64_t> all = Shots{task, draw, more}.rows(sets);
  std::vector<std::int64_t> places;
  for (const std::int64_t row : rows(sets))
    places.push_back(std::lower_bound(all.begin(), all.end(), row) - all.begin());
  return places;
}

}  // namespace factsweep::kshot
