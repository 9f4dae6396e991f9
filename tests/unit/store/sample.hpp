// A small plan with every kind of dataset: what the store's tests write and read.
#pragma once

#include <fmt/format.h>

#include <limits>
#include <string>
#include <vector>

#include "factsweep/store/store.hpp"
#include "shared_folder.hpp"

namespace factsweep::sample {

inline constexpr std::uint64_t kEpochs = 3;
inline constexpr std::uint64_t kWidth = 5;

/// `points` grid points, each with its own leaf stage that depends on one shared stage 0.
inline Plan plan(std::size_t points) {
  Plan plan;
  plan.study = "slick";
  plan.axes = {{"variant", "", "variant of D", ""},
               {"unknown_ratio", "fraction", "share of Unknown examples", "r"},
               {"seed", "", "seed", ""}};
  Stage label;
  label.kind = "label";
  label.title = "label everything";
  label.cost_flop = 1e6;
  plan.add_stage(label);
  for (std::size_t i = 0; i < points; ++i) {
    Stage train;
    train.kind = "train";
    train.title = fmt::format("train point {} \u00e9", i);
    train.configuration = {{"point", i}};
    train.upstream = {0};
    train.cost_flop = 1e9;
    const std::size_t leaf = plan.add_stage(train);
    const double ratio =
        i == 0 ? std::numeric_limits<double>::quiet_NaN() : 0.25 * static_cast<double>(i);
    plan.points.push_back({fmt::format("p{}", i),
                           {std::string("unknown_ratio"), ratio, static_cast<std::int64_t>(i)},
                           leaf});
  }
  const std::uint64_t rows = points;
  plan.datasets.push_back({File::results,
                           "/points/accuracy_test_final",
                           DType::float64,
                           0,
                           {rows},
                           {"point"},
                           "fraction",
                           "accuracy on the test facts",
                           "Acc",
                           Role::metric,
                           {}});
  plan.datasets.push_back({File::results,
                           "/curves/loss",
                           DType::float64,
                           0,
                           {rows, kEpochs},
                           {"point", "epoch"},
                           "nat",
                           "loss",
                           "",
                           Role::metric,
                           {}});
  plan.datasets.push_back(
      {File::results,
       "/labels/base/question",
       DType::text,
       12,
       {2},
       {"question"},
       "",
       "question",
       "",
       Role::metric,
       Array::of_text(std::vector<std::string>{"Where is X?", "Qui est \u00e9l\u00e8ve"}, 12)});
  plan.datasets.push_back({File::results,
                           "/labels/base/category",
                           DType::uint8,
                           0,
                           {2},
                           {"question"},
                           "",
                           "SliCK category",
                           "",
                           Role::metric,
                           {}});
  plan.datasets.push_back({File::results,
                           "/labels/base/p",
                           DType::float32,
                           0,
                           {2, 4},
                           {"question", "set"},
                           "1",
                           "probability",
                           "",
                           Role::metric,
                           {}});
  // a weight group: one row a point
  std::vector<std::int64_t> stages;
  std::vector<std::string> own;
  for (std::size_t i = 0; i < points; ++i) {
    stages.push_back(static_cast<std::int64_t>(plan.points[i].leaf));
    own.push_back(fmt::format("of p{}", i));
  }
  plan.datasets.push_back({.file = File::weights,
                           .path = "/deltas/mixture/stage",
                           .dtype = DType::int64,
                           .shape = {rows},
                           .content = Array::of(stages)});
  plan.datasets.push_back(weights_text("/deltas/mixture/about/shared", "of all", "a text"));
  plan.datasets.push_back({.file = File::weights,
                           .path = "/deltas/mixture/about/own",
                           .dtype = DType::text,
                           .text_length = 12,
                           .shape = {rows},
                           .content = Array::of_text(own, 12)});
  plan.datasets.push_back({.file = File::weights,
                           .path = "/deltas/mixture/final/model.weight",
                           .dtype = DType::bfloat16,
                           .shape = {rows, 4, kWidth}});
  return plan;
}

inline RunDescription run(int ranks) {
  RunDescription description;
  description.deck_text = "[run]\nstudy = slick\n";
  description.science = {
      {"run.study", "slick"}, {"train.epochs", "50"}, {"train.learning_rate", "1e-5"}};
  description.command_line = "factsweep run deck.ini";
  description.versions = {{"hdf5", "1.10.8"}};
  description.ranks = ranks;
  return description;
}

inline Array curve(std::size_t point) {
  std::vector<double> values;
  for (std::uint64_t epoch = 0; epoch < kEpochs; ++epoch) {
    values.push_back(static_cast<double>(100 * point + epoch) + 0.5);
  }
  return Array::of(values);
}

inline Slab curve_slab(std::size_t point) {
  return {File::results, "/curves/loss", {point, 0}, {1, kEpochs}};
}

/// Every bit pattern class of bfloat16 that a delta may hold: zeros, subnormals, infinities, NaN,
/// ordinary.
inline Array delta(std::size_t point) {
  Array array{DType::bfloat16, 0, std::vector<std::byte>(4 * kWidth * 2)};
  const std::uint16_t special[] = {0x0000, 0x8000, 0x0001, 0x807f, 0x7f80,
                                   0xff80, 0x7fc1, 0x3f80, 0xc2f7, 0x7f7f};
  for (std::size_t i = 0; i < 4 * kWidth; ++i) {
    const std::uint16_t bits =
        i < std::size(special) ? special[i] : static_cast<std::uint16_t>(0x3f00 + 131 * point + i);
    std::memcpy(array.bytes.data() + 2 * i, &bits, 2);
  }
  return array;
}

inline Slab delta_slab(std::size_t point) {
  return {File::weights, "/deltas/mixture/final/model.weight", {point, 0, 0}, {1, 4, kWidth}};
}

/// Everything stage `1 + point` has to store.
inline void finish_point(Store& store, std::size_t point, int rank) {
  store.set_record(1 + point, {Status::running, 0, rank, ""});
  store.write(curve_slab(point), curve(point));
  store.write(delta_slab(point), delta(point));
  store.write({File::results, "/points/accuracy_test_final", {point}, {1}},
              Array::of(std::vector<double>{0.01 * static_cast<double>(point)}));
  store.set_record(1 + point, {Status::done, 1.5 + static_cast<double>(point), rank, ""});
}

/// The message of the `Error` that opening `plan` at `path` throws; what came instead otherwise.
template <typename Error>
std::string refusal(const Communicator& comm, const std::filesystem::path& path, const Plan& plan,
                    const RunDescription& description) {
  try {
    Store store(comm, path, plan, description);
    store.close();
  } catch (const Error& error) {
    return error.what();
  } catch (const std::exception& error) {
    return std::string("another type: ") + error.what();
  }
  return "nothing was thrown";
}

}  // namespace factsweep::sample
