// What a long piece of work keeps of itself: texts of any bytes, and states that are damaged.
#include "factsweep/model/work_state.hpp"

#include "catch.hpp"
#include "factsweep/core/error.hpp"
#include "factsweep/model/torch.hpp"

using namespace factsweep;

TEST_CASE("a state's texts are any bytes, none of them, or no text at all") {
  const std::vector<std::string> texts = {"a", "", std::string("\0\xff\n", 3), "caf\u00e9", ""};
  WorkState state{3, {{"p", torch::zeros({3})}}};
  state.add_texts("said", texts);
  state.add_texts("none", {});
  state.add_texts("empty", {"", ""});
  CHECK(state.texts("said") == texts);
  CHECK(state.texts("none").empty());
  CHECK(state.texts("empty") == std::vector<std::string>{"", ""});
  CHECK(state.at("p", {3}).numel() == 3);
}

TEST_CASE("a state that lacks something, or has it in another shape, is an error") {
  WorkState state{2, {{"p", torch::zeros({3})}}};
  CHECK_THROWS_AS(state.at("p", {2}), InputError);
  CHECK_THROWS_AS(state.at("q", {-1}), InputError);
  CHECK_THROWS_AS(state.texts("p"), InputError);
  CHECK_NOTHROW(state.check_done(2));
  CHECK_THROWS_AS(state.check_done(1), InputError);
  for (const std::int64_t length : {std::int64_t{-1}, std::int64_t{4}, std::int64_t{1} << 62}) {
    WorkState torn{1, {{"said", torch::zeros({3}, torch::kUInt8)},
                       {"said.lengths", torch::tensor({length}, torch::kInt64)}}};
    CHECK_THROWS_AS(torn.texts("said"), InputError);
  }
}
