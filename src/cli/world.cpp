// `factsweep world`: the embedded world and the small model trained on it.
#include <fmt/format.h>

#include "factsweep/cli/commands.hpp"
#include "factsweep/core/console.hpp"
#include "factsweep/model/device.hpp"
#include "factsweep/world/world.hpp"
#include "flags.hpp"

namespace factsweep::cli {
namespace po = boost::program_options;

ExitCode world(const Words& words) {
  WorldSettings s;
  int threads = 0;
  std::string output;
  po::options_description options;
  const auto option = [&](const char* name, auto& value, const char* help) {
    options.add_options()(name, po::value(&value)->default_value(value), help);
  };
  options.add_options()("output", po::value(&output)->required(),
                        "folder to write: facts/, corpus.txt, model/");
  option("seed", s.seed, "of everything");
  option("subjects", s.subjects, "each has one fact of each of six relations");
  option("unseen", s.unseen, "share of facts that the corpus never states");
  option("pareto-shape", s.pareto_shape, "of the number of statements of the other facts");
  option("pareto-scale", s.pareto_scale, "fewest statements of a stated fact");
  option("most-exposures", s.most_exposures, "most statements of one fact");
  option("vocabulary", s.vocabulary, "SentencePiece pieces");
  option("width", s.width, "of the model");
  option("layers", s.layers, "of the model");
  option("passes", s.passes, "over the corpus");
  option("learning-rate", s.learning_rate, "AdamW, cosine to a tenth");
  option("threads", threads, "CPU threads; 0: all cores");
  po::variables_map flags;
  if (!parse_flags(
          "factsweep world --output DIR: an invented world and a small model pre-trained on it",
          options, words, flags))
    return ExitCode::done;
  if (s.subjects < 30 || s.unseen < 0 || s.unseen >= 1 || s.passes < 1 || s.pareto_shape <= 0 ||
      s.pareto_scale < 1) {
    throw InputError(
        "command line: world needs --subjects >= 30, --unseen in [0, 1), --passes >= 1, "
        "--pareto-shape > 0, --pareto-scale >= 1.");
  }
  if (threads > 0) use_threads(threads);
  s.mlp_width = s.width * 11 / 4;
  const World invented = invent_world(s);
  write_world(invented, output);
  console::info("{} facts, {} documents in {}", invented.facts.size(), invented.documents.size(),
                output);
  pretrain_world(
      invented, s, output, [&](std::int64_t step, std::int64_t steps, double loss, double rate) {
        console::progress(fmt::format(
            "pre-training: step {} of {}, loss {:.3f}, {:.0f} tokens/s, {} to go", step, steps,
            loss, rate,
            console::duration(static_cast<double>((steps - step) * s.batch_size * s.sequence) /
                              rate)));
        if (step == steps)
          console::info("pre-trained: loss {:.3f} after {} steps, {:.0f} tokens/s", loss, steps,
                        rate);
      });
  console::info("The model is in {}/model.", output);
  return ExitCode::done;
}

}  // namespace factsweep::cli
