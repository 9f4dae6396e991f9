// The forms of task files: how a record is known, and what example it makes. Private to the tasks
// module.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "factsweep/tasks/read_tasks.hpp"
#include "record.hpp"

namespace factsweep::tasks {

/// What a record alone does not say.
struct FormContext {
  const ReadTasksSettings& settings;
  std::string set_name;
  std::vector<std::int64_t> labels;  // PIQA: [row], 0 or 1, of the file beside
  std::size_t row = 0;               // of the record, from 0
};

/// The right option by its index, as the file has it; -1: it has something else there.
struct IndexedAnswer {
  std::int64_t index = -1, options = 0;
};

struct Form {
  const char* name;
  const char* keys;  // for messages
  TaskKind kind;     // `letters` makes a letter of name
  bool (*fits)(const Record&);
  void (*read)(const Record&, const FormContext&, std::vector<TaskExample>&);
  std::string (*part)(const Record&) = nullptr;  // what settings.part may choose
  bool part_is_set = false;                      // each part is a set of its own
  bool has_turns = false;                        // a record is a conversation
  IndexedAnswer (*index_of)(const Record&) = nullptr;  // where answers may be indices
};

std::span<const Form> truthfulqa_forms();
std::span<const Form> choice_forms();
std::span<const Form> number_forms();
std::span<const Form> text_forms();

/// Asked as OpenCompass asks (`lead` is "Question: " there, except for PIQA). `gold` is an index.
TaskExample lettered(std::string_view lead, const std::string& question,
                     const std::vector<std::string>& options, std::size_t gold);

/// Of free text: the answer is taken out of the output where the example has none.
void add_text(TaskExample example, std::vector<TaskExample>& examples);

// Conversations: an example a reply (chat_forms.cpp).
void read_conversations(const Record&, const FormContext&, std::vector<TaskExample>&);
void read_messages(const Record&, const FormContext&, std::vector<TaskExample>&);

/// X-labels.lst beside X.jsonl[.gz]. InputError: missing, or a line that is not 0 or 1.
std::vector<std::int64_t> piqa_labels(const std::filesystem::path& path);

}  // namespace factsweep::tasks
