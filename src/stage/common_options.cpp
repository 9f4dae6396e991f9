#include "factsweep/stage/common_options.hpp"

namespace factsweep {

void declare_study_option(OptionTable& table, const std::vector<std::string>& studies) {
  table.choice("run.study", no_default, studies, "which study this deck describes");
}

void declare_common_options(OptionTable& table) {
  const auto execution = Scope::execution;
  table.path("run.output", "results.h5", "result file; weights go to NAME.weights.h5 beside it",
             execution);
  table.paths("run.reuse", "",
              "result files of this study with other decks: stages that they have finished and "
              "this deck has too are copied, not done again",
              execution);
  table.duration("run.wall_limit", "0",
                 "stop cleanly (exit code 5) before this much time has passed; 0: no limit",
                 execution);
  table.duration(
      "run.hang_limit", "00:30:00",
      "end the job (exit code 3), or under mpirun --enable-recovery or --with-ft ulfm go on "
      "without it, when a rank hangs: it works, but has made no step of a training, a "
      "labelling or an edit for so long. Loading and large writes are silent for minutes; "
      "0: never",
      execution);
  table.duration(
      "run.silence_limit", "00:00:50",
      "end the job (exit code 3), or under mpirun --enable-recovery or --with-ft ulfm go on "
      "without it, when a rank is lost: its process or node has given no sign of life for "
      "so long; 0: never",
      execution);
  table.choice("run.device", "auto", {"auto", "cpu", "cuda"},
               "where ranks compute; auto: cuda where there is one", execution);
  table.integer("run.threads", "1", "threads", 1, 1024,
                "CPU threads a rank. Another number of threads may change the last bit of results; "
                "another number of ranks never does, so prefer ranks",
                execution);
  table.duration(
      "run.checkpoint_interval", "00:10:00",
      "how often a running training saves its state at least; more often, down to 5 s, where that "
      "takes less than a hundredth of the time; and once more at its end, as the stage goes on; 0: "
      "only when the job is told to stop while it trains",
      execution);

  table.path("model.path", no_default, "Hugging Face model directory");
  table.choice("model.dtype", "float32", {"float32", "bfloat16"},
               "of weights and matrix products; training keeps float32 master weights and moments "
               "either way");

  table.integers("grid.seed", "1", "1", 0, 1e15,
                 "axis: seed of every random choice of a point, data order and dropout among them");
}

double weight_bytes(const Deck& deck) {
  return deck.text("model.dtype") == "float32" ? 4 : 2;
}

DType delta_dtype(const Deck& deck) {
  return deck.text("store.delta_dtype") == "bfloat16" ? DType::bfloat16 : DType::float32;
}

}  // namespace factsweep
