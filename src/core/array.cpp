#include "factsweep/core/array.hpp"

#include "factsweep/core/utf8.hpp"

namespace factsweep {

std::size_t size_of(DType dtype) {
  switch (dtype) {
    case DType::uint8:
      return 1;
    case DType::bfloat16:
      return 2;
    case DType::int32:
    case DType::float32:
      return 4;
    case DType::int64:
    case DType::float64:
      return 8;
    case DType::text:
      break;
  }
  throw BugError("size_of: text elements have a length of their own");
}

Array Array::of_text(std::span<const std::string> values, std::size_t length) {
  Array array{DType::text, length, std::vector<std::byte>(values.size() * length)};
  for (std::size_t i = 0; i < values.size(); ++i) {
    const std::string_view kept = utf8_prefix(values[i], length);
    if (!kept.empty()) std::memcpy(array.bytes.data() + i * length, kept.data(), kept.size());
  }
  return array;
}

std::vector<std::string> Array::as_text() const {
  require(dtype == DType::text, "Array::as_text: the elements are numbers");
  std::vector<std::string> values;
  for (std::size_t i = 0; i < size(); ++i) {
    const char* begin = reinterpret_cast<const char*>(bytes.data() + i * text_length);
    values.emplace_back(begin, strnlen(begin, text_length));
  }
  return values;
}

}  // namespace factsweep
