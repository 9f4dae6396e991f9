#include "factsweep/core/memory.hpp"

#include <cmath>
#include <cstdlib>
#include <fstream>
#include <limits>
#include <string>
#ifdef __GLIBC__
#include <malloc.h>
#endif

namespace factsweep {

void keep_freed_memory() {
#ifdef __GLIBC__
  constexpr int kLargest = 256 << 20;  // beyond, blocks still come from and go back to the system
  mallopt(M_MMAP_THRESHOLD, kLargest);
  mallopt(M_TRIM_THRESHOLD, kLargest);
#endif
}

void bound_compiled_products() {
  // two caches, one over the other: libtorch's and oneDNN's own
  for (const char* cache : {"LRU_CACHE_CAPACITY", "ONEDNN_PRIMITIVE_CACHE_CAPACITY"})
    setenv(cache, "64", /*overwrite=*/0);
}

void give_back_freed_memory() {
#ifdef __GLIBC__
  malloc_trim(0);
#endif
}

double free_memory() {
  std::ifstream file("/proc/meminfo");
  double kibibytes = 0;
  for (std::string name, unit; file >> name >> kibibytes;) {
    std::getline(file, unit);
    if (name == "MemAvailable:") return 1024 * kibibytes;
  }
  return 0;
}

double take_peak_memory() {
  static double base = std::numeric_limits<double>::quiet_NaN();
  std::ifstream file("/proc/self/status");
  double peak = base;
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("VmHWM:")) peak = 1024 * std::stod(line.substr(6));
    if (line.starts_with("VmRSS:") && std::isnan(base)) base = 1024 * std::stod(line.substr(6));
  }
  std::ofstream forget("/proc/self/clear_refs");  // 5: the mark of the most begins anew
  forget << 5 << std::flush;
  return forget ? peak - base : std::numeric_limits<double>::quiet_NaN();
}

}  // namespace factsweep
