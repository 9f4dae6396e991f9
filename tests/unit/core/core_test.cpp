// Random numbers, arrays, texts and files: what everything else is built on.
#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <numeric>
#include <set>
#include <span>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "factsweep/core/array.hpp"
#include "factsweep/core/checksum.hpp"
#include "factsweep/core/console.hpp"
#include "factsweep/core/error.hpp"
#include "factsweep/core/file.hpp"
#include "factsweep/core/random.hpp"
#include "factsweep/core/shared_text.hpp"
#include "factsweep/core/utf8.hpp"

using namespace factsweep;

TEST_CASE("hashes and streams are the same on every machine and in every version", "[core]") {
  CHECK(hex(hash_text("")) != hex(hash_text(" ")));
  CHECK(hash_text("factsweep") == 0x04386704e6b6543d);
  CHECK(hash_words({1, 2}) != hash_words({2, 1}));
  CounterRandom one(7), copy = one;
  CHECK(one.next() == copy.next());
  CHECK(hex(0xabc) == "0000000000000abc");
}

TEST_CASE("a checksum tells every flipped bit, order and length, and stays what it is", "[core]") {
  std::set<std::uint64_t> seen;
  for (const std::size_t size : {0, 1, 7, 8, 9, 63, 64, 65, 200}) {
    std::vector<std::byte> bytes(size);
    CHECK(seen.insert(checksum(bytes)).second);  // as many zeros, no more and no fewer
    for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::byte>(37 * i + 11);
    seen.insert(checksum(bytes));
    for (std::size_t bit = 0; bit < 8 * size; ++bit) {
      std::vector<std::byte> other = bytes;
      other[bit / 8] ^= static_cast<std::byte>(1 << bit % 8);
      CHECK(seen.insert(checksum(other)).second);
    }
  }
  std::vector<std::uint64_t> words(40);
  std::iota(words.begin(), words.end(), 0);
  const std::uint64_t before = checksum(std::as_bytes(std::span(words)));
  CHECK(before == 0x8105c0be);  // as Python's zlib.crc32() has it
  const auto bytes = std::as_bytes(std::span(words));
  CHECK(checksum(bytes.subspan(100), checksum(bytes.first(100))) == before);
  CHECK(checksum({}, 7) == 7);
  std::swap(words[3], words[11]);
  const std::uint64_t within = checksum(std::as_bytes(std::span(words)));
  std::swap(words[3], words[4]);
  const std::uint64_t across = checksum(std::as_bytes(std::span(words)));
  CHECK(std::set{before, within, across}.size() == 3);
}

TEST_CASE("one of a thing is told otherwise than several", "[core]") {
  CHECK(console::counted(1, "rank") == "1 rank");
  CHECK(console::counted(0, "rank") == "0 ranks");
  CHECK(console::counted(21, "GPU") == "21 GPUs");
}

TEST_CASE("draws have the distributions that they are named after", "[core]") {
  CounterRandom random(hash_text("draws"));
  const int count = 20000;
  double sum = 0, squares = 0, right = 0;
  std::array<int, 5> below{};
  for (int i = 0; i < count; ++i) {
    const double normal = random.normal();
    sum += normal;
    squares += normal * normal;
    ++below.at(random.below(5));
    right += random.binomial(16, 0.25);
    const double uniform = random.uniform();
    REQUIRE(uniform >= 0);
    REQUIRE(uniform < 1);
  }
  CHECK(std::abs(sum / count) < 4 / std::sqrt(count));
  CHECK(std::abs(squares / count - 1) < 4 * std::sqrt(2.0 / count));
  CHECK(std::abs(right / count - 4) < 4 * std::sqrt(3.0 / count));
  for (const int times : below) CHECK(std::abs(times - count / 5) < 4 * std::sqrt(count * 0.16));
  CHECK(random.binomial(5, 0) == 0);
  CHECK(random.binomial(5, 1) == 5);
}

TEST_CASE("a permutation has every index once, and its key decides it", "[core]") {
  const auto order = permutation(100, CounterRandom(1));
  CHECK(std::set<std::int64_t>(order.begin(), order.end()).size() == 100);
  CHECK(*std::max_element(order.begin(), order.end()) == 99);
  CHECK(order == permutation(100, CounterRandom(1)));
  CHECK(order != permutation(100, CounterRandom(2)));
  CHECK(permutation(0, CounterRandom(1)).empty());
}

