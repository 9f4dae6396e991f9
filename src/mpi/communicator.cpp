// Checked MPI calls. Nothing here spins for long: ranks wait for minutes while others compute on
// the same cores, so every blocking operation is a nonblocking one, polled with growing pauses.
#include "factsweep/mpi/communicator.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <exception>
#include <mutex>
#include <string_view>
#include <thread>
#include <utility>

#include "checked.hpp"
#include "ended.hpp"
#include "factsweep/core/error.hpp"

namespace factsweep {
namespace {

// MPI counts are ints. A message travels as full chunks followed by one shorter (perhaps empty)
// chunk, which tells the receiver where it ends; MPI keeps the order between two ranks on one tag.
constexpr std::size_t kChunkBytes = std::size_t{64} << 20;

/// The pause between two polls: none at first (answers within microseconds), then up to a
/// millisecond.
class Pause {
 public:
  void take() {
    if (polls_++ < kEagerPolls) {
      std::this_thread::yield();
      return;
    }
    std::this_thread::sleep_for(length_);
    length_ = std::min(2 * length_, std::chrono::microseconds(1000));
  }

 private:
  static constexpr int kEagerPolls = 200;
  int polls_ = 0;
  std::chrono::microseconds length_{1};
};

/// False: given up, or a rank that takes part has ended.
bool wait_unless(const std::function<bool()>& give_up, MPI_Request& request,
                 std::string_view attempted) {
  Pause pause;
  for (int done = 0;; pause.take()) {
    const int code = MPI_Test(&request, &done, MPI_STATUS_IGNORE);
    if (met_ended_rank(code)) return false;
    check(code, attempted);
    if (done != 0) return true;
    if (give_up && give_up()) return false;
  }
}

/// What this rank waits for never comes: whoever watches the ranks (sweep/heartbeat.hpp) ends the
/// job and says why, after the others have saved their work.
[[noreturn]] void wait_for_the_end(std::string_view attempted) {
  std::this_thread::sleep_for(std::chrono::minutes(3));
  throw EnvironmentError(
      fmt::format("MPI: cannot {}: the process of a rank has ended.", attempted));
}

void wait(MPI_Request& request, std::string_view attempted) {
  if (!wait_unless({}, request, attempted)) wait_for_the_end(attempted);
}

/// Begins what all ranks take part in; it is not given up.
void check_begun(int code, std::string_view attempted) {
  if (met_ended_rank(code)) wait_for_the_end(attempted);
  check(code, attempted);
}

/// MPI may still read or write what it was given when a rank was lost.
void keep_for_ever(std::vector<std::byte>&& bytes) {
  static std::mutex mutex;
  static auto& kept = *new std::vector<std::vector<std::byte>>();  // reachable to the end
  const std::lock_guard lock(mutex);
  kept.push_back(std::move(bytes));
}

template <typename T>
T all_reduce(MPI_Comm comm, T mine, MPI_Datatype type, MPI_Op operation) {
  T all{};
  MPI_Request request = MPI_REQUEST_NULL;
  check_begun(MPI_Iallreduce(&mine, &all, 1, type, operation, comm, &request), "reduce a value");
  wait(request, "reduce a value");
  return all;
}

void broadcast_bytes(MPI_Comm comm, void* data, std::size_t size, int root) {
  for (std::size_t done = 0; done < size;) {
    const std::size_t count = std::min(kChunkBytes, size - done);
    MPI_Request request = MPI_REQUEST_NULL;
    check_begun(MPI_Ibcast(static_cast<std::byte*>(data) + done, static_cast<int>(count), MPI_BYTE,
                           root, comm, &request),
                "broadcast");
    wait(request, "broadcast");
    done += count;
  }
}

/// Receives one chunk and says in `from` who sent it. False: given up, or its sender has ended.
bool receive_chunk(const Communicator::GiveUp& give_up, MPI_Comm comm, int& from, int tag,
                   std::vector<std::byte>& bytes, bool& last) {
  const auto is_lost = [&] { return give_up && from != MPI_ANY_SOURCE && give_up(from); };
  MPI_Message message = MPI_MESSAGE_NULL;
  MPI_Status status;
  Pause pause;
  for (int found = 0;; pause.take()) {
    const int code = MPI_Improbe(from, tag, comm, &found, &message, &status);
    if (met_ended_rank(code)) {
      if (from != MPI_ANY_SOURCE) return false;
      search_among_others(comm);
      continue;
    }
    check(code, "look for a message");
    if (found != 0) break;
    if (is_lost()) return false;
  }
  int count = 0;
  check(MPI_Get_count(&status, MPI_BYTE, &count), "read a message's length");
  const std::size_t start = bytes.size();
  bytes.resize(start + static_cast<std::size_t>(count));
  from = status.MPI_SOURCE;
  MPI_Request request = MPI_REQUEST_NULL;
  const int code = MPI_Imrecv(bytes.data() + start, count, MPI_BYTE, &message, &request);
  if (met_ended_rank(code)) return false;
  check(code, "receive a message");
  last = static_cast<std::size_t>(count) < kChunkBytes;
  return wait_unless(is_lost, request, "receive a message");
}

/// In chunks. False: given up, or its receiver has ended, and `message` must stay where it is.
bool send_bytes(const std::function<bool()>& give_up, MPI_Comm comm,
                std::span<const std::byte> message, int to, int tag) {
  for (bool last = false; !last;) {
    if (has_ended(comm, to)) return false;
    const std::span<const std::byte> chunk = message.first(std::min(kChunkBytes, message.size()));
    MPI_Request request = MPI_REQUEST_NULL;
    const int code =
        MPI_Isend(chunk.data(), static_cast<int>(chunk.size()), MPI_BYTE, to, tag, comm, &request);
    if (met_ended_rank(code)) return false;
    check(code, "send a message");
    if (!wait_unless(give_up, request, "send a message")) return false;
    message = message.subspan(chunk.size());
    last = chunk.size() < kChunkBytes;
  }
  return true;
}

/// An error as it travels: one letter for its kind, then its message.
std::string pack_error(const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const InputError& caught) {
    return std::string("i") + caught.what();
  } catch (const EnvironmentError& caught) {
    return std::string("e") + caught.what();
  } catch (const BugError& caught) {
    return std::string("b") + caught.what();
  } catch (const std::exception& caught) {
    return std::string("o") + caught.what();
  } catch (...) {
    return "oan error of unknown kind";
  }
}

[[noreturn]] void throw_packed(const std::string& packed) {
  const std::string message = packed.substr(1);
  switch (packed.front()) {
    case 'i':
      throw InputError(message);
    case 'e':
      throw EnvironmentError(message);
    case 'b':
      throw BugError(message);
    default:
      throw std::runtime_error(message);
  }
}

}  // namespace

