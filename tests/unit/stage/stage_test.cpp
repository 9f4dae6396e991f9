// The layer that studies are made with: fields, slices of the deck, columns, plans, runs.
#include <fmt/format.h>

#include "factsweep/core/random.hpp"
#include "factsweep/stage/executor.hpp"
#include "factsweep/stage/grid.hpp"

#include <cmath>

#include "catch.hpp"
#include "memory_workbench.hpp"

using namespace factsweep;
using namespace factsweep::test;
using Catch::Matchers::ContainsSubstring;

namespace {

const auto kValue = shared(column<double>("/points/value", {"point"}, "1", "a value"));
const auto kCurve = column<float>("/curves/own", {"point", "epoch"}, "1", "a curve");
const auto kOwn = column<std::int64_t>("/parts/{key}/own", {"one"}, "1", "of one stage alone");

struct Tools {
  double factor = 2;
  std::string device = {};

  std::vector<std::string> check(const Deck&) { return {"nothing"}; }
  void prepare(const Deck&, const std::string& name) { device = name; }
};

struct Part {
  static constexpr const char* kind = "part";
  double value = 0;
  std::uint64_t row = 0;

  static void fields(auto& self, auto&& field) {
    field("value", self.value);
    field.local("row", self.row);
  }
  std::vector<std::string> deck_keys() const { return {"toy."}; }
  void run(Tools& tools, StageRun& run) const {
    run.emit(kValue, tools.factor * value + run.deck().real("toy.offset"));
    run.emit(kOwn, static_cast<std::int64_t>(row));
  }
};

struct Sum {
  static constexpr const char* kind = "sum";
  std::vector<Upstream> parts;
  std::optional<Upstream> more;
  std::optional<std::int64_t> rank;
  double lambda = std::nan("");
  std::string misbehaves;

  static void fields(auto& self, auto&& field) {
    field("parts", self.parts);
    field("more", self.more);
    field("rank", self.rank);
    field("lambda", self.lambda);
    field("misbehaves", self.misbehaves);
  }
  std::vector<std::string> deck_keys() const { return {"toy.offset"}; }
  void run(Tools&, StageRun& run) const {
    double sum = 0;
    for (const Upstream part : parts) sum += run.input(part, kValue).at(0);
    if (misbehaves == "reads") run.deck().real("toy.scale");
    if (misbehaves == "forgets") return;
    run.emit(kValue, sum);
    if (misbehaves == "twice") run.emit(kValue, sum);
    if (misbehaves == "short") run.emit(kCurve, std::vector<float>{1});
    run.emit_padded(kCurve, {1, 2});
  }
};

Deck toy_deck(const std::string& text) {
  OptionTable table;
  table.real("toy.offset", "1", "1", -10, 10, "added");
  table.real("toy.scale", "1", "1", -10, 10, "multiplied");
  table.integer("run.threads", "1", "threads", 1, 10, "how many", Scope::execution);
  return Deck::parse(table, text, "toy.ini", {});
}

Part part_of(double value, std::uint64_t row) {
  Part part;
  part.value = value;
  part.row = row;
  return part;
}

Plan toy_plan(const Deck& deck, const std::string& misbehaves = "") {
  PlanBuilder builder("toy", deck);
  builder.dimension("point", 2);
  builder.dimension("epoch", 3);
  builder.dimension("one", 1);
  builder.point("a", {});
  builder.point("b", {});
  Sum sum;
  for (std::uint64_t i = 0; i < 3; ++i) {
    sum.parts.push_back(
        builder.add(part_of(static_cast<double>(i), i), "a part", {.flop = 1}).stage);
    builder.output(sum.parts.back(), kValue);
    builder.place(sum.parts.back(), kOwn);
  }
  builder.place(sum.parts.front(), kValue, {0});
  sum.misbehaves = misbehaves;
  const Upstream last = builder.add(sum, "the sum", {}).stage;
  builder.place(last, kValue, {1});
  builder.place(last, kCurve, {0});
  builder.place(last, kCurve, {1});
  builder.leaf(0, last);
  builder.leaf(1, last);
  return builder.finish();
}

TableExecutor<Tools> executor_of(const Deck& deck) {
  return {deck, Tools{}, {kind<Tools, Part>(), kind<Tools, Sum>()}};
}

std::string bug(const std::string& misbehaves) {
  const Deck deck = toy_deck("");
  const Plan plan = toy_plan(deck, misbehaves);
  TableExecutor<Tools> executor = executor_of(deck);
  MemoryWorkbench bench(plan);
  try {
    // values that nobody wants are not stored: plant what the sum reads
    for (std::size_t i = 0; i < 3; ++i) bench.plant(i, kValue.path, Array::of(std::vector{1.0}));
    bench.run(executor, 3);
  } catch (const BugError& error) {
    return error.what();
  }
  return "no error";
}

}  // namespace