TEST_CASE("arrays give back what they were made of", "[core]") {
  const std::vector<double> values = {1, std::nan(""), -0.0};
  const Array array = Array::of(values);
  CHECK(array.size() == 3);
  CHECK(array.as<double>()[0] == 1);
  CHECK(std::signbit(array.as<double>()[2]));
  CHECK_THROWS_AS(array.as<float>(), BugError);
  const std::vector<std::string> texts = {"", "ab", "a\xc3\xa9"};
  const Array cut = Array::of_text(texts, 2);
  CHECK(cut.size() == 3);
  CHECK(cut.as_text() == std::vector<std::string>{"", "ab", "a"});  // no half characters
}

TEST_CASE("a text is cut between characters", "[core]") {
  const std::string text = "a\xe2\x82\xac";  // a and the euro sign
  CHECK(utf8_prefix(text, 4) == text);
  CHECK(utf8_prefix(text, 3) == "a");
  CHECK(utf8_prefix(text, 1) == "a");
  CHECK(utf8_unfinished(text) == 0);
  CHECK(utf8_unfinished(text.substr(0, 3)) == 2);
  CHECK(utf8_length('\xc0') == 0);
  CHECK(without_byte_order_mark("\xef\xbb\xbf[1]") == "[1]");
  CHECK(without_byte_order_mark("[1]") == "[1]");
  CHECK(excerpt("short") == "short");
  CHECK(excerpt(std::string(119, 'x') + "\xc3\xa9") == std::string(119, 'x') + " ...");
}

TEST_CASE("files are read whole, and errors name them", "[core]") {
  std::string folder = (std::filesystem::temp_directory_path() / "factsweep-core-XXXXXX").string();
  REQUIRE(mkdtemp(folder.data()) != nullptr);
  const std::filesystem::path file = std::filesystem::path(folder) / "a.json";
  write_file(file, "{\"a\": [1, 2]}");
  CHECK(read_file(file) == "{\"a\": [1, 2]}");
  CHECK(read_json(file).at("a").at(1) == 2);
  write_file(file, "{\"a\": ");
  using Catch::Matchers::ContainsSubstring;
  CHECK_THROWS_WITH(read_json(file), ContainsSubstring("a.json"));
  CHECK_THROWS_WITH(read_file(std::filesystem::path(folder) / "none"), ContainsSubstring("none"));
  write_file(file, "\xef\xbb\xbf{\"a\": 3}");
  CHECK(read_json(file).at("a") == 3);
  // a token that holds the whole file is quoted in part, and what was expected stays
  write_file(file, "{\"a\" \"" + std::string(5000, 'x') + "\"}");
  std::string message;
  try {
    read_json(file);
  } catch (const InputError& error) {
    message = error.what();
  }
  CHECK(message.size() < file.string().size() + 400);
  CHECK_THAT(message, ContainsSubstring("a.json:1:") && ContainsSubstring("expected ':'"));
  std::filesystem::remove_all(folder);
}

TEST_CASE("a file that cannot be written is told with what to do about it", "[core]") {
  CHECK(explain_failed_write(ENOSPC).starts_with(
      "the disk or the quota is full (No space left on device). Free space, or raise the quota"));
  CHECK(explain_failed_write(0).starts_with("the disk or the quota is full (only a part"));
  CHECK(explain_failed_write(EACCES) == "Permission denied. Name a folder that you may write to.");
  CHECK(explain_failed_write(EIO) == "Input/output error.");
  CHECK_THROWS_WITH(write_file("no/such/folder/x", "text"),
                    "no/such/folder/x: cannot create the file: No such file or directory. Make the "
                    "folder first, or name another.");
}

TEST_CASE("a shared text is the text it was made of", "[core]") {
  const SharedText a = "/points/accuracy", b = std::string("/points/accuracy"), c = "/points/loss";
  CHECK(a == b);
  CHECK(&a.text() == &b.text());
  CHECK_FALSE(a == c);
  CHECK(c == "/points/loss");
  CHECK(c.text() == "/points/loss");
  CHECK(SharedText().text().empty());
}
