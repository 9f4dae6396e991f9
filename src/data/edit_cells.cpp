#include <algorithm>

#include "edit_forms.hpp"
#include "factsweep/data/records.hpp"
#include "factsweep/data/trim.hpp"

namespace factsweep {
namespace {

using nlohmann::json;

std::vector<std::string> parts_of(std::string_view text, const std::string& separator) {
  std::vector<std::string> parts;
  for (;;) {
    const std::size_t at = text.find(separator);
    parts.emplace_back(trimmed(text.substr(0, at)));
    if (at == text.npos) return parts;
    text.remove_prefix(at + separator.size());
  }
}

}  // namespace

void unpack_cells(json& row, const std::string& separator) {
  static const EditKeys whole = {"prompt", "src", "text", "question", "subject", "concept"};
  for (auto& [name, cell] : row.items()) {
    if (!cell.is_string()) continue;
    const std::string text(trimmed(cell.get_ref<const std::string&>()));
    if (is_nothing(text)) {
      cell = "";
      continue;
    }
    if (std::find(whole.begin(), whole.end(), name) != whole.end()) continue;
    if (text.starts_with('[') || text.starts_with('{')) {
      json inside = json::parse(text, nullptr, /*allow_exceptions=*/false);
      if (inside.is_structured()) cell = std::move(inside);
    } else if (!separator.empty() && text.find(separator) != text.npos) {
      cell = parts_of(text, separator);
    }
  }
}

}  // namespace factsweep
