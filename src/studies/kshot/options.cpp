#include "factsweep/studies/common_options.hpp"
#include "kshot.hpp"
#include "methods.hpp"

namespace factsweep::kshot {
namespace {

void declare_count(OptionTable& table, const std::string& key, const std::string& fallback,
                   const std::string& unit, double minimum, double maximum,
                   const std::string& help) {
  table.add({.key = key,
             .kind = Kind::integer,
             .fallback = fallback,
             .unit = unit,
             .minimum = minimum,
             .maximum = maximum,
             .help = help});
}

void declare_rate(OptionTable& table, const std::string& section) {
  declare_count(table, section + ".epochs", section == "bank" ? "3" : "5", "epochs", 1, 100000,
                section == "bank" ? "of each adapter on its data set"
                                  : "of a mixture, or of one adapter, on shots and selected data");
  table.add({.key = section + ".learning_rate",
             .kind = Kind::real,
             .fallback = "5e-5",
             .unit = "1",
             .minimum = 0,
             .maximum = 1,
             .help = "AdamW"});
}

void declare_data(OptionTable& table) {
  table.add({.key = "data.sets",
             .kind = Kind::path,
             .help = "JSON file that names tasks, pools of open data and the bank's data sets and "
                     "adapters (docs/kshot.md)",
             .required = true});
  table.add({.key = "data.folder",
             .kind = Kind::path,
             .help = "what the file's paths are relative to; empty: its own folder"});
  declare_count(table, "data.seed", "0", "1", 0, 1e15,
                "of test examples and the bank's training examples that are drawn");
}

void declare_bank(OptionTable& table) {
  declare_rate(table, "bank");
  declare_count(table, "bank.examples", "0", "examples", 0, 1e12,
                "drawn of each data set to train on, unless the file says otherwise; 0: all");
  declare_count(table, "bank.packed", "1", "adapters", 1, 1024,
                "trained in one pass over the base; changes no adapter, only what one stage does");
  declare_count(table, "bank.seed", "0", "1", 0, 1e15, "of the bank's trainings");
  table.add({.key = "bank.evaluate",
             .kind = Kind::flag,
             .fallback = "true",
             .help = "test every adapter on every task: what source_best, table 5 and figures 8 "
                     "and 11 need"});
}

void declare_selection(OptionTable& table) {
  table.add({.key = "kshot.template",
             .kind = Kind::text,
             .fallback = "chat",
             .help = "chat: the paper's; plain: instruction and input in lines of their own; or a "
                     "text with {instruction} and {input}, \\n for a line break"});
  declare_count(table, "kshot.longest", "1024", "tokens", 8, 1 << 20,
                "training examples are cut to this length");
  declare_count(table, "kshot.pool", "8", "adapters", 1, 24,
                "M: the best of the bank by ranks, from which the most diverse N are chosen");
  table.add(
      {.key = "kshot.diversity",
       .kind = Kind::choice,
       .fallback = "factors",
       .choices = {"factors", "products"},
       .help = "cosines of the matrices A and B, as the released code; or of the updates B A"});
  table.add({.key = "augment.encoder",
             .kind = Kind::path,
             .help = "sentence-embedding model directory (the paper: bge-m3)"});
  table.add({.key = "augment.prefix",
             .kind = Kind::text,
             .fallback = "Represent the following sentence for similar task retrieval: ",
             .help = "what an embedded text begins with (the released code's)"});
  table.add({.key = "moe.balance",
             .kind = Kind::real,
             .fallback = "0",
             .unit = "1",
             .minimum = 0,
             .maximum = 1e3,
             .help = "weight of a load-balancing term in the mixture's loss (the paper has none)"});
  declare_rate(table, "moe");
  declare_count(table, "lorahub.evaluations", "40", "evaluations", 1, 1e6,
                "of the loss on the shots, by lorahub");
  table.add({.key = "lorahub.regularization",
             .kind = Kind::real,
             .fallback = "0.05",
             .unit = "nat",
             .minimum = 0,
             .maximum = 1e3,
             .help = "times the mean absolute weight, in lorahub's loss (arXiv 2307.13269)"});
}

void declare_evaluation(OptionTable& table) {
  declare_count(table, "eval.test_examples", "0", "examples", 0, 1e12,
                "drawn of each test set; 0: all");
  declare_count(table, "eval.max_new_tokens", "0", "tokens", 0, 1 << 16,
                "of an answer; 0: by its kind (docs/tasks.md)");
  declare_count(table, "eval.batch_tokens", "8192", "tokens", 1, 1 << 30,
                "of prompts answered together");
  table.add({.key = "eval.likelihood",
             .kind = Kind::flag,
             .fallback = "true",
             .help = "multiple choice by the options' likelihoods, too"});
  table.add(
      {.key = "eval.option_text",
       .kind = Kind::choice,
       .fallback = "option",
       .choices = {"option", "output"},
       .help = "whose likelihood: the option's own text, or what training would teach of it"});
  table.add({.key = "eval.allow_code_execution",
             .kind = Kind::flag,
             .fallback = "false",
             .help = "run the programs that models write, confined (docs/tasks.md)"});
}

void declare_grid(OptionTable& table) {
  table.add({.key = "grid.task",
             .kind = Kind::text_list,
             .help = "axis: tasks of data.sets; empty: all"});
  table.add({.key = "grid.method",
             .kind = Kind::text_list,
             .fallback = "base, expert_lora, source_best, lora, source_best_sft, uniform, lorahub, "
                         "arrow, random, ours",
             .choices = method_names(),
             .help =
                 "axis; base, expert_lora, source_best, uniform, arrow: nothing is trained; lora, "
                 "source_best_sft: one adapter on shots and selected data; random: ours with "
                 "experts and data drawn"});
  table.add({.key = "grid.combine",
             .kind = Kind::choice,
             .fallback = "one_by_one",
             .choices = {"one_by_one", "product"},
             .help = "one_by_one: of shots, experts, top_k, budget, tau, signals, data_selection "
                     "each method has the first values, and ours each other value of one of them; "
                     "product: all combinations"});
  const auto counts = [&](const char* key, const char* fallback, double minimum, const char* unit,
                          const char* help) {
    table.add({.key = key,
               .kind = Kind::integer_list,
               .fallback = fallback,
               .unit = unit,
               .minimum = minimum,
               .maximum = 1e12,
               .help = help});
  };
  counts("grid.shots", "50", 1, "examples", "axis: K, examples of the task; few are part of many");
  counts("grid.experts", "4", 1, "adapters", "axis: N, adapters that are mixed");
  counts("grid.top_k", "2", 1, "experts",
         "axis: k, experts that a token goes to; values above N are left out");
  counts("grid.budget", "1000", 0, "examples", "axis: C, open data before near ones are dropped");
  table.add({.key = "grid.tau",
             .kind = Kind::real_list,
             .fallback = "0.9",
             .unit = "1",
             .minimum = -1,
             .maximum = 1,
             .help = "axis: cosine of two selected data above which one goes; 1: none goes"});
  table.add({.key = "grid.signals",
             .kind = Kind::text_list,
             .fallback = "pad",
             .choices = signal_names(),
             .help = "axis: what experts are selected by: perplexity, accuracy, diversity (pad: "
                     "all three)"});
  table.add({.key = "grid.data_selection",
             .kind = Kind::text_list,
             .fallback = "cosine",
             .choices = data_selection_names(),
             .help = "axis: what open data are selected by (table 3; centroid: the released "
                     "code's); none: the shots alone"});
  counts("grid.draw", "1, 2, 3", 0, "1", "axis: draws of the shots");
}

}  // namespace

void KShotStudy::declare(OptionTable& table) const {
  declare_data(table);
  declare_bank(table);
  declare_selection(table);
  declare_evaluation(table);
  declare_training_options(table, {.batch_size = "32",
                                   .dropout = "0",
                                   .lora_rank = "16",
                                   .lora_alpha = "16",
                                   .lora_dropout = "0.05",
                                   .lora_targets = "q_proj, v_proj",
                                   .delta_dtype = "float32"});
  table.add({.key = "train.schedule",
             .kind = Kind::choice,
             .fallback = "cosine",
             .choices = {"cosine", "constant"},
             .help = "of the learning rate, behind the warm-up; cosine: to 0"});
  declare_grid(table);
}

}  // namespace factsweep::kshot
