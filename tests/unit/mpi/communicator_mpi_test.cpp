// Messages of every length, collectives, and errors that every rank must see.
#include "factsweep/mpi/communicator.hpp"

#include <sys/resource.h>

#include <chrono>
#include <thread>

#include "catch.hpp"
#include "factsweep/core/error.hpp"
#include "skip.hpp"

using namespace factsweep;

namespace {

std::vector<std::byte> pattern(std::size_t length) {
  std::vector<std::byte> bytes(length);
  for (std::size_t i = 0; i < length; ++i)
    bytes[i] = static_cast<std::byte>((i * 2654435761U) >> 13);
  return bytes;
}

double cpu_seconds() {
  rusage usage{};
  getrusage(RUSAGE_THREAD, &usage);
  return static_cast<double>(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
         1e-6 * static_cast<double>(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

/// The message of the error of type `Error` that `call` throws; a description of what came instead
/// otherwise.
template <typename Error, typename Call>
std::string message_of(Call call) {
  try {
    call();
  } catch (const Error& error) {
    return error.what();
  } catch (const std::exception& error) {
    return std::string("another type: ") + error.what();
  }
  return "nothing was thrown";
}

}  // namespace

TEST_CASE("collectives agree on every rank", "[mpi]") {
  const Communicator world = Communicator::world();
  const int size = world.size();
  CHECK(world.sum(world.rank() + 1) == static_cast<std::int64_t>(size) * (size + 1) / 2);
  const std::uint64_t bit = std::uint64_t{1} << world.rank();
  CHECK(world.any({bit, bit | 0x8000, 0}) ==
        std::vector<std::uint64_t>{(std::uint64_t{1} << size) - 1,
                                   ((std::uint64_t{1} << size) - 1) | 0x8000, 0});
  std::string text =
      world.rank() == size - 1 ? std::string("a\0b", 3) : std::string("something longer");
  world.broadcast(text, size - 1);
  CHECK(text == std::string("a\0b", 3));
  std::string empty = world.rank() == 0 ? "" : "x";
  world.broadcast(empty, 0);
  CHECK(empty.empty());
}

TEST_CASE("a duplicate keeps its messages apart, and moves", "[mpi]") {
  const Communicator world = Communicator::world();
  Communicator first = world.duplicate();
  Communicator second = std::move(first);
  CHECK(second.rank() == world.rank());
  CHECK(second.size() == world.size());
  CHECK(world.node().size() <= world.size());
  const int next = (world.rank() + 1) % world.size();
  const auto mine = static_cast<std::byte>(world.rank());
  std::thread sender([&] { second.send({&mine, 1}, next, 3); });
  int from = -1;
  const std::vector<std::byte> got = second.receive(MPI_ANY_SOURCE, 3, &from);
  sender.join();
  CHECK(from == (world.rank() + world.size() - 1) % world.size());
  REQUIRE(got.size() == 1);
  CHECK(got[0] == static_cast<std::byte>(from));
  CHECK_FALSE(world.probe(3));
}

TEST_CASE("messages of any length arrive whole and in order", "[mpi]") {
  const Communicator world = Communicator::world();
  const std::size_t chunk = std::size_t{64} << 20;  // the library cuts here
  for (const std::size_t length :
       {std::size_t{0}, std::size_t{1}, std::size_t{100000}, chunk, 2 * chunk + 3}) {
    if (world.rank() > 1) continue;
    const std::vector<std::byte> sent = pattern(length);
    if (world.size() == 1) {
      std::thread sender([&] { world.send(sent, 0, 7); });
      CHECK(world.receive(0, 7) == sent);
      sender.join();
    } else if (world.rank() == 0) {
      world.send(sent, 1, 7);
      world.send(std::as_bytes(std::span("end")), 1, 7);
    } else {
      int from = -1;
      CHECK((world.receive(MPI_ANY_SOURCE, 7, &from) == sent));
      CHECK(from == 0);
      CHECK(world.receive(0, 7).size() == 4);
    }
  }
  world.barrier();
}

TEST_CASE("waiting does not burn a core", "[ranks]") {
  const Communicator world = Communicator::world();
  if (world.size() == 1) return test::skip("needs two ranks");
  world.barrier();
  const double before = cpu_seconds();
  if (world.rank() == 0) {
    std::this_thread::sleep_for(std::chrono::milliseconds(800));
    for (int to = 1; to < world.size(); ++to) world.send({}, to, 5);
  } else {
    world.receive(0, 5);
  }
  CHECK(cpu_seconds() - before < 0.4);
  world.barrier();
}

TEST_CASE("a failure on one rank is the same error on all", "[mpi]") {
  const Communicator world = Communicator::world();
  const int last = world.size() - 1;
  CHECK(message_of<InputError>([&] {
          on_root(world, [] { throw InputError("deck.ini:3: no"); });
        }) == "deck.ini:3: no");
  CHECK(message_of<EnvironmentError>(
            [&] { on_root(world, [] { throw EnvironmentError("full"); }); }) == "full");
  CHECK(message_of<BugError>([&] { on_root(world, [] { throw BugError("ours"); }); }) == "ours");
  // rank 0 keeps the type it threw, the others get the base it has in common with all
  CHECK(message_of<std::runtime_error>(
            [&] { on_root(world, [] { throw std::range_error("r"); }); }) == "r");
  CHECK(message_of<EnvironmentError>([&] {
          on_all(world, [&] {
            if (world.rank() == last) throw EnvironmentError("rank " + std::to_string(last));
          });
        }) == "rank " + std::to_string(last));
  int ran = 0;
  on_root(world, [&] { ++ran; });
  CHECK(world.sum(ran) == 1);
}

TEST_CASE("what rank 0 reads is what every rank has", "[mpi]") {
  const Communicator world = Communicator::world();
  CHECK(from_root(world, [&] { return "rank " + std::to_string(world.rank()); }) == "rank 0");
  CHECK(message_of<InputError>([&] {
          from_root(world, []() -> std::string { throw InputError("a.ini: no such file"); });
        }) == "a.ini: no such file");
}

TEST_CASE("ranks that all arrive are told so", "[mpi]") {
  CHECK(Communicator::world().all_arrive(60));
}

TEST_CASE("a rank that stays away is noticed", "[ranks]") {
  const Communicator world = Communicator::world();
  if (world.size() == 1) return test::skip("needs two ranks");
  const Communicator apart = world.duplicate();
  const bool late = world.rank() == 0;
  if (!late) CHECK_FALSE(apart.all_arrive(0.2));
  world.barrier();
  if (late) CHECK(apart.all_arrive(60));  // the others have been there
  world.barrier();
}

TEST_CASE("a wrong call is an EnvironmentError, not an abort", "[mpi]") {
  const Communicator world = Communicator::world();
  const std::string message =
      message_of<EnvironmentError>([&] { world.send({}, world.size() + 7, 1); });
  CHECK(message.starts_with("MPI: cannot send a message: "));
  CHECK(message.find("rank") != std::string::npos);
}
