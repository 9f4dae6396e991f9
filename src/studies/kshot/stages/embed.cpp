// Stage "embed": sentence embeddings of a part of an open pool, or of a task's shots.
#include <fmt/format.h>

#include <algorithm>

#include "factsweep/model/tensors.hpp"
#include "factsweep/model/torch.hpp"
#include "stages.hpp"

namespace factsweep::kshot {
namespace {

constexpr std::uint64_t kStageTexts = 4096;  // of a pool, a stage
constexpr std::size_t kPassTexts = 256;      // a stop is heard after so many

/// What the released code embeds, with the deck's prefix in front.
std::string text_of(const TaskExample& example, const std::string& prefix) {
  return fmt::format("{}instruction:{}\ninput:{}\noutput:{}", prefix, example.instruction,
                     example.input, example.output);
}

struct Embed {
  static constexpr const char* kind = "embed";

  std::string encoder;                 // fingerprint of its files
  std::string examples;                // the same of the texts
  std::string pool;                    // a name; empty: the shots are embedded
  std::uint64_t first = 0, count = 0;  // of the pool's examples
  Shots shots;                         // the largest draw
  std::string directory;               // of the encoder

  static void fields(auto& self, auto&& field) {
    field("encoder", self.encoder);
    field("examples", self.examples);
    field("pool", self.pool);
    field("first", self.first);
    field("count", self.count);
    Shots::fields(self.shots, field);
    field.local("directory", self.directory);
  }
  std::vector<std::string> deck_keys() const { return {"augment.prefix", "model.dtype"}; }

  TaskSet texts(const Sets& sets) const {
    if (pool.empty()) return shots.read(sets);
    const TaskSet& whole = sets.pool(pool).set;
    TaskSet part{whole.name, whole.kind, {}};
    const auto begin = whole.examples.begin() + static_cast<std::ptrdiff_t>(first);
    part.examples.assign(begin, begin + static_cast<std::ptrdiff_t>(count));
    return part;
  }

  void run(Worker& worker, StageRun& run) const {
    if (!worker.encoder)
      worker.encoder = Encoder::load(directory, parse_dtype(run.deck().text("model.dtype")),
                                     worker.base.device());
    const TaskSet set = texts(worker.sets);
    const std::string prefix = run.deck().text("augment.prefix");
    EmbedSettings settings;
    settings.normalize = true;
    std::vector<torch::Tensor> rows;
    for (std::size_t begin = 0; begin < set.examples.size(); begin += kPassTexts) {
      const std::size_t end = std::min(begin + kPassTexts, set.examples.size());
      std::vector<std::string> pass;
      for (std::size_t i = begin; i < end; ++i) pass.push_back(text_of(set.examples[i], prefix));
      rows.push_back(worker.encoder->embed(pass, settings).rows_ND.cpu());
      run.step(static_cast<double>(end) / static_cast<double>(set.examples.size()), 0);
    }
    run.emit(kEmbedding, to_array(torch::cat(rows), DType::float32));
  }
};

DatasetSpec tensor(std::string path, std::uint64_t texts, std::uint64_t width,
                   std::string long_name) {
  return {.file = File::weights,
          .path = std::move(path),
          .dtype = DType::float32,
          .shape = {texts, width},
          .long_name = std::move(long_name)};
}

PlanBuilder::Added add(Draft& draft, Embed embed, const std::string& title) {
  const TaskSet texts = embed.texts(draft.sets());
  embed.encoder = draft.encoder;
  embed.examples = fingerprint(texts);
  embed.directory = draft.deck().text("augment.encoder");
  const double flop_per_token = 24 * static_cast<double>(draft.width * draft.width) * 6;
  return draft.builder.add(embed, "embed " + title,
                           {.flop = draft.lengths_of(texts).tokens * flop_per_token});
}

}  // namespace

const KindOf<Worker> kEmbed = kind<Worker, Embed>();

const std::vector<Upstream>& add_pool_embeddings(Draft& draft, std::size_t pool) {
  const auto [found, fresh] = draft.pools.try_emplace(pool);
  if (!fresh) return found->second;
  const Pool& open = draft.sets().pools[pool];
  const DatasetSpec spec = tensor("/embeddings/pools/" + open.name, open.set.examples.size(),
                                  draft.width, "embedding of each example of the pool");
  for (std::uint64_t first = 0; first < spec.shape[0]; first += kStageTexts) {
    Embed embed;
    embed.pool = open.name;
    embed.first = first;
    embed.count = std::min(kStageTexts, spec.shape[0] - first);
    const std::string title = fmt::format("{} {}-{}", open.name, first, first + embed.count - 1);
    found->second.push_back(add(draft, embed, title).stage);
    const Slab rows{spec.file, spec.path, {first, 0}, {embed.count, draft.width}};
    draft.builder.output(found->second.back(), Output{kEmbedding, {rows}, false});
  }
  draft.builder.declare(spec);
  return found->second;
}

Upstream add_shot_embeddings(Draft& draft, std::size_t task, std::int64_t draw) {
  Embed embed;
  embed.shots = draft.all_shots(task, draw);
  const std::string& name = embed.shots.task;
  const auto [stage, is_new] = add(draft, embed, fmt::format("shots of {} draw {}", name, draw));
  if (!is_new) return stage;
  draft.builder.place_tensor(stage, kEmbedding,
                             tensor(fmt::format("/embeddings/shots/{}/{}", name, draw),
                                    static_cast<std::uint64_t>(draft.shots), draft.width,
                                    "embedding of each shot of the largest draw"));
  return stage;
}

}  // namespace factsweep::kshot