TEST_CASE("fields are written and read back by one list", "[stage]") {
  const Deck deck = toy_deck("");
  Sum sum;
  sum.parts = {Upstream{1}, Upstream{4}};
  sum.rank = 7;
  sum.misbehaves = "no";
  const Stage stage = stage_of(sum, deck);
  CHECK(stage.kind == "sum");
  CHECK(stage.upstream == std::vector<std::size_t>{1, 4});
  const Sum back = fields_of<Sum>(stage);
  CHECK(back.parts == sum.parts);
  CHECK_FALSE(back.more);
  CHECK(back.rank == std::optional<std::int64_t>(7));
  CHECK(std::isnan(back.lambda));
  CHECK(back.misbehaves == "no");
  sum.more = Upstream{2};
  sum.lambda = 0.1;
  const Sum again = fields_of<Sum>(stage_of(sum, deck));
  CHECK(again.more == std::optional(Upstream{2}));
  CHECK(again.lambda == 0.1);
  CHECK_THROWS_AS(fields_of<Part>(stage), BugError);
}

TEST_CASE("a key holds fields and the slice of the deck, and nothing else", "[stage]") {
  const auto key = [](const Deck& deck, const Part& part) {
    PlanBuilder builder("toy", deck);
    return builder.stage(builder.add(part, "any title", {}).stage).key;
  };
  const Deck deck = toy_deck("");
  const std::string known = key(deck, part_of(1, 0));
  CHECK(key(deck, part_of(1, 5)) == known);  // where this sweep keeps it
  CHECK(key(toy_deck("run.threads = 2"), part_of(1, 0)) == known);
  CHECK(key(toy_deck("toy.offset = 1.0"), part_of(1, 0)) == known);
  CHECK(key(deck, part_of(1.5, 0)) != known);
  CHECK(key(toy_deck("toy.offset = 2"), part_of(1, 0)) != known);
}

TEST_CASE("keys do not change from one version to the next unseen", "[stage]") {
  // Another value orphans every result file: say in the commit why it has to be.
  CHECK(hash_text("factsweep") == 0x04386704e6b6543d);
  const Deck deck = toy_deck("");
  PlanBuilder builder("toy", deck);
  const Upstream part = builder.add(part_of(1.5, 0), "", {}).stage;
  Sum sum;
  sum.parts = {part};
  CHECK(builder.stage(part).key == "4ff4575fe6090742");
  CHECK(builder.stage(builder.add(sum, "", {}).stage).key == "7a5de2a4b28659e7");
}

TEST_CASE("a plan has datasets, shared stages and places", "[stage]") {
  const Deck deck = toy_deck("");
  const Plan plan = toy_plan(deck);
  REQUIRE(plan.stages.size() == 4);
  REQUIRE(plan.datasets.size() == 5);
  const Output& curve = *plan.stages[3].find_output(kCurve.path);
  REQUIRE(curve.places.size() == 2);
  CHECK(curve.places[1].offset == std::vector<std::uint64_t>{1, 0});
  CHECK(curve.places[1].count == std::vector<std::uint64_t>{1, 3});
  CHECK(plan.stages[0].find_output(kValue.path)->shared);
  CHECK(plan.stages[1].find_output(kValue.path)->places.empty());
  const Output& own = *plan.stages[1].find_output(kOwn.path);
  CHECK(own.places[0].path == "/parts/" + plan.stages[1].key + "/own");
  CHECK(plan.stages[1].configuration.size() == 1);  // the slice of the deck is in the key alone
}

TEST_CASE("stages that leave equal weights share datasets", "[stage]") {
  const Deck deck = toy_deck("");
  PlanBuilder builder("toy", deck);
  const auto group = [](std::uint64_t rank) {
    return WeightGroup{.name = "lora",
                       .about = {{"config", fmt::format("rank {}", rank)}},
                       .outputs = {{.path = "final/A", .shape = {rank, 3}},
                                   {.path = "about/own", .dtype = DType::text, .text_length = 5}}};
  };
  builder.add(part_of(0, 0), "", {});
  builder.place_weights(builder.add(part_of(1, 0), "", {}).stage, group(2));
  builder.place_weights(builder.add(part_of(2, 0), "", {}).stage, group(4));
  builder.place_weights(builder.add(part_of(3, 0), "", {}).stage, group(2));
  const Plan plan = builder.finish();
  const auto dataset = [&](const std::string& path) -> const DatasetSpec& {
    const auto found = std::find_if(plan.datasets.begin(), plan.datasets.end(),
                                    [&](const DatasetSpec& spec) { return spec.path == path; });
    REQUIRE(found != plan.datasets.end());
    CHECK(found->file == File::weights);
    return *found;
  };
  CHECK(plan.datasets.size() == 8);
  CHECK(dataset("/deltas/lora/final/A").shape == std::vector<std::uint64_t>{2, 2, 3});
  CHECK(dataset("/deltas/lora/about/own").shape == std::vector<std::uint64_t>{2});
  CHECK(dataset("/deltas/lora/about/config").content.as_text().at(0) == "rank 2");
  CHECK(dataset("/deltas/lora_2/final/A").shape == std::vector<std::uint64_t>{1, 4, 3});
  const auto stages = dataset("/deltas/lora/stage").content.as<std::int64_t>();
  CHECK(std::vector<std::int64_t>(stages.begin(), stages.end()) == std::vector<std::int64_t>{1, 3});
  const Slab& place = plan.stages[3].find_output("final/A")->places.at(0);
  CHECK(place.path == "/deltas/lora/final/A");
  CHECK(place.offset == std::vector<std::uint64_t>{1, 0, 0});
  CHECK(place.count == std::vector<std::uint64_t>{1, 2, 3});
}

