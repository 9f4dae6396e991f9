// Ranks whose process has ended: MPI tells of them where it has ULFM (Open MPI 5 under mpirun
// --with-ft ulfm), and elsewhere says nothing.
#pragma once

#include <mpi.h>

#include <algorithm>
#include <vector>

#if __has_include(<mpi-ext.h>)
#include <mpi-ext.h>
#endif
#if defined(OMPI_HAVE_MPI_EXT_FTMPI) && defined(OMPI_HAVE_MPIX_COMM_GET_FAILED)
#define FACTSWEEP_HAS_ULFM 1
#else
#define FACTSWEEP_HAS_ULFM 0
#endif

namespace factsweep {

/// What a call gave as its code: it cannot be done, as a process that takes part in it has ended.
inline bool met_ended_rank([[maybe_unused]] int code) {
#if FACTSWEEP_HAS_ULFM
  int kind = MPI_SUCCESS;
  if (code == MPI_SUCCESS || MPI_Error_class(code, &kind) != MPI_SUCCESS) return false;
  return kind == MPIX_ERR_PROC_FAILED || kind == MPIX_ERR_PROC_FAILED_PENDING;
#else
  return false;
#endif
}

/// From now on a search for messages of any rank on `comm` finds those of the ranks that live.
inline void search_among_others([[maybe_unused]] MPI_Comm comm) {
#if FACTSWEEP_HAS_ULFM
  MPIX_Comm_failure_ack(comm);
#endif
}

/// Not collective.
inline std::vector<int> ended_ranks([[maybe_unused]] MPI_Comm comm) {
  std::vector<int> ranks;
#if FACTSWEEP_HAS_ULFM
  MPI_Group ended = MPI_GROUP_NULL, all = MPI_GROUP_NULL;
  if (MPIX_Comm_get_failed(comm, &ended) != MPI_SUCCESS) return ranks;
  int count = 0;
  if (MPI_Group_size(ended, &count) == MPI_SUCCESS && count > 0 &&
      MPI_Comm_group(comm, &all) == MPI_SUCCESS) {
    std::vector<int> places(static_cast<std::size_t>(count));
    for (int i = 0; i < count; ++i) places[static_cast<std::size_t>(i)] = i;
    ranks.resize(places.size());
    MPI_Group_translate_ranks(ended, count, places.data(), all, ranks.data());
    MPI_Group_free(&all);
  }
  if (ended != MPI_GROUP_EMPTY) MPI_Group_free(&ended);
#endif
  return ranks;
}

/// Open MPI 5 ends a process whose short message, taken to be sent, meets a broken connection: once
/// a rank is known to have ended nothing is sent to it.
inline bool has_ended(MPI_Comm comm, int rank) {
  const std::vector<int> ranks = ended_ranks(comm);
  return std::find(ranks.begin(), ranks.end(), rank) != ranks.end();
}

}  // namespace factsweep
