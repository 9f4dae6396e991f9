// A text that very many objects have in common, as the name of a dataset: one copy a process.
#pragma once

#include <string>
#include <string_view>

namespace factsweep {

/// Reads and compares as the text it is made of, and takes the room of a pointer. The text itself
/// is never freed. Safe to make from any thread.
class SharedText {
 public:
  SharedText() : SharedText(std::string_view()) {}
  SharedText(std::string_view text);
  SharedText(const std::string& text) : SharedText(std::string_view(text)) {}
  SharedText(const char* text) : SharedText(std::string_view(text)) {}

  const std::string& text() const { return *text_; }
  operator const std::string&() const { return *text_; }

  bool operator==(const SharedText&) const = default;
  bool operator==(const std::string& other) const { return *text_ == other; }
  bool operator==(std::string_view other) const { return *text_ == other; }
  bool operator==(const char* other) const { return *text_ == other; }

 private:
  const std::string* text_;
};

}  // namespace factsweep