Communicator Communicator::world() {
  int initialized = 0;
  MPI_Initialized(&initialized);
  require(initialized != 0, "Communicator::world before MpiEnvironment");
  check(MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN), "set the error handler");
  return {MPI_COMM_WORLD, false};
}

Communicator Communicator::duplicate() const {
  MPI_Comm copy = MPI_COMM_NULL;
  check(MPI_Comm_dup(comm_, &copy), "duplicate a communicator");
  Communicator owner(copy, true);
  check(MPI_Comm_set_errhandler(copy, MPI_ERRORS_RETURN), "set the error handler");
  return owner;
}

Communicator Communicator::node() const {
  MPI_Comm part = MPI_COMM_NULL;
  check(MPI_Comm_split_type(comm_, MPI_COMM_TYPE_SHARED, rank(), MPI_INFO_NULL, &part),
        "split a communicator by node");
  Communicator owner(part, true);
  check(MPI_Comm_set_errhandler(part, MPI_ERRORS_RETURN), "set the error handler");
  return owner;
}

Communicator::Communicator(Communicator&& other) noexcept
    : comm_(std::exchange(other.comm_, MPI_COMM_NULL)),
      owned_(std::exchange(other.owned_, false)) {}

Communicator& Communicator::operator=(Communicator&& other) noexcept {
  std::swap(comm_, other.comm_);
  std::swap(owned_, other.owned_);
  return *this;
}

Communicator::~Communicator() {
  int finalized = 0;
  MPI_Finalized(&finalized);
  // freeing is collective by the standard: while an exception unwinds, the other ranks may never
  // come
  if (owned_ && comm_ != MPI_COMM_NULL && finalized == 0 && std::uncaught_exceptions() == 0) {
    MPI_Comm_free(&comm_);
  }
}

int Communicator::rank() const {
  int value = 0;
  check(MPI_Comm_rank(comm_, &value), "ask for the rank");
  return value;
}

