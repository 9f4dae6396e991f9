#include "grid.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <set>
#include <utility>

namespace factsweep::kshot {
namespace {

/// Axes as ways to change a setting, first values first.
using Change = std::function<void(GridPoint&)>;

template <typename T>
std::vector<Change> changes(const std::vector<T>& values, T GridPoint::*axis) {
  std::vector<Change> list;
  for (const T& value : values) list.push_back([=](GridPoint& setting) { setting.*axis = value; });
  return list;
}

/// One value of each axis that grid.combine combines, of no method yet.
std::vector<GridPoint> settings(const Deck& deck) {
  const std::vector<std::vector<Change>> axes = {
      changes(deck.integer_list("grid.shots"), &GridPoint::shots),
      changes(deck.integer_list("grid.experts"), &GridPoint::experts),
      changes(deck.integer_list("grid.top_k"), &GridPoint::top_k),
      changes(deck.integer_list("grid.budget"), &GridPoint::budget),
      changes(deck.real_list("grid.tau"), &GridPoint::tau),
      changes(deck.text_list("grid.signals"), &GridPoint::signals),
      changes(deck.text_list("grid.data_selection"), &GridPoint::selection),
  };
  GridPoint first;
  for (const auto& axis : axes) axis.front()(first);
  if (first.top_k > first.experts)
    throw deck.error("grid.top_k", fmt::format(": its first value {} is above grid.experts = {}: a "
                                               "token cannot go to more experts than there are.",
                                               first.top_k, first.experts));
  std::vector<GridPoint> list = {first};
  const bool product = deck.text("grid.combine") == "product";
  for (const auto& axis : axes) {
    const std::size_t before = product ? list.size() : 1;
    for (std::size_t value = 1; value < axis.size(); ++value) {
      for (std::size_t i = 0; i < before; ++i) {
        list.push_back(list[i]);
        axis[value](list.back());
      }
    }
  }
  std::erase_if(list, [](const GridPoint& setting) { return setting.top_k > setting.experts; });
  return list;
}

/// The setting's values for the axes that the method has.
GridPoint point_of(const Method& method, std::size_t task, const GridPoint& setting) {
  GridPoint at;
  at.method = &method;
  at.task = task;
  if (method.has_shots()) at.shots = setting.shots;
  if (method.has_experts()) at.experts = setting.experts;
  if (method.is_selected()) at.signals = method.at_random ? "random" : setting.signals;
  if (method.has_top_k()) at.top_k = setting.top_k;
  if (method.has_data()) {
    at.selection = method.at_random ? "random" : setting.selection;
    at.budget = setting.budget;
    if (at.selection == "none" || at.budget == 0) {
      at.selection = "none";
      at.budget = 0;
    }
    if (has_tau(at.selection)) at.tau = setting.tau;
  }
  return at;
}

void check(const Deck& deck, const Sets& sets, const GridPoint& at) {
  const TaskEntry& task = sets.tasks[at.task];
  const std::string& method = at.method->name;
  if (at.method->start == Method::Start::own && !sets.expert_of(at.task))
    throw deck.error(
        "grid.method",
        fmt::format(": {}: no adapter of the bank has \"task\": \"{}\".", method, task.name));
  if (at.method->lessons == Method::Lessons::own) {
    for (const BankEntry& entry : sets.bank) {
      if (!entry.set.examples.empty() || !entry.can_be_mixed()) continue;
      throw deck.error("grid.method",
                       fmt::format(": {}: each expert has a gate, which learns what the expert has "
                                   "learnt, but the bank's '{}' was brought without \"train\" or "
                                   "\"task\" to say what that was. Add one, or use {}_data, whose "
                                   "gates learn the shots and the open data.",
                                   method, entry.name, method));
    }
  }
  if (at.method->start == Method::Start::best && !deck.flag("bank.evaluate"))
    throw deck.error("grid.method",
                     fmt::format(": {}: it is the best of the bank on the test set, which needs "
                                 "bank.evaluate = true.",
                                 method));
  if (at.shots > static_cast<std::int64_t>(task.train.examples.size()))
    throw deck.error("grid.shots", fmt::format("is too many: the task {} has {} {}.", task.name,
                                               task.train.examples.size(),
                                               task.chosen ? "shots of those that you chose: bad "
                                                             "ones, and such as the test asks, are "
                                                             "left out"
                                                           : "examples to draw shots from"));
  const std::int64_t mixable = sets.mixable();
  const bool all_can = mixable == static_cast<std::int64_t>(sets.bank.size());
  if (at.method->is_selected() && at.experts > mixable)
    throw deck.error(
        "grid.experts",
        fmt::format(": the bank has {} adapters{}.", mixable,
                    all_can ? "" : " that can be mixed, beside such as save whole modules"));
  if (at.method->changes_best() && mixable == 0 && !all_can)
    throw deck.error(
        "grid.method",
        fmt::format(": {}: every adapter of the bank saves whole modules (modules_to_save), "
                    "and is asked as it is. Use source_best.",
                    method));
  if (at.signals == "pad" && at.experts > deck.integer("kshot.pool"))
    throw deck.error("grid.experts",
                     fmt::format(": {} experts cannot be chosen from a pool of kshot.pool = {}.",
                                 at.experts, deck.integer("kshot.pool")));
  if (at.has_data() && !task.pool)
    throw deck.error("grid.budget",
                     fmt::format(": the task {} names no \"pool\" of open data. Name one, or use "
                                 "grid.data_selection = none.",
                                 task.name));
  if (at.has_data() && deck.text("augment.encoder").empty())
    throw deck.error("augment.encoder",
                     "is needed to select open data: a sentence-embedding model. Or use "
                     "grid.data_selection = none.");
}

}  // namespace

bool goes_without_data(const Deck& deck, const TaskEntry& task) {
  return deck.is_default("grid.data_selection") && deck.is_default("grid.budget") &&
         (!task.pool || deck.text("augment.encoder").empty());
}

std::vector<GridPoint> grid_points(const Deck& deck, const Sets& sets) {
  const std::vector<GridPoint> all = settings(deck);
  const bool product = deck.text("grid.combine") == "product";
  std::vector<GridPoint> points;
  std::set<std::string> ids;
  const auto add = [&](const GridPoint& at) {
    if (!ids.insert(at.id(sets)).second) return;
    check(deck, sets, at);
    points.push_back(at);
  };
  for (std::size_t task = 0; task < sets.tasks.size(); ++task) {
    for (const std::string& name : deck.text_list("grid.method")) {
      const Method& how = method(name);
      const bool first_alone = !product && name != "ours";
      for (std::size_t i = 0; i < (first_alone ? 1 : all.size()); ++i) {
        GridPoint setting = all[i];
        if (goes_without_data(deck, sets.tasks[task])) setting.selection = "none";
        GridPoint at = point_of(how, task, setting);
        const bool is_seeded = how.is_taught() || at.signals == "random";
        auto draws = how.has_shots() ? deck.integer_list("grid.draw") : std::vector{at.draw};
        if (sets.tasks[task].chosen) draws.resize(1);  // of chosen shots there is one draw
        const auto seeds = is_seeded ? deck.integer_list("grid.seed") : std::vector{at.seed};
        for (const std::int64_t draw : draws) {
          for (const std::int64_t seed : seeds) {
            at.draw = draw;
            at.seed = seed;
            add(at);
          }
        }
      }
    }
  }
  return points;
}

void keep_shots_out_of_pools(const std::vector<GridPoint>& points, Sets& sets) {
  std::map<std::size_t, std::map<std::pair<std::size_t, std::int64_t>, Shots>>
      shots;  // by task, draw
  for (const GridPoint& at : points) {
    if (!at.has_data() || at.shots < 1) continue;
    const auto [known, fresh] = shots[sets.tasks[at.task].pool.value()].try_emplace(
        {at.task, at.draw}, at.drawn_shots(sets));
    known->second.count = std::max(known->second.count, at.shots);
  }
  for (const auto& [pool, drawn] : shots) {
    std::vector<Shots> list;
    for (const auto& [draw, one] : drawn) list.push_back(one);
    sets.keep_shots_out_of_pool(pool, list);
  }
}

std::string GridPoint::id(const Sets& sets) const {
  return id_of(axes(sets), *this);
}

std::vector<AxisOf<GridPoint>> axes(const Sets& sets) {
  using At = GridPoint;
  const auto number = [](Axis about, std::int64_t At::*value, const char* mark) {
    return AxisOf<At>{
        std::move(about), [=](const At& at) { return AxisValue(at.*value); },
        [=](const At& at) { return at.*value >= 0 ? fmt::format("-{}{}", mark, at.*value) : ""; }};
  };
  const auto word = [](Axis about, std::string At::*value) {
    return AxisOf<At>{std::move(about), [=](const At& at) { return AxisValue(at.*value); },
                      [=](const At& at) {
                        const bool is_said = !(at.*value).empty() && !at.method->at_random;
                        return is_said ? fmt::format("-{}", at.*value) : "";
                      }};
  };
  const auto task = [&sets](const At& at) { return sets.tasks[at.task].name; };
  AxisOf<At> budget = number(
      {"budget", "examples", "open data before near ones are dropped; -1: cannot be used", "C"},
      &At::budget, "c");
  budget.id = [](const At& at) { return at.has_data() ? fmt::format("-c{}", at.budget) : ""; };
  return {
      {{"task", "", "task", ""},
       task,
       [=](const At& at) { return at.method->name + "-" + task(at); }},
      {{"method", "", "how an expert of the task is made", ""},
       [](const At& at) { return at.method->name; }},
      number({"shots", "examples", "examples of the task that are known; -1: none are used", "K"},
             &At::shots, "k"),
      number({"experts", "adapters", "experts; -1: there are none", "N"}, &At::experts, "n"),
      number({"top_k", "experts", "experts that a token goes to; -1: there is no router", "k"},
             &At::top_k, "top"),
      word({"signals", "", "what experts are selected by", ""}, &At::signals),
      budget,
      word({"data_selection", "", "what open data are selected by", ""}, &At::selection),
      {{"tau", "1", "cosine above which one of two goes; nan: none goes", "tau"},
       [](const At& at) { return at.tau; },
       [](const At& at) { return std::isnan(at.tau) ? "" : fmt::format("-tau{}", at.tau); }},
      number({"draw", "1", "draw of the shots; -1: none", ""}, &At::draw, "d"),
      number({"seed", "1", "seed; -1: nothing is drawn", ""}, &At::seed, "s")};
}

}  // namespace factsweep::kshot
