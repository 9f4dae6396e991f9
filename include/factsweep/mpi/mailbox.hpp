// Short messages that nobody waits for, on a communicator of their own, for a thread beside the one
// that computes.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

#include "factsweep/mpi/communicator.hpp"

namespace factsweep {

class Mailbox {
 public:
  /// Every message is `bytes` long. Collective.
  Mailbox(const Communicator& parent, std::size_t bytes);

  struct Letter {
    int from = 0;
    std::vector<std::byte> bytes;
  };

  /// False, and not sent, while the last message to this rank is still under way: a rank that does
  /// not answer holds nobody up. To one whose process has ended all counts as sent.
  bool post(int to, std::span<const std::byte> message);
  /// Nothing that was posted is under way any more.
  bool is_sent();
  /// What is under way to this rank, which is lost, counts no more. Post nothing to it from now on.
  void give_up(int rank);
  /// The next message that has arrived.
  std::optional<Letter> fetch();
  /// Those whose process has ended, as far as MPI tells. What they sent before may still arrive.
  std::vector<int> ended_ranks() const;

 private:
  bool is_sent(MPI_Request& request);

  Communicator comm_;
  const std::size_t bytes_;
  std::vector<MPI_Request> under_way_;          // by rank
  std::vector<std::vector<std::byte>> copies_;  // of what is under way, by rank
};

}  // namespace factsweep
