// Whose texts do the ranks read, and does it end when they do not read alike?
#include "factsweep/mpi/shared_texts.hpp"

#include <fmt/format.h>

#include "catch.hpp"
#include "factsweep/core/error.hpp"
#include "factsweep/core/file.hpp"
#include "shared_folder.hpp"

using namespace factsweep;
namespace fs = std::filesystem;

namespace {

/// A working folder of each rank's own with files of the same names that tell whose they are.
class OwnFolder {
 public:
  OwnFolder(const fs::path& path, int rank) : before_(fs::current_path()) {
    fs::create_directories(path);
    fs::current_path(path);
    for (const char* name : {"a", "b", "c"})
      write_file(name, fmt::format("{} of rank {}", name, rank));
    if (rank == 0) write_file("large", std::string(std::size_t{3} << 20, 'x'));
  }
  ~OwnFolder() { fs::current_path(before_); }

 private:
  fs::path before_;
};

}  // namespace

TEST_CASE("all ranks read the texts of rank 0, in whatever order", "[mpi]") {
  const Communicator world = Communicator::world();
  const SharedFolder folder(world);
  const int rank = world.rank();
  const OwnFolder own(folder / std::to_string(rank), rank);
  std::string a, b, again, large;
  on_all_with_shared_texts(world, [&] {
    if (rank % 2 == 1) b = read_file("b");
    a = read_file("a");
    if (rank % 2 == 0) b = read_file("b");
    large = read_file("large");
    again = read_file("a");
  });
  CHECK(a == "a of rank 0");
  CHECK(b == "b of rank 0");
  CHECK(again == a);
  CHECK(large.size() == std::size_t{3} << 20);
  CHECK(read_file("a") == fmt::format("a of rank {}", rank));  // as ever, afterwards
}

TEST_CASE("a text that rank 0 does not read a rank reads itself", "[mpi]") {
  const Communicator world = Communicator::world();
  const SharedFolder folder(world);
  const int rank = world.rank();
  const OwnFolder own(folder / std::to_string(rank), rank);
  std::string a, c;
  on_all_with_shared_texts(world, [&] {
    if (rank > 0) c = read_file("c");
    if (rank != 1) a = read_file("a");
  });
  CHECK(c == (rank > 0 ? fmt::format("c of rank {}", rank) : ""));
  CHECK(a == (rank != 1 ? "a of rank 0" : ""));
}

TEST_CASE("an error of any rank is everybody's, and nobody waits for ever", "[mpi]") {
  const Communicator world = Communicator::world();
  const SharedFolder folder(world);
  const int rank = world.rank();
  const OwnFolder own(folder / std::to_string(rank), rank);
  const int failing = GENERATE(0, 1);
  if (failing >= world.size()) return;
  const auto work = [&] {
    read_file("a");
    if (rank == failing) read_file("nowhere");
    read_file("b");
    read_file("a");
  };
  const auto all = [&] { on_all_with_shared_texts(world, work); };
  CHECK_THROWS_AS(all(), InputError);
  CHECK_THROWS_WITH(all(), Catch::Matchers::ContainsSubstring("nowhere: no such file (nor "));
  CHECK(read_file("a") == fmt::format("a of rank {}", rank));
}
