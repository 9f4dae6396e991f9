// Typed calls on an MPI communicator. Every call is checked; a failure is an EnvironmentError.
#pragma once

#include <mpi.h>

#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace factsweep {

class Communicator {
 public:
  static Communicator world();     // borrows MPI_COMM_WORLD
  Communicator duplicate() const;  // owns; collective
  /// Ranks that share this rank's node (for device and thread binding); owns; collective.
  Communicator node() const;
  Communicator(Communicator&& other) noexcept;
  Communicator& operator=(Communicator&& other) noexcept;
  ~Communicator();
  /// It is never freed, which is collective: a rank is lost.
  void leave() { owned_ = false; }

  MPI_Comm handle() const { return comm_; }
  int rank() const;
  int size() const;

  void barrier() const;                               // collective
  void broadcast(std::string& text, int root) const;  // collective
  std::int64_t sum(std::int64_t mine) const;          // collective
  /// Bitwise or over the ranks, each of which gives as many words; collective.
  std::vector<std::uint64_t> any(std::vector<std::uint64_t> mine) const;
  /// Has every rank come here, within `seconds` of this one? If not, stop using it.
  bool all_arrive(double seconds) const;

  /// Any length. One thread at a time may send to, or receive from, one rank on one tag. What is
  /// sent to a rank whose process has ended goes nowhere.
  void send(std::span<const std::byte> message, int to, int tag) const;
  /// Waits, without burning a core, until a message with `tag` arrives; returns its bytes and
  /// sender. `from` may be MPI_ANY_SOURCE. EnvironmentError, after minutes in which whoever watches
  /// the ranks may end the job, when MPI tells that the process of `from` has ended.
  std::vector<std::byte> receive(int from, int tag, int* sender = nullptr) const;
  /// The same with ranks that may be lost, until `give_up` says that this one is, or MPI that its
  /// process has ended: then false, or nothing. What was under way stays so for ever: no more words
  /// with this rank.
  using GiveUp = std::function<bool(int rank)>;
  bool send_unless(const GiveUp& give_up, std::vector<std::byte> message, int to, int tag) const;
  std::optional<std::vector<std::byte>> receive_unless(const GiveUp& give_up, int from, int tag,
                                                       int* sender) const;
  /// True when a message with `tag` waits; never blocks.
  bool probe(int tag) const;

 private:
  Communicator(MPI_Comm comm, bool owned) : comm_(comm), owned_(owned) {}
  MPI_Comm comm_ = MPI_COMM_NULL;
  bool owned_ = false;
};

/// Says the error and ends all ranks with its exit code: what one rank alone has met the others
/// would wait for, for ever.
[[noreturn]] void end_all_ranks(const std::exception& error);

std::string mpi_standard();  // "3.1"
std::string mpi_library();   // "Open MPI v4.1.4"; also before MPI is up

/// MPI up on construction (MPI_THREAD_MULTIPLE, EnvironmentError when not provided), down on
/// destruction; never finalizes while an exception unwinds, because MPI_Finalize would wait for
/// ranks that wait for us.
class MpiEnvironment {
 public:
  MpiEnvironment(int& argc, char**& argv);
  ~MpiEnvironment();
  MpiEnvironment(const MpiEnvironment&) = delete;
  MpiEnvironment& operator=(const MpiEnvironment&) = delete;
};

/// Runs `work` on every rank; if it throws on any, every rank throws the error of the lowest such
/// rank, with the same type (InputError, EnvironmentError, BugError, else std::runtime_error) and
/// message. Collective.
void on_all(const Communicator& comm, const std::function<void()>& work);

/// Runs `work` on rank 0 only; if it throws, every rank throws the same error with the same
/// message. Collective. Use it for whatever one rank must do first (read a file, create a folder)
/// so that nobody waits for the dead.
void on_root(const Communicator& comm, const std::function<void()>& work);

/// What rank 0 read, on every rank; errors as on_root's. Collective. For whatever may differ
/// between ranks, such as a file or an environment variable.
std::string from_root(const Communicator& comm, const std::function<std::string()>& read);

}  // namespace factsweep
