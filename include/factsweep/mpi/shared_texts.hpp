// Files that all ranks read, read once: by rank 0, for all.
#pragma once

#include <functional>

#include "factsweep/mpi/communicator.hpp"

namespace factsweep {

/// on_all(), where what `work` reads with read_file() comes from rank 0, which sends each text to
/// all when its own work reads it. A text that rank 0 does not read, or cannot, a rank reads
/// itself. Collective.
void on_all_with_shared_texts(const Communicator& comm, const std::function<void()>& work);

}  // namespace factsweep
