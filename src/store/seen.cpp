// What a sweep has learnt of its own cost.
#include <algorithm>
#include <cmath>
#include <limits>

#include "files.hpp"

namespace factsweep {

/// Files of earlier versions have none.
std::vector<double> read_peak_bytes(const h5::File& file, const std::string& name,
                                    std::size_t stages) {
  if (H5Lexists(file.id(), "/stages/peak_bytes", H5P_DEFAULT) <= 0)
    return std::vector<double>(stages, std::numeric_limits<double>::quiet_NaN());
  return read_column<double>(file, name, "/stages/peak_bytes");
}

SeenKinds read_seen(const std::filesystem::path& path) {
  const std::lock_guard guard(h5::mutex());
  h5::prepare();
  const std::string name = path.string();
  const h5::File file = open_results(path);
  const auto status = read_column<std::uint8_t>(file, name, "/stages/status");
  const std::vector<std::string> kinds =
      h5::read_all(file, {name, "/stages/kind"}, DType::text).as_text();
  const std::vector<double> flop = read_column<double>(file, name, "/stages/cost_flop");
  const std::vector<double> seconds = read_column<double>(file, name, "/stages/seconds");
  const std::vector<double> peaks = read_peak_bytes(file, name, kinds.size());
  const bool has_peaks = std::any_of(peaks.begin(), peaks.end(), [](double x) { return x > 0; });
  const std::vector<double> memory =
      has_peaks ? read_column<double>(file, name, "/stages/memory_bytes") : std::vector<double>();
  SeenKinds seen;
  for (std::size_t i = 0; i < kinds.size(); ++i) {
    if (!is_finished(status[i], seconds[i])) continue;
    const double ratio = has_peaks && peaks[i] > 0 && memory[i] > 0 ? peaks[i] / memory[i] : 0;
    seen[kinds[i]].join({1, flop[i], seconds[i], ratio});
  }
  return seen;
}

}  // namespace factsweep
