#include "factsweep/data/csv.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "factsweep/core/error.hpp"

namespace factsweep {
namespace {

/// A row that cannot be read, though those after it can: its lines, from `line` to where the fault
/// was found.
struct BadRow {
  std::int64_t line = 0, last = 0;
  const char* fault = "";
};

/// Blanks that stand between a separator and a quotation mark.
constexpr std::string_view kBlanks = " \t";

class CsvReader {
 public:
  CsvReader(std::string_view text, char separator) : text_(text), separator_(separator) {}

  bool at_end() const { return at_ == text_.size(); }
  std::int64_t line() const { return line_; }

  std::vector<std::string> row() {
    std::vector<std::string> fields = {field()};
    while (!at_end() && text_[at_] == separator_) {
      ++at_;
      fields.push_back(field());
    }
    end_line();
    return fields;
  }
  void pass_over_line() {
    at_ = std::min(text_.find_first_of("\r\n", at_), text_.size());
    end_line();
  }

 private:
  /// Of a field whose mark stands behind a blank it is not sure that it is quoted: text behind the
  /// closing one says that it is not.
  std::string field() {
    const std::size_t begin = at_;
    const std::int64_t line = line_;
    pass_over_blanks();
    if (!at_end() && text_[at_] == '"') {
      try {
        return quoted();
      } catch (const BadRow&) {
        if (text_[begin] == '"') throw;
      }
    }
    line_ = line;
    const char stops[] = {separator_, '\n', '\r', 0};
    at_ = std::min(text_.find_first_of(stops, begin), text_.size());
    return std::string(text_.substr(begin, at_ - begin));
  }

  std::string quoted() {
    const std::int64_t opened = line_;
    std::string value;
    for (++at_; !at_end(); ++at_) {
      const char c = text_[at_];
      if (c == '"') {
        if (at_ + 1 == text_.size() || text_[at_ + 1] != '"') break;
        ++at_;
      }
      if (c == '\n') ++line_;
      const bool ends_line = c == '\r' && at_ + 1 < text_.size() && text_[at_ + 1] == '\n';
      if (!ends_line) value += c;  // one line break, whatever system wrote it
    }
    if (at_end())
      throw BadRow{opened, line_ - (text_.back() == '\n' ? 1 : 0),
                   "a quotation mark opens a field and is never closed"};
    ++at_;
    pass_over_blanks();
    const bool ends =
        at_end() || text_[at_] == separator_ || text_[at_] == '\n' || text_[at_] == '\r';
    if (!ends)
      throw BadRow{opened, line_,
                   opened == line_ ? "text follows the quotation mark that closes a field. Write "
                                     "marks inside of a field twice"
                                   : "a quotation mark opens a field of several lines, and text "
                                     "follows the one that closes it. Close the field, or write "
                                     "marks inside of it twice"};
    return value;
  }

  void pass_over_blanks() {
    while (!at_end() && text_[at_] != separator_ && kBlanks.find(text_[at_]) != kBlanks.npos) ++at_;
  }

  void end_line() {
    if (at_end()) return;
    at_ += text_.substr(at_).starts_with("\r\n") ? 2 : 1;
    ++line_;
  }

  const std::string_view text_;
  const char separator_;
  std::size_t at_ = 0;
  std::int64_t line_ = 1;
};

/// The separator that a first line "sep=;" names: so spreadsheets are told it. 0: there is no such
/// line.
char named_separator(std::string_view text) {
  constexpr std::string_view kEnds = "\r\n";
  const bool is_named = text.size() > 4 && (text[0] | 0x20) == 's' && (text[1] | 0x20) == 'e' &&
                        (text[2] | 0x20) == 'p' && text[3] == '=' &&
                        kEnds.find(text[4]) == kEnds.npos;
  const bool ends = text.size() < 6 || kEnds.find(text[5]) != kEnds.npos;
  return is_named && ends ? text[4] : '\0';
}

}  // namespace

void for_each_csv_row(
    std::string_view text, std::string_view name, char separator,
    const std::function<void(const std::vector<std::string>& fields, std::int64_t line)>& visit,
    const std::function<void(std::int64_t line, const std::string& fault)>& bad) {
  const char named = named_separator(text);
  CsvReader reader(text, named != '\0' ? named : separator);
  if (named != '\0') reader.pass_over_line();
  while (!reader.at_end()) {
    const std::int64_t line = reader.line();
    std::vector<std::string> fields;
    try {
      fields = reader.row();
    } catch (const BadRow& row) {
      if (!bad) throw InputError(fmt::format("{}:{}: {}.", name, row.line, row.fault));
      // a mark too few takes whole rows into a field: each is one that is lost
      for (std::int64_t lost = row.line; lost <= row.last; ++lost) bad(lost, row.fault);
      reader.pass_over_line();
      continue;
    }
    if (fields.size() > 1 || !fields.front().empty()) visit(fields, line);
  }
}

}  // namespace factsweep
