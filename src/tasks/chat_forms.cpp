// Conversations, as ShareGPT and as OpenAI write them.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "forms.hpp"

namespace factsweep::tasks {
namespace {

enum class Role : std::uint8_t { system, user, assistant };

struct Turn {
  Role role = Role::user;
  std::string text;
};

Role role_of(const Record& turn, const char* key) {
  constexpr std::array<std::pair<std::string_view, Role>, 11> kRoles = {{
      {"system", Role::system},
      {"developer", Role::system},
      {"user", Role::user},
      {"human", Role::user},
      {"prompter", Role::user},
      {"assistant", Role::assistant},
      {"gpt", Role::assistant},
      {"chatgpt", Role::assistant},
      {"model", Role::assistant},
      {"bot", Role::assistant},
      {"ai", Role::assistant},
  }};
  const std::string name = turn.filled(key);
  const auto found = std::find_if(kRoles.begin(), kRoles.end(),
                                  [&](const auto& role) { return role.first == name; });
  if (found == kRoles.end())
    turn.fail(fmt::format("has a turn that is neither a user's, nor an assistant's, nor the "
                          "system's: {}",
                          name));
  return found->second;
}

/// A text, or a list of parts of which each is one: {"type": "text", "text": ...}.
std::string content_of(const Record& turn, const char* key) {
  const nlohmann::json& value = turn.at(key);
  if (!value.is_array()) return turn.filled(key);
  std::string text;
  for (const nlohmann::json& part : value) {
    if (!part.is_object() || !part.contains("text") || !part.at("text").is_string())
      turn.fail(fmt::format("has a part in '{}' that is no text", key));
    text += part.at("text").get<std::string>();
  }
  if (strip(text).empty()) turn.fail(fmt::format("has an empty '{}'", key));
  return std::string(strip(text));
}

/// Whether a system's turn says nothing, as exports of chats have it where there is no system.
bool says_nothing(const Record& turn, const char* key) {
  const auto is_blank = [](const nlohmann::json& text) {
    return text.is_null() ||
           (text.is_string() && strip(text.get_ref<const std::string&>()).empty());
  };
  if (!turn.has(key)) return true;
  const nlohmann::json& value = turn.at(key);
  if (!value.is_array()) return is_blank(value);
  return std::all_of(value.begin(), value.end(), [&](const nlohmann::json& part) {
    return part.is_object() && part.contains("text") && is_blank(part.at("text"));
  });
}

/// A reply of weight 0 is part of what follows it, and is not learnt.
bool is_taught(const Record& turn) {
  if (!turn.has("weight")) return true;
  const nlohmann::json& weight = turn.at("weight");
  if (weight == 0 || weight == false) return false;
  if (!weight.is_null() && weight != 1 && weight != true)
    turn.fail("has a turn with another 'weight' than 0 and 1");
  return true;
}

/// What is asked: the system's text, then the turns; who says them where several do.
std::string asked(const std::vector<Turn>& turns) {
  const auto is_system = [](const Turn& turn) { return turn.role == Role::system; };
  const auto said = turns.size() - static_cast<std::size_t>(
                                       std::count_if(turns.begin(), turns.end(), is_system));
  std::string text;
  for (const Turn& turn : turns) {
    if (!text.empty()) text += "\n\n";
    if (said > 1 && !is_system(turn)) text += turn.role == Role::user ? "User: " : "Assistant: ";
    text += turn.text;
  }
  return text;
}

/// The question since turn `first` of the reply that ends `turns`, alone and behind the system's
/// text: a test may ask it either way.
void add_told(const std::vector<Turn>& turns, std::size_t first, std::vector<ToldTurn>& told) {
  std::string system, question;
  for (std::size_t i = 0; i + 1 < turns.size(); ++i) {
    std::string& text = turns[i].role == Role::system ? system : question;
    if (turns[i].role == Role::assistant || (turns[i].role == Role::user && i < first)) continue;
    text += (text.empty() ? "" : "\n\n") + turns[i].text;
  }
  if (question.empty()) return;
  if (!system.empty()) told.push_back({system + "\n\n" + question, turns.back().text});
  told.push_back({question, turns.back().text});
}

void read_turns(const Record& record, const char* list, std::vector<TaskExample>& examples) {
  std::vector<Turn> turns;
  if (!strip(record.text_or_empty("system")).empty())
    turns.push_back({Role::system, record.filled("system")});
  std::vector<TaskExample> found;
  std::vector<ToldTurn> told;
  std::size_t answered = 0;  // turns up to the latest reply
  bool has_untaught = false;
  for (const nlohmann::json& value : record.list(list)) {
    const Record turn(value, record.where());
    const char *who = turn.first_of({"from", "role"}),
               *what = turn.first_of({"value", "content", "text"});
    const Role role = role_of(turn, who);
    if (role == Role::system && says_nothing(turn, what)) continue;
    turns.push_back({role, content_of(turn, what)});
    if (role != Role::assistant) continue;
    const std::vector<Turn> before(turns.begin(), turns.end() - 1);
    const bool has_question = std::any_of(before.begin(), before.end(), [](const Turn& one) {
      return one.role == Role::user;
    });
    const std::string& reply = turns.back().text;
    const bool teaches = is_taught(turn);
    has_untaught = has_untaught || (has_question && !teaches);
    if (has_question && teaches) {
      TaskExample example{.instruction = asked(before), .output = reply};
      example.told = told;
      add_text(std::move(example), found);
    }
    add_told(turns, answered, told);
    answered = turns.size();
  }
  if (found.empty())
    record.fail(fmt::format("has no reply to a user in '{}'{}", list,
                            has_untaught ? " whose weight is not 0" : ""));
  std::move(found.begin(), found.end(), std::back_inserter(examples));
}

}  // namespace

void read_conversations(const Record& record, const FormContext&,
                        std::vector<TaskExample>& examples) {
  read_turns(record, "conversations", examples);
}

void read_messages(const Record& record, const FormContext&, std::vector<TaskExample>& examples) {
  read_turns(record, "messages", examples);
}

}  // namespace factsweep::tasks
