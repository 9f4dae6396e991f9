#include "unchanged.hpp"

#include <algorithm>
#include <cstring>
#include <span>
#include <string_view>
#include <unordered_map>

#include "factsweep/core/checksum.hpp"
#include "factsweep/core/random.hpp"
#include "factsweep/store/stage_sums.hpp"
#include "files.hpp"

namespace factsweep {
namespace {

constexpr std::uint64_t kWindow = 1 << 26;  // bytes that are read at once

/// One place of one output.
struct Part {
  std::size_t stage = 0;
  std::uint64_t output = 0;  // hash of its name
  std::size_t number = 0;    // among the output's places
  const Slab* slab = nullptr;

  std::uint64_t first_row() const { return slab->offset.front(); }
  std::uint64_t end_row() const { return slab->offset.front() + slab->count.front(); }
};

/// Appends the rectangle `count` at `offset` of an array of that shape.
void append_part(std::span<const std::byte> array, h5::Extent shape, h5::Extent offset,
                 h5::Extent count, std::vector<std::byte>& part) {
  const std::size_t row = shape.front() == 0 ? 0 : array.size() / shape.front();
  if (std::equal(shape.begin() + 1, shape.end(), count.begin() + 1)) {
    const auto rows = array.subspan(offset.front() * row, count.front() * row);
    part.insert(part.end(), rows.begin(), rows.end());
    return;
  }
  for (std::uint64_t i = 0; i < count.front(); ++i)
    append_part(array.subspan((offset.front() + i) * row, row), shape.subspan(1), offset.subspan(1),
                count.subspan(1), part);
}

/// Looks at the places of one dataset, many rows at a time.
class PartsReader {
 public:
  PartsReader(const h5::File& file, const std::string& name, const DatasetSpec& spec)
      : where_{name, spec.path},
        spec_(spec),
        dataset_(h5::check(H5Dopen2(file.id(), spec.path.c_str(), H5P_DEFAULT), where_,
                           "open the dataset")) {}

  void add_to(std::vector<std::uint64_t>& sums, std::vector<Part>& places) const {
    if (spec_.shape.empty()) {
      for (const Part& place : places) add(sums, place, read({}, {}).bytes);
      return;
    }
    std::sort(places.begin(), places.end(), [](const Part& a, const Part& b) {
      return a.first_row() < b.first_row();
    });
    const std::uint64_t rows = std::max<std::uint64_t>(1, spec_.shape.front()),
                        row_bytes = bytes_of(spec_) / rows;
    for (std::size_t begin = 0, end = 0; begin < places.size(); begin = end) {
      std::uint64_t last = places[begin].end_row();
      for (end = begin + 1; end < places.size(); ++end) {
        const std::uint64_t longer = std::max(last, places[end].end_row());
        if ((longer - places[begin].first_row()) * row_bytes > kWindow) break;
        last = longer;
      }
      add_rows(sums, std::span(places).subspan(begin, end - begin), last);
    }
  }

 private:
  Array read(h5::Extent offset, h5::Extent count) const {
    return h5::read_part(dataset_.id(), where_, spec_.dtype, spec_.text_length, offset, count);
  }

  static void add(std::vector<std::uint64_t>& sums, const Part& place,
                  std::span<const std::byte> bytes) {
    sums[place.stage] += place_sum(place.output, place.number, checksum(bytes));
  }

  /// Places whose rows end before `last`.
  void add_rows(std::vector<std::uint64_t>& sums, std::span<const Part> places,
                std::uint64_t last) const {
    const std::uint64_t first = places.front().first_row();
    std::vector<std::uint64_t> offset(spec_.shape.size(), 0), shape = spec_.shape;
    offset.front() = first;
    shape.front() = last - first;
    const Array rows = read(offset, shape);
    std::vector<std::byte> part;
    for (const Part& place : places) {
      offset = place.slab->offset;
      offset.front() -= first;
      part.clear();
      append_part(rows.bytes, shape, offset, place.slab->count, part);
      add(sums, place, part);
    }
  }

  const h5::Where where_;
  const DatasetSpec& spec_;
  const h5::Dataset dataset_;
};

}  // namespace

std::vector<bool> unchanged_results(const h5::File& file, const std::string& name, const Plan& plan,
                                    const Layout& layout, const std::vector<bool>& asked) {
  std::unordered_map<const std::string*, std::vector<Part>> places;  // by dataset
  for (std::size_t stage = 0; stage < plan.stages.size(); ++stage) {
    if (!asked[stage]) continue;
    for (const Output& output : plan.stages[stage].outputs) {
      const std::uint64_t output_name = hash_text(output.name.text());
      for (std::size_t i = 0; i < output.places.size(); ++i) {
        const Slab& slab = output.places[i];
        if (slab.file == File::results)
          places[&slab.path.text()].push_back({stage, output_name, i, &slab});
      }
    }
  }
  std::unordered_map<std::string_view, const DatasetSpec*> specs;
  for (const DatasetSpec* spec : layout.datasets) {
    if (spec->file == File::results) specs.emplace(spec->path, spec);
  }
  std::vector<std::uint64_t> sums(plan.stages.size());
  for (auto& [path, of_dataset] : places)
    PartsReader(file, name, *specs.at(*path)).add_to(sums, of_dataset);
  const auto kept = read_column<std::int64_t>(file, name, "/stages/checksum");
  std::vector<bool> unchanged(asked.size());
  for (std::size_t stage = 0; stage < asked.size(); ++stage)
    unchanged[stage] = asked[stage] && kept[stage] == sealed(stage, sums[stage]);
  return unchanged;
}

}  // namespace factsweep
