#include <algorithm>

#include "factsweep/plan/plan.hpp"

namespace factsweep {

DatasetSpec dataset(std::string path, DType dtype, std::vector<std::uint64_t> shape,
                    std::vector<std::string> dimensions, std::string units, std::string long_name,
                    std::string symbol) {
  DatasetSpec spec;
  spec.path = std::move(path);
  spec.dtype = dtype;
  spec.shape = std::move(shape);
  spec.dimensions = std::move(dimensions);
  spec.units = std::move(units);
  spec.long_name = std::move(long_name);
  spec.symbol = std::move(symbol);
  return spec;
}

DatasetSpec text_dataset(std::string path, const std::vector<std::string>& values,
                         std::vector<std::uint64_t> shape, std::vector<std::string> dimensions,
                         std::string long_name) {
  std::size_t length = 1;
  for (const std::string& value : values) length = std::max(length, value.size());
  DatasetSpec spec = dataset(std::move(path), DType::text, std::move(shape), std::move(dimensions),
                             "", std::move(long_name));
  spec.text_length = length;
  spec.content = Array::of_text(values, length);
  return spec;
}

DatasetSpec weights_text(std::string path, const std::string& text, std::string long_name) {
  return {.file = File::weights,
          .path = std::move(path),
          .dtype = DType::text,
          .text_length = text.size(),
          .shape = {1},
          .long_name = std::move(long_name),
          .content = Array::of_text(std::vector{text}, text.size())};
}

Slab whole(const DatasetSpec& spec) {
  return {spec.file, spec.path, std::vector<std::uint64_t>(spec.shape.size(), 0), spec.shape};
}

}  // namespace factsweep
