// Files of texts: plain lines, JSON lines, and a line that is wrong.
#include "factsweep/data/texts.hpp"

#include <unistd.h>

#include "catch.hpp"
#include "factsweep/core/error.hpp"
#include "factsweep/core/file.hpp"

using namespace factsweep;
using Texts = std::vector<std::string>;

TEST_CASE("texts of a plain file and of JSON lines", "[texts]") {
  const std::filesystem::path path =
      std::filesystem::temp_directory_path() / ("factsweep_texts_" + std::to_string(::getpid()));
  const auto read = [&](const std::string& content) {
    write_file(path, content);
    return read_texts(path);
  };
  CHECK(read("one\n \t\n two \n") == Texts{"one", " two "});
  CHECK(read("{\"text\": \"one\\ntwo\"}\n\n{\"text\": \"\", \"id\": 3}\n") ==
        Texts{"one\ntwo", ""});
  CHECK(read("") == Texts{});
  CHECK(read("\xef\xbb\xbfone\ntwo\n") == Texts{"one", "two"});
  CHECK(read("\xef\xbb\xbf{\"text\": \"one\"}\n") == Texts{"one"});
  const auto read_whole = [&](const std::string& content) {
    write_file(path, content);
    return read_whole_texts(path);
  };
  CHECK(read_whole("\xef\xbb\xbfone\n\n two \n") == Texts{"one\n\n two \n"});
  CHECK(read_whole("{\"text\": \"one\\ntwo\"}\n{\"text\": \"three\"}\n") ==
        Texts{"one\ntwo", "three"});
  CHECK(read_whole(" \n") == Texts{});
  std::string message = "no error";
  try {
    read("{\"text\": \"one\"}\n{\"text\": 2}\n");
  } catch (const InputError& error) {
    message = error.what();
  }
  CHECK(message == path.string() + ":2: has no string \"text\".");
  std::filesystem::remove(path);
}
