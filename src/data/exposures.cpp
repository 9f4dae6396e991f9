#include "factsweep/data/exposures.hpp"

#include <fmt/format.h>

#include <charconv>
#include <limits>
#include <nlohmann/json.hpp>
#include <set>

#include "factsweep/core/error.hpp"
#include "factsweep/core/utf8.hpp"
#include "factsweep/data/records.hpp"
#include "factsweep/data/trim.hpp"

namespace factsweep {
namespace {

constexpr const char *kCount = "count", *kQuestion = "question", *kSubject = "subject",
                     *kRelation = "relation";

[[noreturn]] void refuse(const DataRecord& record, const std::string& why) {
  throw InputError(fmt::format(
      "{}: {}. A record of exposures has a count, and a question, or a subject and its relation.",
      record.where, why));
}

/// Empty where the record has no such text.
std::string plain_text(const DataRecord& record, const char* key) {
  const auto found = record.value.find(key);
  if (found == record.value.end() || found->is_null()) return {};
  if (found->is_number_integer()) return found->dump();  // a year
  if (!found->is_string()) refuse(record, fmt::format("has a '{}' that is not a text", key));
  return nfc(trimmed(found->get_ref<const std::string&>()));
}

std::int32_t count_of(const DataRecord& record) {
  const auto found = record.value.find(kCount);
  if (found == record.value.end()) refuse(record, fmt::format("has no '{}'", kCount));
  const std::string text = found->is_string()
                               ? std::string(trimmed(found->get_ref<const std::string&>()))
                               : found->dump();
  std::int32_t count = -1;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
  if (error != std::errc() || end != text.data() + text.size() || count < 0)
    refuse(record, fmt::format("has a '{}' that is no whole number from 0 to {}: '{}'", kCount,
                               std::numeric_limits<std::int32_t>::max(), excerpt(text)));
  return count;
}

}  // namespace

Exposures Exposures::read(const std::filesystem::path& path) {
  Exposures all;
  const auto is_record = [](const nlohmann::json& value) { return value.contains(kCount); };
  for_each_data_record(path, is_record, [&](const DataRecord& record) {
    if (!record.fault.empty()) refuse(record, record.fault);
    if (!record.value.is_object()) refuse(record, "is no object");
    const std::string question = plain_text(record, kQuestion), subject = plain_text(record, kSubject),
                      relation = plain_text(record, kRelation);
    const bool by_question = !question.empty();
    if (!by_question && (subject.empty() || relation.empty()))
      refuse(record, "has neither a question nor a subject with its relation");
    auto& counts = by_question ? all.of_question_ : all.of_subject_;
    const std::int32_t count = count_of(record);
    const auto [known, is_new] = counts.try_emplace({by_question ? question : subject, relation},
                                                    count);
    if (!is_new && known->second != count)
      refuse(record, fmt::format("counts '{}' {} times, and a record before it {} times",
                                 excerpt(known->first.first), count, known->second));
  });
  if (all.size() == 0)
    throw InputError(fmt::format("{}: holds no record of exposures.", path.string()));
  return all;
}

std::int64_t Exposures::join(std::vector<Question>& questions) const {
  std::set<const Fact*> asked;
  const auto look = [&](const std::map<Fact, std::int32_t>& counts, const std::string& name,
                        const std::string& relation, Question& question) {
    const auto found = counts.find({nfc(name), relation});
    if (question.exposures >= 0 || found == counts.end()) return;
    question.exposures = found->second;
    asked.insert(&found->first);
  };
  for (Question& question : questions) {
    question.exposures = -1;
    const std::string relation = nfc(question.relation);
    look(of_question_, question.question, relation, question);
    look(of_question_, question.question, "", question);
    look(of_subject_, question.subject, relation, question);
  }
  return size() - static_cast<std::int64_t>(asked.size());
}

}  // namespace factsweep
