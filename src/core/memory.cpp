#include "factsweep/core/memory.hpp"

#include <cstdlib>
#include <fstream>
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

double free_memory() {
  std::ifstream file("/proc/meminfo");
  double kibibytes = 0;
  for (std::string name, unit; file >> name >> kibibytes;) {
    std::getline(file, unit);
    if (name == "MemAvailable:") return 1024 * kibibytes;
  }
  return 0;
}

}  // namespace factsweep
