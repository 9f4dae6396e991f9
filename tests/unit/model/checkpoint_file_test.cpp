#include "factsweep/model/checkpoint_file.hpp"

#include "catch.hpp"
#include "factsweep/model/torch.hpp"
#include "tiny_model.hpp"

using namespace factsweep;
using namespace factsweep::test;

TEST_CASE("a checkpoint is read only as it was written: no bit of it may differ") {
  const TemporaryFolder folder;
  const auto file = folder / "c.safetensors";
  CHECK_FALSE(open_checkpoint_file(file).has_value());
  const NamedTensors tensors = {
      {"a", torch::arange(6).view({2, 3})}, {"none", torch::zeros({0})}, {"b", torch::ones({5})}};
  write_checkpoint_file(file, tensors, {{"step", "12"}});
  const auto reader = open_checkpoint_file(file);
  REQUIRE(reader.has_value());
  CHECK(reader->metadata().at("step") == "12");
  for (const auto& [name, tensor] : tensors) CHECK(torch::equal(reader->view(name), tensor));
  const std::string good = read_file(file);
  for (std::size_t byte = 0; byte < good.size(); ++byte) {
    std::string bad = good;
    bad[byte] = static_cast<char>(bad[byte] ^ (1 << byte % 8));
    write_file(file, bad);
    REQUIRE_THAT(input_error([&] { open_checkpoint_file(file); }),
                 Catch::Matchers::ContainsSubstring("c.safetensors: "));
  }
  write_safetensors(file, tensors, {});  // another program's, without a checksum
  CHECK_THAT(input_error([&] { open_checkpoint_file(file); }),
             Catch::Matchers::ContainsSubstring("its checksum differs"));
}

TEST_CASE("a checkpoint that is put aside is there under another name, in place of an earlier one") {
  const TemporaryFolder folder;
  const auto file = folder / "c.safetensors";
  for (const char* content : {"first", "second"}) {
    write_file(file, content);
    CHECK(put_aside(file) == file.string() + ".refused");
    CHECK_FALSE(std::filesystem::exists(file));
    CHECK(read_file(file.string() + ".refused") == content);
  }
}