TEST_CASE("a whole plan runs in memory", "[stage]") {
  const Deck deck = toy_deck("toy.offset = 3");
  const Plan plan = toy_plan(deck);
  TableExecutor<Tools> executor = executor_of(deck);
  CHECK(executor.check() == std::vector<std::string>{"nothing"});
  executor.prepare("cpu");
  MemoryWorkbench bench(plan);
  bench.run_all(executor, "part");
  CHECK(bench.output(0, kValue.path).as<double>()[0] == 3);
  CHECK_FALSE(bench.has(1, kValue.path));  // nobody wants it
  CHECK(bench.output(2, kOwn.path).as<std::int64_t>()[0] == 2);
  bench.plant(1, kValue.path, Array::of(std::vector{5.0}));
  bench.plant(2, kValue.path, Array::of(std::vector{7.0}));
  bench.run_all(executor, "sum");
  CHECK(bench.output(3, kValue.path).as<double>()[0] == 15);
  const auto curve = bench.output(3, kCurve.path).as<float>();
  REQUIRE(curve.size() == 3);
  CHECK(curve[1] == 2);
  CHECK(std::isnan(curve[2]));
}

TEST_CASE("what a stage does wrong is a bug with a name", "[stage]") {
  CHECK(bug("") == "no error");
  CHECK_THAT(bug("reads"), ContainsSubstring("'toy.scale' is read, but the stage's slice"));
  CHECK_THAT(bug("forgets"), ContainsSubstring("never emits '/points/value'"));
  CHECK_THAT(bug("twice"), ContainsSubstring("emits '/points/value' twice"));
  CHECK_THAT(bug("short"), ContainsSubstring("emits 1 values of '/curves/own', which has 3"));
}

TEST_CASE("a grid is a product with conditions", "[stage]") {
  struct At {
    std::string method;
    double lambda = 0;
    std::int64_t seed = 0;
  };
  std::vector<At> points = cross(std::vector<At>(1), std::vector<std::string>{"ft", "forget"},
                                 [](At& at, const std::string& value) { at.method = value; });
  points = cross(
      points,
      [](const At& at) {
        return at.method == "forget" ? std::vector{0.1, 0.5} : std::vector{at.lambda};
      },
      [](At& at, double value) { at.lambda = value; });
  points = cross(points, std::vector<std::int64_t>{1, 2},
                 [](At& at, std::int64_t value) { at.seed = value; });
  const std::vector<AxisOf<At>> axes = {
      {{"method", "", "method", ""},
       [](const At& at) { return at.method; },
       [](const At& at) { return at.method; }},
      {{"lambda", "1", "rate", "lambda"},
       [](const At& at) { return at.lambda; },
       [](const At& at) { return at.lambda > 0 ? fmt::format("-{}", at.lambda) : ""; }},
      {{"seed", "1", "seed", ""},
       [](const At& at) { return at.seed; },
       [](const At& at) { return "-s" + std::to_string(at.seed); }}};
  const Deck deck = toy_deck("");
  PlanBuilder builder("toy", deck);
  add_points(builder, axes, points);
  const Plan plan = builder.finish();
  REQUIRE(plan.points.size() == 6);
  CHECK(plan.points[0].id == "ft-s1");
  CHECK(plan.points[5].id == "forget-0.5-s2");
  CHECK(std::get<double>(plan.points[5].values[1]) == 0.5);
  CHECK(plan.axes[1].symbol == "lambda");

  points.push_back(points.front());
  PlanBuilder again("toy", deck);
  CHECK_THROWS_WITH(add_points(again, axes, points),
                    "grid: two points would both be called 'ft-s1'. Give each value once, and "
                    "models and data different last names.");
}
