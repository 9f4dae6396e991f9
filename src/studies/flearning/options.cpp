#include "options.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "corpus.hpp"
#include "factsweep/studies/support/models.hpp"
#include "factsweep/studies/support/training_options.hpp"
#include "grid.hpp"
#include "stages/stages.hpp"

namespace factsweep::flearning {
namespace {

std::vector<std::string> with_auto(std::vector<std::string> forms) {
  forms.insert(forms.begin(), "auto");
  return forms;
}

void declare_data(OptionTable& table) {
  table.paths("data.edits", no_default,
              "axis: files of edits in any form of docs/flearning.md: EasyEdit's, ROME's, MEND's "
             "ZsRE, KnowEdit, MQuAKE, or a table of one's own");
  table.choice("data.form", "auto", with_auto(edit_forms()),
               "how these files are written; auto: told by their records' keys");
  for (const std::string& name : edit_columns())
    table.text("data." + name, "",
               "what the files call it, where that is none of the forms' names");
  table.text("data.separator", "",
             "between several texts in a cell of a table; empty: a cell is one text, or a JSON "
             "list");
  table.real("data.bad_records", fmt::format("{:g}", kBadRecords), "fraction", 0, 1,
             "of a file's records that may be bad: they are left out, counted and named; of small "
             "files ten "
             "may be, or half of them; 0: none may");
  table.choice("data.repeated", "keep", {"keep", "drop"},
               "records with another one's prompt: keep: used, counted and named; drop: those with "
               "its new answer go, and of those with different new answers all");
  table.integer("data.records", "0", "records", 0, 1e12,
                "records used of each file, chosen at random; 0: all");
  table.integer("data.seed", "0", "1", 0, 1e15, "of the choice and order of records");
}

/// A training that the study has a kind of: original, forget, learn.
void declare_stage(OptionTable& table, const std::string& section, const std::string& what) {
  table.integer(section + ".epochs", "3", "epochs", 1, 100000, what);
  table.real(section + ".learning_rate", "5e-5", "1", 0, 1,
             "AdamW, full fine-tuning (appendix A.2)");
  if (section == "original") return;
  table.real(section + ".lora_learning_rate", "5e-5", "1", 0, 1, "AdamW, LoRA (appendix A.2)");
}

void declare_editors(OptionTable& table) {
  table.choices("edit.presets", "paper", {"paper", "easyedit-llama", "easyedit-gptj"},
                "axis: hyperparameters of ft_c, rome, rome_reset and memit: the paper's, or "
                "EasyEdit's for Llama-2-7B or GPT-J-6B");
  table.integers("edit.layers", "", "layers", 0, 10000,
                 "layers that memit changes; the first one is rome's; empty: the preset's");
  table.integer("edit.ft_c_layer", "-1", "layers", -1, 10000,
                "layer whose MLP output matrix ft_c trains; -1: the preset's");
  table.real(
      "edit.ft_c_bound", "5e-5", "1", 0, 1e3,
      "largest change of a weight by ft_c (the paper does not give it; ROME's for GPT-J); 0: none");
  table.integer("edit.records", "0", "records", 0, 1e12,
                "rome, rome_reset and memit edit the first of these records; 0: all");
  table.path("edit.text", "",
             "plain text or JSON lines {\"text\"} whose keys' second moment memit needs, and rome "
             "and rome_reset with the preset paper; others need none");
  table.integer("edit.text_tokens", "100000", "tokens", 1, 1e12,
                "tokens of edit.text that are read");
}

}  // namespace

void declare(OptionTable& table) {
  declare_data(table);
  table.text("flearning.train_template", "{prompt}",
             "what the answer follows in training, after a space; \\n is a line break (the paper "
             "does not say)");
  table.text("flearning.evaluation_template", "{prompt}",
             "the same in evaluation; EasyEdit asks without a template");
  table.choice("flearning.answer_end", "eos", {"eos", "newline", "none"},
               "what an answer is taught to end with");
  table.integer("flearning.batch_tokens", "4096", "tokens", 1, 1 << 30,
                "tokens of one forward pass of an evaluation");
  table.integer(
      "flearning.cases", "5", "records", 0, 1e6,
      "first records whose questions every model answers in words, for the table of cases "
      "(table 4); 0: none");
  declare_stage(table, "original",
                "of full fine-tuning on the old answers: every method starts from its result");
  table.flag("original.train", "true",
             "off: every method starts from the model as it is, and no old answer is needed but by "
             "methods that forget");
  declare_stage(table, "forget",
                "of the second training on the old answers, which gives delta_old");
  declare_stage(table, "learn", "of training on the new answers");
  declare_training_options(table, {.batch_size = "64",
                                   .dropout = "0",
                                   .loss = "microbatch",
                                   .microbatch_examples = "4",
                                   .schedule = "cosine",
                                   .gradient_clip = "1",
                                   .lora_rank = "8",
                                   .lora_alpha = "32",
                                   .lora_dropout = "0.1",
                                   .lora_targets = "q_proj, v_proj",
                                   .delta_dtype = "float32"});
  table.choice("store.deltas", "auto", {"auto", "none", "final"},
               "final: keep every point's weights minus the base model's, or its adapter; auto: where "
               "all of them are at most 1 GB (adapters 10 GB); the original model and delta_old are "
               "always kept");
  declare_editors(table);
  declare_abilities(table, kAbilityKeys);
  table.choices("grid.method", "original, ft, f_learning_ft", names_of(methods()),
                "axis: how the new knowledge is brought in; ft and lora: without forgetting; "
                "forget_*: forgetting alone; rome_reset: each edit on the original model");
  table.reals(
      "grid.lambda", "0.3", "1", -1000, 1000,
      "axis of forget_ft and f_learning_ft: theta' = theta - lambda delta_old (equation 4)");
  table.reals("grid.lambda_lora", "0.7", "1", -1000, 1000,
              "the same of forget_lora, f_learning_lora and f_learning_lora_ft");
  table.texts("grid.layers", "all",
              "axis: layers that forget, as 0-9; all: embeddings and norms, too");
  declare_model_axis(table);
  table.integers("grid.records", "", "records", 1, 1e12,
                 "axis: how many records are edited at once; empty: all");
  table.real("search.locality", "0", "fraction", 0, 1,
             "adds a point to each method with a lambda: the largest one whose forgetting alone "
             "keeps this locality; costs evaluations, no training; 0: no such point");
  table.real("search.largest_lambda", "2", "1", 0, 1000, "where that search ends");
  table.integer("search.evaluations", "7", "evaluations", 1, 60, "halvings of the interval");
}

void check_layers(const Deck& deck, const ModelConfig& model, const std::string& name) {
  for (const std::string& method : deck.text_list("grid.method")) {
    for (const std::string& preset : deck.text_list("edit.presets")) {
      for (const std::int64_t layer : edited_layers(deck, method, preset)) {
        if (layer < model.layers) continue;
        const char* key = method == "ft_c" ? "edit.ft_c_layer" : "edit.layers";
        throw deck.error(
            key,
            fmt::format(": {} with preset {} would edit layer {}, but the model {} has layers 0 "
                        "to {}. Choose layers of it; presets are made for models of 28 or 32.",
                        method, preset, layer, name, model.layers - 1));
      }
    }
  }
}

void check_keys(const Deck& deck) {
  training_prompt(deck, "");
  evaluation_prompt(deck, "");
  const std::vector<std::string> chosen = deck.text_list("grid.method");
  for (const std::string& method : chosen) {
    for (const std::string& preset : deck.text_list("edit.presets")) {
      if (!second_moment_layers(deck, method, preset).empty() && deck.text("edit.text").empty())
        throw deck.error("edit.text", fmt::format("is needed by {} with preset {}: a text file "
                                                  "whose keys' second moment is taken.",
                                                  method, preset));
    }
  }
  const auto uses_lora = [](const std::string& name) {
    return method(name).learn == Tuning::lora || method(name).forget == Tuning::lora;
  };
  if (std::none_of(chosen.begin(), chosen.end(), uses_lora))
    refuse_lora_keys(deck, "no method of grid.method uses LoRA.");
  if (deck.text("lora.bias") != "none")
    throw deck.error("lora.bias",
                     "is not supported here: forgetting subtracts matrices alone. "
                     "Use none.");
}

}  // namespace factsweep::flearning
