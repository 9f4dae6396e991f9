// A rerun believes what stages have left in the file as long as it is what they wrote.
#include "catch.hpp"
#include "sample.hpp"

using namespace factsweep;
namespace fs = std::filesystem;

namespace {

constexpr std::uint64_t kMany = 9'000'000;  // more than is read at once

struct Case {
  std::string path;
  DType dtype;
  std::vector<std::uint64_t> shape;
  std::vector<std::pair<std::vector<std::uint64_t>, std::vector<std::uint64_t>>> parts;  // by stage
};

/// Rows, boxes within rows, a whole dataset, a scalar, nothing at all, texts, and rows that lie far
/// apart.
std::vector<Case> cases() {
  return {{"/rows", DType::float64, {3, 5}, {{{2, 0}, {1, 5}}, {{0, 0}, {2, 5}}}},
          {"/boxes", DType::int32, {4, 3, 5}, {{{1, 0, 2}, {2, 3, 2}}, {{1, 1, 0}, {3, 1, 2}}}},
          {"/wholes", DType::uint8, {7}, {{{0}, {7}}, {}}},
          {"/scalars", DType::float32, {}, {{{}, {}}, {}}},
          {"/nothing", DType::float32, {0, 4}, {{{0, 0}, {0, 4}}, {}}},
          {"/texts", DType::text, {4}, {{{1}, {2}}, {{3}, {1}}}},
          {"/far", DType::float64, {kMany}, {{{0}, {2}}, {{kMany - 3}, {3}}}}};
}

std::uint64_t volume(const std::vector<std::uint64_t>& count) {
  std::uint64_t product = 1;
  for (const std::uint64_t extent : count) product *= extent;
  return product;
}

/// Two stages with an output in every dataset; the rows of the second one have a second place.
Plan plan() {
  Plan plan;
  plan.study = "sums";
  for (std::size_t stage = 0; stage < 2; ++stage) {
    Stage about;
    about.kind = "kind";
    about.title = fmt::format("stage {}", stage);
    about.configuration = {{"number", stage}};
    for (const Case& one : cases()) {
      const auto& [offset, count] = one.parts[stage];
      if (one.parts[stage] == decltype(one.parts)::value_type() && !one.shape.empty()) continue;
      if (stage == 1 && one.shape.empty()) continue;
      about.outputs.push_back({one.path, {{File::results, one.path, offset, count}}});
    }
    if (stage == 1)
      about.outputs.front().places.push_back({File::results, "/again", {0, 0}, {2, 5}});
    plan.add_stage(about);
  }
  for (const Case& one : cases())
    plan.datasets.push_back({.path = one.path,
                             .dtype = one.dtype,
                             .text_length = one.dtype == DType::text ? std::size_t{9} : 0,
                             .shape = one.shape});
  plan.datasets.push_back({.path = "/again", .dtype = DType::float64, .shape = {2, 5}});
  return plan;
}

/// Some bytes; texts are shorter than the dataset has them.
Array values(DType dtype, std::uint64_t count, std::size_t stage) {
  if (dtype == DType::text)
    return Array::of_text(std::vector<std::string>(count, fmt::format("text {}", stage)), 7);
  Array array{dtype, 0, std::vector<std::byte>(count * size_of(dtype))};
  for (std::size_t i = 0; i < array.bytes.size(); ++i)
    array.bytes[i] = static_cast<std::byte>(i % 50 + stage);
  return array;
}

std::vector<bool> done(const Communicator& world, const fs::path& path, const Plan& plan) {
  Store store(world, path, plan, sample::run(1));
  CHECK(store.notes().size() <= 1);
  std::vector<bool> done;
  for (std::size_t i = 0; i < plan.stages.size(); ++i)
    done.push_back(store.record(i).status == Status::done);
  store.close();
  return done;
}

}  // namespace

TEST_CASE("every place of every output is looked at, whatever its shape", "[store]") {
  const Communicator world = Communicator::world();
  const SharedFolder folder(world);
  const fs::path path = folder / "sums.h5";
  const Plan plan = ::plan();
  const auto finish = [&](std::size_t stage) {
    Store store(world, path, plan, sample::run(1));
    if (world.rank() == 0) {
      StageSums sums;
      std::uint64_t read_back = 0;
      for (const Output& output : plan.stages[stage].outputs) {
        const Slab& place = output.places.front();
        DType dtype{};
        for (const DatasetSpec& spec : plan.datasets) {
          if (place.path == spec.path) dtype = spec.dtype;
        }
        sums.results += store.write(output, values(dtype, volume(place.count), stage));
        read_back += store.sum(output);
      }
      CHECK(read_back == sums.results);
      store.set_record(stage, {Status::done, 1, 0, "", sums});
    }
    store.close();
  };
  finish(0);
  finish(1);
  const std::vector<bool> both = {true, true};
  CHECK(done(world, path, plan) == both);
  for (std::size_t stage = 0; stage < 2; ++stage) {
    for (const Output& output : plan.stages[stage].outputs) {
      for (const Slab& place : output.places) {
        const std::uint64_t size = volume(place.count);
        if (size == 0) continue;
        INFO("stage " << stage << ", " << place.path.text());
        {
          Store store(world, path, plan, sample::run(1));
          if (world.rank() == 0) {
            Array array = store.read(place);
            array.bytes[array.bytes.size() - 1] ^= std::byte{1};  // of its last element
            store.write(place, array);
          }
          store.close();
        }
        std::vector<bool> wanted = both;
        wanted[stage] = false;
        CHECK(done(world, path, plan) == wanted);
        finish(stage);
        CHECK(done(world, path, plan) == both);
      }
    }
  }
  // a value between the stages' parts is nobody's
  Store store(world, path, plan, sample::run(1));
  if (world.rank() == 0)
    store.write({File::results, "/far", {100}, {1}}, Array::of(std::vector{1.0}));
  store.close();
  CHECK(done(world, path, plan) == both);
}
