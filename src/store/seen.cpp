// What a sweep has learnt of its own cost.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "files.hpp"

namespace factsweep {
namespace {

std::vector<double> numbers(const h5::File& file, h5::Where where) {
  const Array column = h5::read_all(file, where, DType::float64);
  return {column.as<double>().begin(), column.as<double>().end()};
}

}  // namespace

/// Files of earlier versions have none.
std::vector<double> read_peak_bytes(const h5::File& file, const std::string& name,
                                    std::size_t stages) {
  if (H5Lexists(file.id(), "/stages/peak_bytes", H5P_DEFAULT) <= 0)
    return std::vector<double>(stages, std::numeric_limits<double>::quiet_NaN());
  return numbers(file, {name, "/stages/peak_bytes"});
}

SeenKinds read_seen(const std::filesystem::path& path) {
  const std::lock_guard guard(h5::mutex());
  h5::prepare();
  const std::string name = path.string();
  std::error_code ignored;
  if (!std::filesystem::exists(path, ignored))
    throw InputError(fmt::format("{}: no such file.", name));
  const h5::File file = h5::open_serial(path, H5F_ACC_RDONLY);
  check_kind(file, name, "factsweep results");
  const Array status = h5::read_all(file, {name, "/stages/status"}, DType::uint8);
  const std::vector<std::string> kinds =
      h5::read_all(file, {name, "/stages/kind"}, DType::text).as_text();
  const std::vector<double> flop = numbers(file, {name, "/stages/cost_flop"});
  const std::vector<double> seconds = numbers(file, {name, "/stages/seconds"});
  const std::vector<double> peaks = read_peak_bytes(file, name, kinds.size());
  const bool has_peaks = std::any_of(peaks.begin(), peaks.end(), [](double x) { return x > 0; });
  const std::vector<double> memory =
      has_peaks ? numbers(file, {name, "/stages/memory_bytes"}) : std::vector<double>();
  SeenKinds seen;
  for (std::size_t i = 0; i < kinds.size(); ++i) {
    if (status.as<std::uint8_t>()[i] != static_cast<std::uint8_t>(Status::done)) continue;
    const double ratio = has_peaks && peaks[i] > 0 && memory[i] > 0 ? peaks[i] / memory[i] : 0;
    seen[kinds[i]].join({1, flop[i], seconds[i], ratio});
  }
  return seen;
}

}  // namespace factsweep
