#include "factsweep/studies/common_options.hpp"

#include <fmt/format.h>
#include <torch/cuda.h>

#include <functional>
#include <numeric>

#include "factsweep/core/error.hpp"
#include "factsweep/studies/study.hpp"

namespace factsweep {
namespace {

void declare_lora_options(OptionTable& table, const TrainingDefaults& defaults) {
  table.add({.key = "lora.rank",
             .kind = Kind::integer,
             .fallback = defaults.lora_rank,
             .unit = "1",
             .minimum = 1,
             .maximum = 65536,
             .help = "r of an adapted module's B A"});
  table.add({.key = "lora.alpha",
             .kind = Kind::real,
             .fallback = defaults.lora_alpha,
             .unit = "1",
             .minimum = 0,
             .maximum = 1e6,
             .help = "B A is scaled by alpha / rank"});
  table.add({.key = "lora.rslora",
             .kind = Kind::flag,
             .fallback = "false",
             .help = "scale by alpha / sqrt(rank) instead (arXiv 2312.03732)"});
  table.add({.key = "lora.dropout",
             .kind = Kind::real,
             .fallback = defaults.lora_dropout,
             .unit = "1",
             .minimum = 0,
             .maximum = 0.95,
             .help = "on what A reads; train.dropout acts beside it"});
  table.add({.key = "lora.bias",
             .kind = Kind::choice,
             .fallback = "none",
             .choices = {"none", "all", "lora_only"},
             .help = "which of the model's biases are trained too: none, all, those of adapted "
                     "modules"});
  table.add({.key = "lora.targets",
             .kind = Kind::text_list,
             .fallback = defaults.lora_targets,
             .help = "adapted modules by the ends of their names, as q_proj, v_proj; all-linear: "
                     "every linear layer of the blocks"});
}

}  // namespace

void declare_common_options(OptionTable& table) {
  const auto execution = Scope::execution;
  table.add({.key = "run.study",
             .kind = Kind::choice,
             .choices = study_names(),
             .help = "which study this deck describes",
             .required = true});
  table.add({.key = "run.output",
             .kind = Kind::path,
             .fallback = "results.h5",
             .help = "result file; weights go to NAME.weights.h5 beside it",
             .scope = execution});
  table.add({.key = "run.reuse",
             .kind = Kind::text_list,
             .help = "result files of this study with other decks: stages that they have finished "
                     "and this deck has too are copied, not done again",
             .scope = execution});
  table.add({.key = "run.wall_limit",
             .kind = Kind::duration,
             .fallback = "0",
             .unit = "time",
             .help = "stop cleanly (exit code 5) before this much time has passed; 0: no limit",
             .scope = execution});
  table.add({.key = "run.device",
             .kind = Kind::choice,
             .fallback = "auto",
             .choices = {"auto", "cpu", "cuda"},
             .help = "where ranks compute; auto: cuda where there is one",
             .scope = execution});
  table.add({.key = "run.threads",
             .kind = Kind::integer,
             .fallback = "1",
             .unit = "threads",
             .minimum = 1,
             .maximum = 1024,
             .help = "CPU threads a rank. Another number of threads may change the last bit of "
                     "results; another number of ranks never does, so prefer ranks",
             .scope = execution});
  table.add(
      {.key = "run.checkpoint_interval",
       .kind = Kind::duration,
       .fallback = "00:10:00",
       .unit = "time",
       .help = "how often a running training saves its state; 0: only when the job is told to stop",
       .scope = execution});

  table.add({.key = "model.path",
             .kind = Kind::path,
             .help = "Hugging Face model directory",
             .required = true});
  table.add({.key = "model.dtype",
             .kind = Kind::choice,
             .fallback = "float32",
             .choices = {"float32", "bfloat16"},
             .help = "of weights and matrix products; training keeps float32 master weights and "
                     "moments either way"});

  table.add(
      {.key = "grid.seed",
       .kind = Kind::integer_list,
       .fallback = "1",
       .unit = "1",
       .minimum = 0,
       .maximum = 1e15,
       .help = "axis: seed of every random choice of a point, data order and dropout among them"});
}

void declare_training_options(OptionTable& table, const TrainingDefaults& defaults) {
  table.add({.key = "train.batch_size",
             .kind = Kind::integer,
             .fallback = defaults.batch_size,
             .unit = "examples",
             .minimum = 1,
             .maximum = 1 << 20,
             .help = "examples an optimizer step"});
  table.add({.key = "train.dropout",
             .kind = Kind::real,
             .fallback = defaults.dropout,
             .unit = "1",
             .minimum = 0,
             .maximum = 0.95,
             .help = "on the embeddings and on both residual branches of every layer"});
  table.add({.key = "train.beta1",
             .kind = Kind::real,
             .fallback = "0.9",
             .unit = "1",
             .minimum = 0,
             .maximum = 0.999999,
             .help = "AdamW first-moment decay"});
  table.add({.key = "train.beta2",
             .kind = Kind::real,
             .fallback = "0.999",
             .unit = "1",
             .minimum = 0,
             .maximum = 0.9999999,
             .help = "AdamW second-moment decay"});
  table.add({.key = "train.epsilon",
             .kind = Kind::real,
             .fallback = "1e-8",
             .unit = "1",
             .minimum = 1e-20,
             .maximum = 1,
             .help = "AdamW denominator"});
  table.add({.key = "train.weight_decay",
             .kind = Kind::real,
             .fallback = "0",
             .unit = "1",
             .minimum = 0,
             .maximum = 10,
             .help = "AdamW decoupled weight decay (the papers do not state one)"});
  table.add({.key = "train.gradient_clip",
             .kind = Kind::real,
             .fallback = "0",
             .unit = "1",
             .minimum = 0,
             .maximum = 1e9,
             .help = "largest global gradient norm; 0: no clipping"});
  table.add({.key = "train.warmup_steps",
             .kind = Kind::integer,
             .fallback = "0",
             .unit = "steps",
             .minimum = 0,
             .maximum = 1e9,
             .help = "linear warm-up"});
  table.add({.key = "train.microbatch_tokens",
             .kind = Kind::integer,
             .fallback = "4096",
             .unit = "tokens",
             .minimum = 1,
             .maximum = 1 << 30,
             .help = "tokens of one forward and backward pass; bounds the activation memory"});

  declare_lora_options(table, defaults);

  table.add({.key = "store.delta_dtype",
             .kind = Kind::choice,
             .fallback = defaults.delta_dtype,
             .choices = {"bfloat16", "float32"},
             .help = "precision of stored deltas"});
}

TrainSettings train_settings(const Deck& deck) {
  TrainSettings settings;
  settings.batch_size = deck.integer("train.batch_size");
  settings.dropout = deck.real("train.dropout");
  settings.beta1 = deck.real("train.beta1");
  settings.beta2 = deck.real("train.beta2");
  settings.epsilon = deck.real("train.epsilon");
  settings.weight_decay = deck.real("train.weight_decay");
  settings.gradient_clip = deck.real("train.gradient_clip");
  settings.warmup_steps = deck.integer("train.warmup_steps");
  settings.microbatch_tokens = deck.integer("train.microbatch_tokens");
  return settings;
}

LoraConfig lora_config(const Deck& deck) {
  LoraConfig config;
  config.rank = deck.integer("lora.rank");
  config.alpha = deck.real("lora.alpha");
  config.rslora = deck.flag("lora.rslora");
  config.dropout = deck.real("lora.dropout");
  config.bias = parse_lora_bias(deck.text("lora.bias"), deck.where("lora.bias") + ": lora.bias");
  config.targets.names = deck.text_list("lora.targets");
  if (config.targets.names == std::vector<std::string>{"all-linear"})
    config.targets = {.all_linear = true, .names = {}, .pattern = {}};
  config.base_model = deck.text("model.path");
  return config;
}

std::string lora_place(const Deck& deck) {
  return deck.where("lora.targets") + ": lora.targets";
}

double training_bytes(const ModelConfig& model, const std::optional<LoraConfig>& lora,
                      const std::string& where) {
  // a master copy and two moments in float32; weight and gradient share 4 more bytes in bfloat16,
  // and in float32 the weight is the master copy
  const double bytes = 4 * 4;
  if (!lora) return bytes * static_cast<double>(model.parameters());
  double parameters = 0;
  for (const auto& [name, shape] : adapter_shapes(*lora, model, where)) {
    parameters += static_cast<double>(
        std::accumulate(shape.begin(), shape.end(), std::int64_t{1}, std::multiplies<>()));
  }
  return bytes * parameters;
}

DType delta_dtype(const Deck& deck) {
  return deck.text("store.delta_dtype") == "bfloat16" ? DType::bfloat16 : DType::float32;
}

double weight_bytes(const Deck& deck) {
  return deck.text("model.dtype") == "float32" ? 4 : 2;
}

double activation_bytes(const Deck& deck, const ModelConfig& model, std::int64_t tokens) {
  return static_cast<double>(tokens * model.layers) *
         static_cast<double>(20 * model.width + 6 * model.mlp_width) * weight_bytes(deck);
}

torch::Device choose_device(const std::string& name, int local_rank) {
  const auto devices = static_cast<int>(torch::cuda::device_count());
  if (name == "cpu" || (name == "auto" && devices == 0)) return torch::kCPU;
  if (devices == 0) {
    throw EnvironmentError(
        "run.device = cuda, but this process sees no CUDA device. Is the libtorch built with CUDA, "
        "and does "
        "the job ask for GPUs? Use run.device = cpu otherwise.");
  }
  return torch::Device(torch::kCUDA, static_cast<c10::DeviceIndex>(local_rank % devices));
}

}  // namespace factsweep
