// Start and end of MPI, and which it is.
#include <fmt/format.h>

#include <charconv>
#include <cstdlib>
#include <exception>
#include <string_view>

#include "checked.hpp"
#include "factsweep/core/console.hpp"
#include "factsweep/core/error.hpp"
#include "factsweep/mpi/communicator.hpp"
#include "factsweep/mpi/deadline.hpp"

namespace factsweep {
namespace {

/// Seconds until all ranks must be there: on many nodes they load the program for minutes.
double start_limit() {
  constexpr double kDefault = 600;
  const char* told = std::getenv("FACTSWEEP_START_LIMIT");
  if (told == nullptr) return kDefault;
  const std::string_view text = told;
  double seconds = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (error != std::errc() || end != text.data() + text.size() || !(seconds >= 0)) {
    throw InputError(fmt::format(
        "FACTSWEEP_START_LIMIT = '{}' is no number of seconds, 0 (no limit) or more.", text));
  }
  return seconds;
}

/// The launcher of another MPI starts ranks that cannot find each other: each is rank 0 of 1, and
/// all would compute the same. What launchers tell a rank gives that away; the first variable that
/// is set belongs to the innermost launcher.
std::string alone_among_many(int size) {
  if (size > 1) return "";
  for (const char* name : {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "SLURM_STEP_NUM_TASKS"}) {
    const char* told = std::getenv(name);
    if (told == nullptr) continue;
    if (std::atoi(told) <= 1) return "";
    return fmt::format(
        "MPI: the launcher started {} ranks ({}), but this one is alone: the launcher belongs to "
        "another MPI than the program. Start it with the mpirun of the MPI that it was built with; "
        "under Slurm, srun may need --mpi=pmix.",
        told, name);
  }
  return "";
}

}  // namespace

void end_all_ranks(const std::exception& error) {
  console::write_error(error.what());
  MPI_Abort(MPI_COMM_WORLD, static_cast<int>(exit_code(error)));
  std::abort();
}

std::string mpi_standard() {
  return fmt::format("{}.{}", MPI_VERSION, MPI_SUBVERSION);
}

std::string mpi_library() {
  char text[MPI_MAX_LIBRARY_VERSION_STRING] = {};
  int length = 0;
  check(MPI_Get_library_version(text, &length), "ask for its version");
  const std::string_view whole(text, static_cast<std::size_t>(length));
  return std::string(whole.substr(0, whole.find_first_of(",\n")));
}

MpiEnvironment::MpiEnvironment(int& argc, char**& argv) {
  int provided = MPI_THREAD_SINGLE;
  {
    const double limit = start_limit();
    const Deadline deadline(
        limit, fmt::format("MPI has not started within {} s (FACTSWEEP_START_LIMIT): a rank does "
                           "not come, as its node hangs or cannot load the program. Start the job "
                           "again.",
                           limit));
    check(MPI_Init_thread(&argc, &argv, MPI_THREAD_MULTIPLE, &provided), "start");
  }
  std::string wrong = alone_among_many(Communicator::world().size());
  if (provided < MPI_THREAD_MULTIPLE) {
    // Open MPI 5 makes the constant an enumerator, which fmt does not format
    wrong = fmt::format(
        "MPI: this library offers thread level {} where MPI_THREAD_MULTIPLE ({}) is needed. Load "
        "an MPI that was built with thread support.",
        provided, static_cast<int>(MPI_THREAD_MULTIPLE));
  }
  if (wrong.empty()) return;
  MPI_Finalize();
  throw EnvironmentError(wrong);
}

MpiEnvironment::~MpiEnvironment() {
  int finalized = 0;
  MPI_Finalized(&finalized);
  if (std::uncaught_exceptions() > 0 || finalized != 0) return;
  const Deadline deadline(60,
                          "MPI does not end: a rank that has done its work does not come. What is "
                          "written stays good.");
  MPI_Finalize();
}

}  // namespace factsweep
