// Texts against a model's positions, from its directory alone.
#include "catch.hpp"
#include "factsweep/core/file.hpp"
#include "factsweep/label/text_lengths.hpp"
#include "tiny_directory.hpp"

using namespace factsweep;
using namespace factsweep::test;
using Catch::Matchers::ContainsSubstring;

TEST_CASE("a text is too long when it has more tokens than a model has positions") {
  const TemporaryFolder folder;
  const TextLengths learned(write_family_model(folder / "gpt2", "gpt2"));  // 64, a character a token
  CHECK(learned.are_bounded());
  const std::string sixty(60, 'a');
  CHECK(learned.excess(sixty, "bbbb") == "");
  CHECK_THAT(learned.excess(sixty, "bbbbb"),
             ContainsSubstring("more tokens than the model has positions: 65 of 64"));
  CHECK_THAT(learned.excess(sixty, "bbb", 2), ContainsSubstring(": 65 of 64"));
  CHECK(learned.excess(sixty, "bbbbb", 0, 64) == "");  // cut

  const TextLengths rotary(write_tiny_model(folder / "llama"));  // 1024
  CHECK_FALSE(rotary.are_bounded());
  CHECK(rotary.excess(std::string(1000, 'a'), std::string(24, 'b')) == "");
  CHECK_THAT(rotary.excess(std::string(1000, 'a'), std::string(25, 'b')),
             ContainsSubstring("than the model was trained with: 1025 of 1024"));
  // bytes are not tokens
  std::string wide;
  for (int i = 0; i < 600; ++i) wide += "\u00e9";
  CHECK(rotary.excess(wide, "") == "");

  const TextLengths alibi(write_family_model(folder / "bloom", "bloom"));
  CHECK(alibi.excess(std::string(5000, 'a'), "") == "");
  std::filesystem::remove(folder / "gpt2/tokenizer.json");
  CHECK(TextLengths(folder / "gpt2").excess(std::string(500, 'a'), "") == "");
}
