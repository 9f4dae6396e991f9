// The runner of the tests that need MPI: every rank runs every case, the exit code is the worst of
// all. In such tests use CHECK, not REQUIRE, between collectives: a rank that leaves early would
// hang the rest.
#if !__has_include(<catch2/catch_all.hpp>)
#define CATCH_CONFIG_RUNNER
#endif
#include <mpi.h>

#include <algorithm>

#include "catch.hpp"

int main(int argc, char** argv) {
  int provided = 0;
  MPI_Init_thread(&argc, &argv, MPI_THREAD_MULTIPLE, &provided);
  int failed = std::min(Catch::Session().run(argc, argv), 100);
  MPI_Allreduce(MPI_IN_PLACE, &failed, 1, MPI_INT, MPI_MAX, MPI_COMM_WORLD);
  MPI_Finalize();
  return failed;
}
