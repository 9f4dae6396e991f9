// The runner of the tests that need MPI: every rank runs every case, and one that failed on any
// rank fails. In such tests use CHECK, not REQUIRE, between collectives: a rank that leaves early
// would hang the rest.
#include <mpi.h>

#include "runner.hpp"

using namespace factsweep::test;

int main(int argc, char** argv) {
  int provided = 0, rank = 0;
  MPI_Init_thread(&argc, &argv, MPI_THREAD_MULTIPLE, &provided);
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  int failed = run_cases(argc, argv);
  MPI_Allreduce(MPI_IN_PLACE, &failed, 1, MPI_INT, MPI_MAX, MPI_COMM_WORLD);
  if (rank == 0) print_skipped();
  MPI_Finalize();
  return failed == 0 && all_skipped() ? kSkipped : failed;
}
