#include "factsweep/core/memory.hpp"

#include <cstdlib>
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

}  // namespace factsweep
