#include "factsweep/studies/common_options.hpp"
#include "flearning.hpp"
#include "methods.hpp"

namespace factsweep::flearning {
namespace {

void declare_data(OptionTable& table) {
  table.add({.key = "data.edits",
             .kind = Kind::text_list,
             .help = "axis: files of edits, CounterFact as EasyEdit has it, ZsRE as MEND, or "
                     "KnowEdit",
             .required = true});
  table.add({.key = "data.records",
             .kind = Kind::integer,
             .fallback = "0",
             .unit = "records",
             .minimum = 0,
             .maximum = 1e12,
             .help = "records used of each file, chosen at random; 0: all"});
  table.add({.key = "data.seed",
             .kind = Kind::integer,
             .fallback = "0",
             .unit = "1",
             .minimum = 0,
             .maximum = 1e15,
             .help = "of the choice and order of records"});
}

/// A training that the study has a kind of: original, forget, learn.
void declare_stage(OptionTable& table, const std::string& section, const std::string& what) {
  table.add({.key = section + ".epochs",
             .kind = Kind::integer,
             .fallback = "3",
             .unit = "epochs",
             .minimum = 1,
             .maximum = 100000,
             .help = what});
  table.add({.key = section + ".learning_rate",
             .kind = Kind::real,
             .fallback = "5e-5",
             .unit = "1",
             .minimum = 0,
             .maximum = 1,
             .help = "AdamW, full fine-tuning (appendix A.2)"});
  if (section == "original") return;
  table.add({.key = section + ".lora_learning_rate",
             .kind = Kind::real,
             .fallback = "5e-5",
             .unit = "1",
             .minimum = 0,
             .maximum = 1,
             .help = "AdamW, LoRA (appendix A.2)"});
}

void declare_editors(OptionTable& table) {
  table.add({.key = "edit.presets",
             .kind = Kind::text_list,
             .fallback = "paper",
             .choices = {"paper", "easyedit-llama", "easyedit-gptj"},
             .help = "axis: hyperparameters of ft_c, rome, rome_reset and memit: the paper's, or "
                     "EasyEdit's for Llama-2-7B or GPT-J-6B"});
  table.add({.key = "edit.layers",
             .kind = Kind::integer_list,
             .unit = "layers",
             .minimum = 0,
             .maximum = 10000,
             .help = "layers that memit changes; the first one is rome's; empty: the preset's"});
  table.add({.key = "edit.ft_c_layer",
             .kind = Kind::integer,
             .fallback = "-1",
             .unit = "layers",
             .minimum = -1,
             .maximum = 10000,
             .help = "layer whose MLP output matrix ft_c trains; -1: the preset's"});
  table.add({.key = "edit.ft_c_bound",
             .kind = Kind::real,
             .fallback = "5e-5",
             .unit = "1",
             .minimum = 0,
             .maximum = 1e3,
             .help = "largest change of a weight by ft_c (the paper does not give it; ROME's for "
                     "GPT-J); 0: none"});
  table.add({.key = "edit.records",
             .kind = Kind::integer,
             .fallback = "0",
             .unit = "records",
             .minimum = 0,
             .maximum = 1e12,
             .help = "rome, rome_reset and memit edit the first of these records; 0: all"});
  table.add({.key = "edit.text",
             .kind = Kind::path,
             .help = "plain text or JSON lines {\"text\"} whose keys' second moment rome and memit "
                     "need"});
  table.add({.key = "edit.text_tokens",
             .kind = Kind::integer,
             .fallback = "100000",
             .unit = "tokens",
             .minimum = 1,
             .maximum = 1e12,
             .help = "tokens of edit.text that are read"});
}

}  // namespace

void FLearningStudy::declare(OptionTable& table) const {
  declare_data(table);
  table.add({.key = "flearning.train_template",
             .kind = Kind::text,
             .fallback = "{prompt}",
             .help = "what the answer follows in training, after a space; \\n is a line break (the "
                     "paper does not say)"});
  table.add({.key = "flearning.evaluation_template",
             .kind = Kind::text,
             .fallback = "{prompt}",
             .help = "the same in evaluation; EasyEdit asks without a template"});
  table.add({.key = "flearning.answer_end",
             .kind = Kind::choice,
             .fallback = "eos",
             .choices = {"eos", "newline", "none"},
             .help = "what an answer is taught to end with"});
  table.add({.key = "flearning.batch_tokens",
             .kind = Kind::integer,
             .fallback = "4096",
             .unit = "tokens",
             .minimum = 1,
             .maximum = 1 << 30,
             .help = "tokens of one forward pass of an evaluation"});
  declare_stage(table, "original",
                "of full fine-tuning on the old answers: every method starts from its result");
  declare_stage(table, "forget",
                "of the second training on the old answers, which gives delta_old");
  declare_stage(table, "learn", "of training on the new answers");
  declare_training_options(table, {.batch_size = "64",
                                   .dropout = "0",
                                   .lora_rank = "8",
                                   .lora_alpha = "32",
                                   .lora_dropout = "0.1",
                                   .lora_targets = "q_proj, v_proj",
                                   .delta_dtype = "float32"});
  table.add({.key = "store.deltas",
             .kind = Kind::choice,
             .fallback = "none",
             .choices = {"none", "final"},
             .help = "final: keep every point's weights minus the base model's; the original model "
                     "and delta_old are always kept"});
  declare_editors(table);
  table.add({.key = "ability.tasks",
             .kind = Kind::text_list,
             .help = "files of labelled tasks that every model is asked too (docs/tasks.md): a "
                     "path, or path#part"});
  table.add({.key = "ability.examples",
             .kind = Kind::integer,
             .fallback = "0",
             .unit = "examples",
             .minimum = 0,
             .maximum = 1e12,
             .help = "examples asked of each task, chosen by data.seed; 0: all"});
  table.add({.key = "grid.method",
             .kind = Kind::text_list,
             .fallback = "original, ft, f_learning_ft",
             .choices = method_names(),
             .help = "axis: how the new knowledge is brought in; ft and lora: without forgetting; "
                     "forget_*: forgetting alone; rome_reset: each edit on the original model"});
  table.add({.key = "grid.lambda",
             .kind = Kind::real_list,
             .fallback = "0.3",
             .unit = "1",
             .minimum = -1000,
             .maximum = 1000,
             .help = "axis of forget_ft and f_learning_ft: theta' = theta - lambda delta_old "
                     "(equation 4)"});
  table.add({.key = "grid.lambda_lora",
             .kind = Kind::real_list,
             .fallback = "0.7",
             .unit = "1",
             .minimum = -1000,
             .maximum = 1000,
             .help = "the same of forget_lora, f_learning_lora and f_learning_lora_ft"});
  table.add({.key = "grid.layers",
             .kind = Kind::text_list,
             .fallback = "all",
             .help = "axis: layers that forget, as 0-9; all: embeddings and norms, too"});
  table.add({.key = "grid.model",
             .kind = Kind::text_list,
             .help = "axis: model directories, in place of model.path; empty: not swept"});
  table.add({.key = "grid.records",
             .kind = Kind::integer_list,
             .unit = "records",
             .minimum = 1,
             .maximum = 1e12,
             .help = "axis: how many records are edited at once; empty: all"});
  table.add({.key = "search.locality",
             .kind = Kind::real,
             .fallback = "0",
             .unit = "fraction",
             .minimum = 0,
             .maximum = 1,
             .help =
                 "adds a point to each method with a lambda: the largest one whose forgetting "
                 "alone keeps this locality; costs evaluations, no training; 0: no such point"});
  table.add({.key = "search.largest_lambda",
             .kind = Kind::real,
             .fallback = "2",
             .unit = "1",
             .minimum = 0,
             .maximum = 1000,
             .help = "where that search ends"});
  table.add({.key = "search.evaluations",
             .kind = Kind::integer,
             .fallback = "7",
             .unit = "evaluations",
             .minimum = 1,
             .maximum = 60,
             .help = "halvings of the interval"});
}

}  // namespace factsweep::flearning