int Communicator::size() const {
  int value = 0;
  check(MPI_Comm_size(comm_, &value), "ask for the number of ranks");
  return value;
}

void Communicator::barrier() const {
  MPI_Request request = MPI_REQUEST_NULL;
  check_begun(MPI_Ibarrier(comm_, &request), "wait for all ranks");
  wait(request, "wait for all ranks");
}

void Communicator::broadcast(std::string& text, int root) const {
  auto length = static_cast<std::int64_t>(text.size());
  broadcast_bytes(comm_, &length, sizeof length, root);
  text.resize(static_cast<std::size_t>(length));
  broadcast_bytes(comm_, text.data(), text.size(), root);
}

std::int64_t Communicator::sum(std::int64_t mine) const {
  return all_reduce(comm_, mine, MPI_INT64_T, MPI_SUM);
}

std::vector<std::uint64_t> Communicator::any(std::vector<std::uint64_t> mine) const {
  std::vector<std::uint64_t> all(mine.size());
  MPI_Request request = MPI_REQUEST_NULL;
  check_begun(MPI_Iallreduce(mine.data(), all.data(), static_cast<int>(mine.size()), MPI_UINT64_T,
                             MPI_BOR, comm_, &request),
              "reduce words");
  wait(request, "reduce words");
  return all;
}

bool Communicator::all_arrive(double seconds) const {
  using Clock = std::chrono::steady_clock;
  const auto end = Clock::now() + std::chrono::duration<double>(seconds);
  MPI_Request request = MPI_REQUEST_NULL;
  const int code = MPI_Ibarrier(comm_, &request);
  if (met_ended_rank(code)) return false;
  check(code, "wait for all ranks");
  return wait_unless([&] { return Clock::now() > end; }, request, "wait for all ranks");
}

void Communicator::send(std::span<const std::byte> message, int to, int tag) const {
  send_bytes({}, comm_, message, to, tag);
}

bool Communicator::send_unless(const GiveUp& give_up, std::vector<std::byte> message, int to,
                               int tag) const {
  if (send_bytes([&] { return give_up(to); }, comm_, message, to, tag)) return true;
  keep_for_ever(std::move(message));
  return false;
}

std::vector<std::byte> Communicator::receive(int from, int tag, int* sender) const {
  std::optional<std::vector<std::byte>> message = receive_unless({}, from, tag, sender);
  if (!message) wait_for_the_end("receive a message");
  return std::move(*message);
}

std::optional<std::vector<std::byte>> Communicator::receive_unless(const GiveUp& give_up, int from,
                                                                   int tag, int* sender) const {
  std::vector<std::byte> bytes;
  for (bool last = false; !last;) {
    if (receive_chunk(give_up, comm_, from, tag, bytes, last)) continue;
    keep_for_ever(std::move(bytes));
    return std::nullopt;
  }
  if (sender != nullptr) *sender = from;
  return bytes;
}

bool Communicator::probe(int tag) const {
  int found = 0;
  // Open MPI looks among what it has taken in and takes in more afterwards: what has just come is
  // found by the second look
  for (int look = 0; look < 2 && found == 0; ++look) {
    const int code = MPI_Iprobe(MPI_ANY_SOURCE, tag, comm_, &found, MPI_STATUS_IGNORE);
    if (met_ended_rank(code))
      search_among_others(comm_);
    else
      check(code, "look for a message");
  }
  return found != 0;
}

void on_all(const Communicator& comm, const std::function<void()>& work) {
  std::exception_ptr mine;
  try {
    work();
  } catch (...) {
    mine = std::current_exception();
  }
  const int rank = comm.rank();
  const int size = comm.size();
  const int failed = all_reduce(comm.handle(), mine ? rank : size, MPI_INT, MPI_MIN);
  if (failed == size) return;
  std::string packed = failed == rank ? pack_error(mine) : std::string();
  comm.broadcast(packed, failed);
  if (failed == rank) std::rethrow_exception(mine);
  throw_packed(packed);
}

void on_root(const Communicator& comm, const std::function<void()>& work) {
  const bool root = comm.rank() == 0;
  on_all(comm, [&] {
    if (root) work();
  });
}

std::string from_root(const Communicator& comm, const std::function<std::string()>& read) {
  std::string text;
  on_root(comm, [&] { text = read(); });
  comm.broadcast(text, 0);
  return text;
}

}  // namespace factsweep
