// `factsweep --version`: what this program is, and what it was linked with.
#include <fmt/format.h>

#include "factsweep/cli/commands.hpp"
#include "factsweep/core/provenance.hpp"
#include "factsweep/model/device.hpp"
#include "factsweep/mpi/communicator.hpp"
#include "factsweep/store/store.hpp"

namespace factsweep::cli {

ExitCode version() {
  const GpuFacts gpu = gpu_facts();
  fmt::print("factsweep {}, commit {}\n", code_version(), git_revision());
  fmt::print("libtorch {}, {}\n", libtorch_version(),
             gpu.libtorch_has_cuda
                 ? fmt::format("CUDA {}.{}", gpu.runtime / 1000, gpu.runtime % 1000 / 10)
                 : "without CUDA");
  fmt::print("MPI {} ({})\nHDF5 {}\n", mpi_standard(), mpi_library(), hdf5_version());
  return ExitCode::done;
}

}  // namespace factsweep::cli
