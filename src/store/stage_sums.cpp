#include "factsweep/store/stage_sums.hpp"

#include "factsweep/core/random.hpp"

namespace factsweep {

std::uint64_t place_sum(std::uint64_t output_name, std::size_t place, std::uint64_t data) {
  return hash_words({output_name, place, data});
}

std::int64_t sealed(std::size_t stage, std::uint64_t sum) {
  const auto value = static_cast<std::int64_t>(hash_words({hash_text("stage"), stage, sum}));
  return value == kNoSum ? 0 : value;
}

std::uint64_t sum_of(const Stage& stage, File file,
                     const std::function<std::optional<std::uint64_t>(const Slab&)>& data) {
  std::uint64_t sum = 0;
  for (const Output& output : stage.outputs) {
    const std::uint64_t name = hash_text(output.name.text());
    for (std::size_t i = 0; i < output.places.size(); ++i) {
      if (output.places[i].file != file) continue;
      if (const auto found = data(output.places[i])) sum += place_sum(name, i, *found);
    }
  }
  return sum;
}

}  // namespace factsweep
