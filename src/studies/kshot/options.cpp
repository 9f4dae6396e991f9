#include "options.hpp"

#include <fmt/format.h>

#include "factsweep/data/record_counts.hpp"
#include "factsweep/studies/support/lists.hpp"
#include "factsweep/studies/support/training_options.hpp"
#include "factsweep/tasks/prompt.hpp"
#include "methods.hpp"

namespace factsweep::kshot {
namespace {

void declare_rate(OptionTable& table, const std::string& section) {
  table.integer(section + ".epochs", section == "bank" ? "3" : "5", "epochs", 1, 100000,
                section == "bank" ? "of each adapter on its data set"
                                  : "of a mixture, or of one adapter, on shots and selected data");
  table.real(section + ".learning_rate", "5e-5", "1", 0, 1, "AdamW");
}

void declare_data(OptionTable& table) {
  table.path("data.sets", no_default,
             "JSON file that names tasks, pools of open data and the bank's data sets and adapters "
             "(docs/kshot.md)");
  table.path("data.folder", "", "what the file's paths are relative to; empty: its own folder");
  table.integer("data.seed", "0", "1", 0, 1e15,
                "of test examples and the bank's training examples that are drawn");
  table.real("data.bad_records", fmt::format("{:g}", kBadRecords), "fraction", 0, 1,
             "of a file's records that may be bad: they are left out, counted and named; of small "
             "files ten may be, or half of them; 0: none may");
  table.choice("data.repeated", "keep", {"keep", "drop"},
               "training examples that ask what another one asks: keep: used, counted and named; "
               "drop: those that say the same again go, and of those that differ all");
  table.choice("data.tested", "drop", {"drop", "keep"},
               "training examples that ask what a test example asks");
}

void declare_bank(OptionTable& table) {
  declare_rate(table, "bank");
  table.integer("bank.examples", "0", "examples", 0, 1e12,
                "drawn of each data set to train on, unless the file says otherwise; 0: all");
  table.integer("bank.packed", "1", "adapters", 1, 1024,
                "trained in one pass over the base; changes no adapter, only what one stage does");
  table.integer("bank.seed", "0", "1", 0, 1e15, "of the bank's trainings");
  table.flag(
      "bank.evaluate", "true",
      "test every adapter on every task: what source_best, table 5 and figures 8 and 11 need");
}

void declare_selection(OptionTable& table) {
  table.text("kshot.template", "chat",
             "chat: the paper's; plain: instruction and input in lines of their own; or a text "
             "with {instruction} and {input}, \\n for a line break");
  table.integer("kshot.longest", "1024", "tokens", 8, 1 << 20,
                "training examples are cut to this length");
  table.choice("kshot.teach", "reasons", {"reasons", "answers"},
               "what training and search see of the shots: outputs with the task's reasons, where "
               "it has some, as the paper; or the outputs alone");
  table.integer("kshot.pool", "8", "adapters", 1, 24,
                "M: the best of the bank by ranks, from which the most diverse N are chosen");
  table.choice("kshot.diversity", "factors", {"factors", "products"},
               "cosines of the matrices A and B, as the released code; or of the updates B A");
  table.path("augment.encoder", "", "sentence-embedding model directory (the paper: bge-m3)");
  table.text("augment.prefix", "Represent the following sentence for similar task retrieval: ",
             "what an embedded text begins with (the released code's)");
  table.real("moe.balance", "0", "1", 0, 1e3,
             "weight of a load-balancing term in the mixture's loss (the paper has none); merged "
             "experts (smear) have no such term");
  table.real("mixlora.balance", "0.01", "1", 0, 1e3,
             "the same of mixlora and mixlora_data (arXiv 2404.15159), in place of moe.balance");
  table.integer("phatgoose.steps", "100", "steps", 1, 1e9,
                "about as many for the gates of each expert, of phatgoose and phatgoose_data");
  table.real("phatgoose.learning_rate", "5e-3", "1", 0, 1, "of gates; AdamW");
  declare_rate(table, "moe");
  table.integer("lorahub.evaluations", "40", "evaluations", 1, 1e6,
                "of the loss on the shots, by lorahub");
  table.real("lorahub.regularization", "0.05", "nat", 0, 1e3,
             "times the mean absolute weight, in lorahub's loss (arXiv 2307.13269)");
}

void declare_evaluation(OptionTable& table) {
  table.integer("eval.test_examples", "0", "examples", 0, 1e12, "drawn of each test set; 0: all");
  table.integer("eval.max_new_tokens", "0", "tokens", 0, 1 << 16,
                "of an answer; 0: by its kind (docs/tasks.md)");
  table.integer("eval.batch_tokens", "8192", "tokens", 1, 1 << 30, "of prompts answered together");
  table.flag("eval.likelihood", "true", "multiple choice by the options' likelihoods, too");
  table.choice("eval.option_text", "option", {"option", "output"},
               "whose likelihood: the option's own text, or what training would teach of it");
  table.flag("eval.allow_code_execution", "false",
             "run the programs that models write, confined (docs/tasks.md)");
}

void declare_grid(OptionTable& table) {
  table.texts("grid.task", "", "axis: tasks of data.sets; empty: all");
  table.choices("grid.method", "base, lora, ours", names_of(methods()),
                "axis: what an expert of the task is made of, and how (docs/kshot.md)");
  table.choice(
      "grid.combine", "one_by_one", {"one_by_one", "product"},
      "one_by_one: of shots, experts, top_k, budget, tau, signals, data_selection each method has "
      "the first values, and ours each other value of one of them; product: all combinations");
  table.integers("grid.shots", "50", "examples", 1, 1e12,
                 "axis: K, examples of the task; few are part of many");
  table.integers("grid.experts", "4", "adapters", 1, 1e12, "axis: N, adapters that are mixed");
  table.integers("grid.top_k", "2", "experts", 1, 1e12,
                 "axis: k, experts that a token goes to; values above N are left out");
  table.integers("grid.budget", "1000", "examples", 0, 1e12,
                 "axis: C, open data before near ones are dropped");
  table.reals("grid.tau", "0.9", "1", -1, 1,
              "axis: cosine of two selected data above which one goes; 1: none goes");
  table.choices(
      "grid.signals", "pad", signal_names(),
      "axis: what experts are selected by: perplexity, accuracy, diversity (pad: all three)");
  table.choices("grid.data_selection", "cosine", data_selection_names(),
                "axis: what open data are selected by (table 3; centroid: the released code's); "
                "none: the shots alone");
  table.integers("grid.draw", "1, 2, 3", "1", 0, 1e12, "axis: draws of the shots");
}

}  // namespace

void declare(OptionTable& table) {
  declare_data(table);
  declare_bank(table);
  declare_selection(table);
  declare_evaluation(table);
  declare_training_options(table, {.batch_size = "32",
                                   .dropout = "0",
                                   .loss = "microbatch",
                                   .microbatch_examples = "2",
                                   .schedule = "cosine",
                                   .warmup_steps = "5",
                                   .weight_decay = "1e-4",
                                   .gradient_clip = "1",
                                   .lora_rank = "16",
                                   .lora_alpha = "16",
                                   .lora_dropout = "0.05",
                                   .lora_targets = "q_proj, v_proj",
                                   .delta_dtype = "float32"});
  table.choice("store.deltas", "auto", {"auto", "none", "final"},
               "final: keep what a point has trained: its adapter, or its mixture of experts; auto: "
               "where all of them are at most 10 GB; the bank's adapters are always kept");
  declare_abilities(table, kAbilityKeys);
  declare_grid(table);
}

std::string prompts(const Deck& deck) {
  return prompt_template(deck.text("kshot.template"),
                         deck.where("kshot.template") + ": kshot.template");
}

}  // namespace factsweep::kshot
