#include "p_true.hpp"

#include <fmt/format.h>

#include "label.hpp"

namespace factsweep::slick {

const Column<float> PTrue::column = factsweep::column<float>(
    "/labels/base/p_true", {"question_index"}, "fraction", "P(True) of the gold answer", "P(True)");

void add_p_true(PlanBuilder& builder, const Worker& worker, const Chunk& chunk,
                const std::string& model_fingerprint, const ModelConfig& model) {
  if (chunk.split != Split::test || builder.deck().text("label.p_true") == "off") return;
  PTrue truth;
  truth.model = model_fingerprint;
  truth.questions = questions_hash(std::span(worker.corpus.rows).subspan(chunk.first, chunk.count));
  truth.first = chunk.first;
  truth.count = chunk.count;
  const Upstream stage =
      builder
          .add(truth,
               fmt::format("p_true {} {}-{}", chunk.relation, chunk.first,
                           chunk.first + chunk.count - 1),
               {.flop = static_cast<double>(chunk.count) * 2 * 60 * model.flop_per_token()})
          .stage;
  builder.place(stage, PTrue::column, {chunk.first}, chunk.count);
}

void PTrue::run(Worker& worker, StageRun& run) const {
  const auto begin = worker.corpus.rows.begin() + static_cast<std::ptrdiff_t>(first);
  const std::vector<Question> asked(begin, begin + static_cast<std::ptrdiff_t>(count));
  const bool renormalised = run.deck().text("label.p_true") == "renormalised";
  run.emit(column, p_true(worker.model, asked, renormalised, run.steps()));
}

}  // namespace factsweep::slick
