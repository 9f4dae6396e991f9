#include "factsweep/studies/common_options.hpp"
#include "slick.hpp"

namespace factsweep::slick {

namespace {

void declare_data(OptionTable& table) {
  table.add({.key = "data.facts",
             .kind = Kind::path,
             .help = "EntityQuestions directory: {train,dev,test}/P17.train.json[.gz]",
             .required = true});
  table.add({.key = "data.relations",
             .kind = Kind::text_list,
             .help = "in-distribution relations; empty: all of the directory that "
                     "data.ood_relations does not name"});
  table.add({.key = "data.ood_relations",
             .kind = Kind::text_list,
             .help = "out-of-distribution relations, used as test questions only"});
  table.add({.key = "data.overlap_filter",
             .kind = Kind::choice,
             .fallback = "subject",
             .choices = {"none", "subject", "entity"},
             .help = "drop train questions whose subject is a test subject (subject), or occurs "
                     "among test subjects and answers (entity)"});
}

void declare_training(OptionTable& table) {
  declare_training_options(table, {.batch_size = "128", .dropout = "0.05"});
  table.add({.key = "train.method",
             .kind = Kind::choice,
             .fallback = "full",
             .choices = {"full", "lora"},
             .help = "full: every weight; lora: low-rank adapters beside a frozen model "
                     "(arXiv 2106.09685), as PEFT computes them"});
  table.add({.key = "train.learning_rate",
             .kind = Kind::real,
             .fallback = "1e-5",
             .unit = "1",
             .minimum = 0,
             .maximum = 1,
             .help = "AdamW, constant (SliCK, appendix E)"});
  table.add({.key = "train.epochs",
             .kind = Kind::integer,
             .fallback = "50",
             .unit = "epochs",
             .minimum = 1,
             .maximum = 100000,
             .help = "the last epoch is CONVERGENCE, the one of best dev accuracy EARLY_STOP"});
  table.add({.key = "store.deltas",
             .kind = Kind::choice,
             .fallback = "none",
             .choices = {"none", "final", "early_stop+final"},
             .help = "which fine-tuned minus base weights to keep; of LoRA the adapter itself"});

  table.add({.key = "grid.learning_rate",
             .kind = Kind::real_list,
             .minimum = 0,
             .maximum = 1,
             .help = "axis: replaces train.learning_rate; empty: not swept"});
  table.add({.key = "grid.batch_size",
             .kind = Kind::integer_list,
             .unit = "examples",
             .minimum = 1,
             .maximum = 1 << 20,
             .help = "axis: replaces train.batch_size; empty: not swept"});
  table.add({.key = "grid.lora_rank",
             .kind = Kind::integer_list,
             .unit = "1",
             .minimum = 0,
             .maximum = 65536,
             .help = "axis: replaces train.method and lora.rank; 0: full fine-tuning; empty: not "
                     "swept"});
  table.add({.key = "grid.dropout",
             .kind = Kind::real_list,
             .minimum = 0,
             .maximum = 0.95,
             .help = "axis: replaces train.dropout; empty: not swept"});
}

}  // namespace

void SlickStudy::declare(OptionTable& table) const {
  declare_data(table);
  declare_training(table);
  table.add({.key = "label.estimator",
             .kind = Kind::choice,
             .fallback = "exact",
             .choices = {"exact", "sample"},
             .help = "exact: probability of a right sample computed, draws binomial; sample: "
                     "answers really sampled"});
  table.add({.key = "label.match",
             .kind = Kind::choice,
             .fallback = "strict",
             .choices = {"strict", "squad", "contains"},
             .help = "when an answer is right (the paper states no normalisation): equal after "
                     "stripping; equal after SQuAD's normalisation; contains the gold answer"});
  table.add({.key = "label.exemplar_sets",
             .kind = Kind::integer,
             .fallback = "10",
             .unit = "sets",
             .minimum = 1,
             .maximum = 1000,
             .help = "N_ex few-shot exemplar sets a relation, drawn from its dev split"});
  table.add({.key = "label.shots",
             .kind = Kind::integer,
             .fallback = "4",
             .unit = "exemplars",
             .minimum = 0,
             .maximum = 100,
             .help = "exemplars a set"});
  table.add({.key = "label.samples",
             .kind = Kind::integer,
             .fallback = "16",
             .unit = "answers",
             .minimum = 1,
             .maximum = 100000,
             .help = "sampled answers a question and set"});
  table.add({.key = "label.temperature",
             .kind = Kind::real,
             .fallback = "0.5",
             .unit = "1",
             .minimum = 1e-3,
             .maximum = 100,
             .help = "of the sampled answers"});
  table.add({.key = "label.top_k",
             .kind = Kind::integer,
             .fallback = "40",
             .unit = "tokens",
             .minimum = 2,
             .maximum = 100000,
             .help = "sampling keeps this many most likely tokens"});
  table.add({.key = "label.max_new_tokens",
             .kind = Kind::integer,
             .fallback = "32",
             .unit = "tokens",
             .minimum = 1,
             .maximum = 4096,
             .help = "an answer ends at a newline, at EOS, or here"});
  table.add(
      {.key = "label.branch_floor",
       .kind = Kind::real,
       .fallback = "1e-5",
       .unit = "1",
       .minimum = 0,
       .maximum = 1,
       .help =
           "exact: tokenisations of the answer less likely than this are not followed; what was "
           "left out is stored as `pruned`"});
  table.add({.key = "label.batch_tokens",
             .kind = Kind::integer,
             .fallback = "4096",
             .unit = "tokens",
             .minimum = 1,
             .maximum = 1 << 30,
             .help = "exact: tokens of one forward pass; more keep a GPU busier"});
  table.add(
      {.key = "label.tie_epsilon",
       .kind = Kind::real,
       .fallback = "1e-4",
       .unit = "logits",
       .minimum = 0,
       .maximum = 100,
       .help =
           "exact: greedy verdicts with two best logits closer than this are decoded for real"});
  table.add({.key = "label.keep_text",
             .kind = Kind::flag,
             .fallback = "false",
             .help = "sample: every answer runs to its end and is stored"});
  table.add({.key = "label.text_bytes",
             .kind = Kind::integer,
             .fallback = "64",
             .unit = "bytes",
             .minimum = 1,
             .maximum = 65536,
             .help = "length of a stored answer"});
  table.add({.key = "label.questions_per_relation",
             .kind = Kind::integer,
             .fallback = "0",
             .unit = "questions",
             .minimum = 0,
             .maximum = 1e12,
             .help = "train questions labelled in each relation; 0: all"});
  table.add({.key = "label.test_questions_per_relation",
             .kind = Kind::integer,
             .fallback = "0",
             .unit = "questions",
             .minimum = 0,
             .maximum = 1e12,
             .help = "test questions labelled in each relation, ID and OOD; 0: all"});
  table.add({.key = "label.chunk",
             .kind = Kind::integer,
             .fallback = "256",
             .unit = "questions",
             .minimum = 1,
             .maximum = 1e9,
             .help = "questions of one label stage"});
  table.add({.key = "label.seed",
             .kind = Kind::integer,
             .fallback = "0",
             .unit = "1",
             .minimum = 0,
             .maximum = 1e15,
             .help = "of the choice of questions, of exemplars and of sampled answers"});
  table.add({.key = "label.p_true",
             .kind = Kind::choice,
             .fallback = "renormalised",
             .choices = {"off", "raw", "renormalised"},
             .help = "P(True) of test questions: P('(A)'), or P('(A)') / (P('(A)') + P('(B)')) "
                     "(the paper does not say which)"});

  table.add({.key = "slick.stop_after",
             .kind = Kind::choice,
             .fallback = "all",
             .choices = {"label", "all"},
             .help = "label: no fine-tuning"});
  table.add({.key = "slick.train_size",
             .kind = Kind::integer,
             .fallback = "0",
             .unit = "examples",
             .minimum = 0,
             .maximum = 1e12,
             .help = "|D| of every variant, shared out over relations in proportion to what they "
                     "can give; 0: the largest possible (the paper)"});
  table.add({.key = "slick.size_rule",
             .kind = Kind::choice,
             .fallback = "four_categories",
             .choices = {"four_categories", "known_unknown"},
             .help = "what a relation can give: its smallest category (the paper), or the smaller "
                     "of its Known and Unknown (enough when no single-category variant runs)"});
  table.add({.key = "slick.dev_questions_per_relation",
             .kind = Kind::integer,
             .fallback = "0",
             .unit = "questions",
             .minimum = 0,
             .maximum = 1e12,
             .help = "dev questions that decide EARLY_STOP; 0: all"});
  table.add({.key = "slick.answer_end",
             .kind = Kind::choice,
             .fallback = "newline",
             .choices = {"newline", "eos"},
             .help = "what a fine-tuned answer is taught to end with (the paper does not say)"});
  table.add({.key = "slick.answer_lead",
             .kind = Kind::choice,
             .fallback = "none",
             .choices = {"none", "space"},
             .help =
                 "what stands between the prompt's last newline and the answer (the paper does not "
                 "say); with space an answer has the tokens that it has inside a sentence"});
  table.add({.key = "slick.answer_max_tokens",
             .kind = Kind::integer,
             .fallback = "32",
             .unit = "tokens",
             .minimum = 1,
             .maximum = 4096,
             .help = "longest answer of the fine-tuned model when it is evaluated (greedy)"});
  table.add({.key = "slick.idk_unknown_ratio",
             .kind = Kind::real,
             .fallback = "0.5",
             .unit = "fraction",
             .minimum = 0,
             .maximum = 1,
             .help = "unknown ratio of the idk variant (Table 3)"});

  table.add({.key = "grid.variant",
             .kind = Kind::text_list,
             .fallback = "unknown_ratio",
             .choices = {"unknown_ratio", "known_only", "highly_known", "maybe_known",
                         "weakly_known", "unknown", "natural", "idk"},
             .help = "axis: how D is made; unknown_ratio and known_only run once for each "
                     "grid.unknown_ratio"});
  table.add({.key = "grid.unknown_ratio",
             .kind = Kind::real_list,
             .fallback = "0, 0.1, 0.25, 0.5, 0.75, 0.9, 1",
             .unit = "fraction",
             .minimum = 0,
             .maximum = 1,
             .help = "axis: share of D that the base model does not know"});
}

std::string answer_lead(const Deck& deck) {
  return deck.text("slick.answer_lead") == "space" ? " " : "";
}

LabelSettings label_settings(const Deck& deck) {
  LabelSettings settings;
  settings.sets = deck.integer("label.exemplar_sets");
  settings.shots = deck.integer("label.shots");
  settings.samples = deck.integer("label.samples");
  settings.match = deck.text("label.match");
  settings.exact = deck.text("label.estimator") == "exact";
  settings.keep_text = deck.flag("label.keep_text");
  settings.seed = static_cast<std::uint64_t>(deck.integer("label.seed"));
  settings.probe.temperature = deck.real("label.temperature");
  settings.probe.top_k = deck.integer("label.top_k");
  settings.probe.max_new_tokens = deck.integer("label.max_new_tokens");
  settings.probe.branch_floor = deck.real("label.branch_floor");
  settings.probe.batch_tokens = deck.integer("label.batch_tokens");
  settings.probe.tie_epsilon = deck.real("label.tie_epsilon");
  if (settings.keep_text && settings.exact)
    throw deck.error("label.keep_text",
                     "needs label.estimator = sample: exact labelling decodes no text.");
  if (settings.match == "contains" && settings.exact) {
    throw deck.error("label.match",
                     "needs label.estimator = sample: nearly every text may still come to contain "
                     "the answer, so there is no small set of tokenisations to add up.");
  }
  return settings;
}

std::optional<LoraConfig> point_lora(const Deck& deck, std::optional<std::int64_t> swept_rank) {
  const bool lora = swept_rank ? *swept_rank > 0 : deck.text("train.method") == "lora";
  if (!lora) return std::nullopt;
  LoraConfig config = lora_config(deck);
  if (swept_rank) config.rank = *swept_rank;
  return config;
}

SizeRule size_rule(const Deck& deck) {
  return {deck.integer("slick.train_size"), deck.text("slick.size_rule") == "four_categories"};
}

}  // namespace factsweep::slick
