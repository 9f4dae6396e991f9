// Stage "p_true": does the base model hold its answers for true (SliCK, appendix J)?
#include <fmt/format.h>

#include <algorithm>

#include "../options.hpp"
#include "factsweep/studies/support/lists.hpp"
#include "factsweep/studies/support/memory.hpp"
#include "stages.hpp"

namespace factsweep::slick {
namespace {

const auto kProbability = column<float>("/labels/base/p_true", {"question_index"}, "fraction",
                                        "P(True) of the gold answer", "P(True)");

struct PTrue {
  static constexpr const char* kind = "p_true";

  std::string model;      // fingerprint of its files
  std::string questions;  // hash of their texts and answers
  Chunk chunk;            // where they are
  std::string directory;  // of the model

  static void fields(auto& self, auto&& field) {
    field("model", self.model);
    field("questions", self.questions);
    field.local("first", self.chunk.first);
    field.local("count", self.chunk.count);
    field.local("directory", self.directory);
  }
  std::vector<std::string> deck_keys() const {
    return joined({deck_names(kPTruePrompts), {"model.dtype", "label.p_true"}});
  }

  void run(Worker& worker, StageRun& run) const {
    worker.use(directory);
    const bool renormalised = run.deck().text("label.p_true") == "renormalised";
    run.emit(kProbability, p_true(worker.model, worker.questions(chunk),
                                  prompts(run.deck(), kPTruePrompts), renormalised, run.steps()));
  }
};

}  // namespace

const KindOf<Worker> kPTrue = kind<Worker, PTrue>();

void declare_p_true(const Draft& draft) {
  draft.builder.declare(draft.of_model(kProbability));
}

void add_p_true(const Draft& draft, const Chunk& chunk) {
  if (chunk.split != Split::test || draft.deck().text("label.p_true") == "off") return;
  const std::string title = fmt::format("{} {} {}-{}", draft.titled("p_true"), chunk.relation,
                                        chunk.first, chunk.first + chunk.count - 1);
  constexpr double kTokens = 60, kTogether = 64;  // of a prompt; prompts of a pass
  const auto count = static_cast<double>(chunk.count), together = std::min(count, kTogether);
  const double flop = count * 2 * kTokens * draft.model.flop_per_token();
  const double bytes = asking_bytes(
      draft.deck(), draft.model,
      {.count = together, .tokens = together * kTokens, .answers = together, .longest = kTokens});
  const PTrue truth{draft.base.fingerprint, draft.questions_hash(draft.worker.questions(chunk)),
                    chunk, draft.base.directory};
  const Upstream stage = draft.builder.add(truth, title, {.flop = flop, .bytes = bytes}).stage;
  draft.builder.place(stage, draft.of_model(kProbability), {chunk.first}, chunk.count);
}

}  // namespace factsweep::slick
