// Stage "select": the N adapters of the bank that become experts of a task (Algorithm 1, table 2).
#include <fmt/format.h>

#include "../methods.hpp"
#include "stages.hpp"

namespace factsweep::kshot {
namespace {

const auto kPerplexityRank = column<double>("/selection/perplexity_rank", {"point", "bank"}, "1",
                                            "rank by reasoning perplexity", "R_P");
const auto kAccuracyRank = column<double>("/selection/accuracy_rank", {"point", "bank"}, "1",
                                          "rank by accuracy on the shots", "R_A");
const auto kPool = column<std::uint8_t>("/selection/pool", {"point", "bank"}, "1",
                                        "among the M best by ranks", "B_M");
const auto kGroupSimilarity = column<double>("/points/group_similarity", {"point"}, "1",
                                             "mean cosine of the experts' pairs", "1 / Omega");
const auto kDiversityRank =
    column<double>("/points/diversity_rank", {"point"}, "1",
                   "rank of the experts among all subsets of the pool", "R_D");

const std::vector<AnyColumn> kSelectColumns = {kExperts, kPerplexityRank,  kAccuracyRank,
                                               kPool,    kGroupSimilarity, kDiversityRank};

struct Select {
  static constexpr const char* kind = "select";

  Shots shots;
  std::int64_t experts = 0;           // N
  std::string rule;                   // grid.signals
  std::optional<std::uint64_t> seed;  // at random
  Bank bank;
  std::vector<Upstream> signals;       // [adapter] on the largest draw; none at random
  std::optional<Upstream> similarity;  // where diversity counts
  std::int64_t drawn = 0;              // shots of the largest draw

  static void fields(auto& self, auto&& field) {
    Shots::fields(self.shots, field);
    field("experts", self.experts);
    field("rule", self.rule);
    field("seed", self.seed);
    Bank::fields(self.bank, field);
    field("signals", self.signals);
    field("similarity", self.similarity);
    field.local("drawn", self.drawn);
  }
  std::vector<std::string> deck_keys() const {
    if (rule != "pad") return {};
    return {"kshot.pool"};
  }

  ExpertSignals gather(const Sets& sets, StageRun& run) const {
    ExpertSignals gathered{bank.names, std::vector<double>(bank.size(), 0),
                           std::vector<double>(bank.size(), 0)};
    for (std::size_t i = 0; i < bank.size(); ++i) {
      if (!bank.at(i).is_usable(run) || !sets.adapter(bank.names[i]).can_be_mixed())
        gathered.perplexity[i] = kNaN;
    }
    const std::vector<std::int64_t> places = shots.among(drawn, sets);
    for (std::size_t i = 0; i < signals.size(); ++i) {
      // equation 4: the sum over the shots; equation 5: the share of right ones
      const std::vector<float> perplexity = run.input(signals[i], kReasoningPerplexity);
      const std::vector<std::uint8_t> right = run.input(signals[i], kShotRight);
      for (const std::int64_t place : places) {
        const auto shot = static_cast<std::size_t>(place);
        gathered.perplexity[i] += perplexity[shot];
        gathered.accuracy[i] += right[shot] == 1 ? 1 / static_cast<double>(places.size()) : 0;
      }
    }
    return gathered;
  }

  void run(Worker& worker, StageRun& run) const {
    ExpertSettings settings;
    settings.rule = expert_rule(rule);
    settings.experts = experts;
    const bool is_pad = rule == "pad";
    if (is_pad) settings.pool = run.deck().integer("kshot.pool");
    if (seed) settings.seed = shots.key("experts", *seed);
    std::vector<double> cosines;
    if (similarity) cosines = run.input(*similarity, kCosine);
    ExpertChoice choice = choose_experts(gather(worker.sets, run), cosines, settings);
    std::vector<std::uint8_t> pool(bank.size(), 0);
    for (const std::int64_t i : choice.pool) pool[static_cast<std::size_t>(i)] = 1;
    if (rule == "random") {
      choice.perplexity_rank.clear();
      choice.accuracy_rank.clear();
    }
    run.emit_padded(kExperts,
                    std::vector<std::int32_t>(choice.experts.begin(), choice.experts.end()), -1);
    run.emit(kPool, pool);
    run.emit_padded(kPerplexityRank, choice.perplexity_rank, kNaN);
    run.emit_padded(kAccuracyRank, choice.accuracy_rank, kNaN);
    run.emit(kGroupSimilarity, is_pad ? choice.similarity : kNaN);
    run.emit(kDiversityRank, is_pad ? choice.diversity_rank : kNaN);
  }
};

}  // namespace

const KindOf<Worker> kSelect = kind<Worker, Select>();

void declare_selection(Draft& draft) {
  draft.builder.dimension("expert", static_cast<std::uint64_t>(draft.experts));
  if (draft.sets().bank.empty()) return;
  draft.builder.dimension("bank", draft.sets().bank.size());
  draft.builder.declare(kSelectColumns);
}

Upstream add_select(Draft& draft, const GridPoint& at, std::uint64_t point) {
  Select select;
  select.shots = at.drawn_shots(draft.sets());
  select.experts = at.experts;
  select.rule = at.signals;
  select.bank = draft.bank;
  select.drawn = draft.shots;
  if (at.signals == "random") {
    select.seed = static_cast<std::uint64_t>(at.seed);
  } else {
    select.signals = add_signals(draft, at.task, at.draw);
  }
  if (at.signals == "pad") select.similarity = add_similarity(draft);
  const std::string title = fmt::format("select {} draw {} k{} n{} {}", select.shots.task, at.draw,
                                        at.shots, at.experts, at.signals);
  const Upstream stage = draft.builder.add(select, title, {}).stage;
  draft.builder.place(stage, kSelectColumns, {point});
  return stage;
}

}  // namespace factsweep::kshot
