// A study that nothing knows of goes through the whole of a sweep: plan, store, ranks, resume,
// status, and what another sweep takes over from it.
#include <set>

#include "catch.hpp"
#include "expand_deck.hpp"
#include "factsweep/plan/describe.hpp"
#include "factsweep/store/earlier.hpp"
#include "factsweep/sweep/sweep.hpp"
#include "shared_folder.hpp"
#include "toy_study.hpp"

using namespace factsweep;
using namespace factsweep::test;

namespace {

Expansion expand_toy(const std::string& more = "") {
  const std::string text = "[run]\nstudy = toy\n[model]\npath = none\n" + more;
  return expand_deck(toy::make_study(), text);
}

RunDescription description() {
  RunDescription run;
  run.deck_text = "[run]\n";
  return run;
}

SweepResult sweep(const Communicator& world, const std::filesystem::path& path,
                  const Expansion& expansion) {
  Store store(world, path, expansion.plan, description());
  const SweepResult result = run_sweep(world, *expansion.executor, expansion.plan, store, {});
  store.close();
  return result;
}

std::vector<double> means(const Communicator& world, const std::filesystem::path& path,
                          const Plan& plan) {
  Store store(world, path, plan, description());
  const Array array = store.read({File::results, "/points/mean", {0}, {plan.points.size()}});
  store.close();
  return {array.as<double>().begin(), array.as<double>().end()};
}

}  // namespace

TEST_CASE("a study of its own runs, and a rerun has nothing to do", "[sweep]") {
  const Communicator world = Communicator::world();
  const SharedFolder folder(world);
  const std::filesystem::path path = folder / "toy.h5";
  const Expansion expansion = expand_toy("[grid]\nseed = 1, 2, 3\n");
  CHECK(expansion.plan.points.size() == 6);
  CHECK(expansion.plan.stages.size() == 9);  // the throws of a seed serve every bonus
  CHECK(describe(expansion.plan, 4, 1e9).find("throws") != std::string::npos);

  CHECK(sweep(world, path, expansion).done == 9);
  const std::vector<double> first = means(world, path, expansion.plan);
  for (std::size_t i = 0; i < 3; ++i) {
    CHECK(first[i] >= 1);
    CHECK(first[i + 3] == Approx(first[i] + 1));
  }
  CHECK(std::set<double>(first.begin(), first.begin() + 3).size() > 1);
  const SweepStatus status = read_status(path);
  CHECK(status.study == "toy");
  CHECK(status.points_done == 6);
  CHECK(status.stages_done == 9);
  CHECK(sweep(world, path, expansion).done == 9);
  CHECK(means(world, path, expansion.plan) == first);
}

TEST_CASE("a larger sweep takes over what its rows are called now", "[sweep]") {
  const Communicator world = Communicator::world();
  const SharedFolder folder(world);
  const Expansion small = expand_toy("[grid]\nseed = 2, 3\nbonus = 1\n");
  CHECK(sweep(world, folder / "small.h5", small).done == 4);
  const Expansion large = expand_toy("[grid]\nseed = 1, 3, 2\n");  // another order, and more
  {
    Store store(world, folder / "large.h5", large.plan, description());
    const EarlierSweep earlier(folder / "small.h5");
    const auto taken = earlier.take_over(world, small.plan, large.plan, store);
    CHECK(world.sum(static_cast<std::int64_t>(taken.stages)) == 4);
    CHECK(world.sum(static_cast<std::int64_t>(taken.changed)) == 0);
    store.close();
  }
  CHECK(sweep(world, folder / "large.h5", large).done == 9);
  const Expansion alone = expand_toy("[grid]\nseed = 1, 3, 2\n");
  CHECK(sweep(world, folder / "alone.h5", alone).done == 9);
  CHECK(means(world, folder / "large.h5", large.plan) ==
        means(world, folder / "alone.h5", alone.plan));
}

TEST_CASE("of an earlier sweep nothing is taken over that the disk has changed", "[sweep]") {
  const Communicator world = Communicator::world();
  const SharedFolder folder(world);
  const Expansion small = expand_toy("[grid]\nseed = 2, 3\nbonus = 1\n");
  CHECK(sweep(world, folder / "small.h5", small).done == 4);
  {
    Store store(world, folder / "small.h5", small.plan, description());
    if (world.rank() == 0)
      store.write({File::results, "/points/mean", {1}, {1}}, Array::of(std::vector{3.25}));
    store.close();
  }
  const Expansion large = expand_toy("[grid]\nseed = 3, 2\nbonus = 1\n");
  {
    Store store(world, folder / "large.h5", large.plan, description());
    const EarlierSweep earlier(folder / "small.h5");
    const auto taken = earlier.take_over(world, small.plan, large.plan, store);
    CHECK(world.sum(static_cast<std::int64_t>(taken.stages)) == 3);
    CHECK(world.sum(static_cast<std::int64_t>(taken.changed)) == 1);
    store.close();
  }
  // what was taken over is believed by a rerun, in its new rows too
  {
    Store store(world, folder / "large.h5", large.plan, description());
    CHECK(store.notes().empty());
    std::size_t done = 0;
    for (std::size_t i = 0; i < large.plan.stages.size(); ++i)
      done += store.record(i).status == Status::done ? 1 : 0;
    CHECK(done == 3);
    store.close();
  }
  CHECK(sweep(world, folder / "large.h5", large).done == 4);
  CHECK(means(world, folder / "large.h5", large.plan)[0] != 3.25);
}
