#include "factsweep/stage/column.hpp"

namespace factsweep {

std::string ColumnBase::path_of(const std::string& key) const {
  constexpr std::string_view kKey = "{key}";
  const std::size_t at = path.find(kKey);
  return at == std::string::npos ? path : std::string(path).replace(at, kKey.size(), key);
}

}  // namespace factsweep
