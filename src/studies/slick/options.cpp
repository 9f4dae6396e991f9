#include "options.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <map>
#include <system_error>

#include "factsweep/studies/support/lists.hpp"
#include "factsweep/studies/support/models.hpp"
#include "factsweep/studies/support/training_options.hpp"

namespace factsweep::slick {

namespace {

constexpr const char* kTableKeys[] = {"data.question",         "data.answers", "data.subject",
                                      "data.relation",         "data.split",   "data.split_shares",
                                      "data.answer_separator", "data.seed"};

void declare_table(OptionTable& table) {
  table.text("data.question", "question", "of a table: the column of questions");
  table.text("data.answers", "answer",
             "of a table: the column of right answers: a text, a JSON list of texts, or several "
             "texts between data.answer_separator");
  table.text("data.answer_separator", "",
             "of a table: what stands between several answers; empty: a text is one answer");
  table.text("data.subject", "subject",
             "of a table: the column of subjects; absent: what the relation's questions do not "
             "share");
  table.text("data.relation", "relation",
             "of a table: the column of relations; absent: all questions are of one, \"all\"");
  table.text("data.split", "split",
             "of a table: the column of splits (train, dev, test); absent: drawn by "
             "data.split_shares and data.seed");
  table.text("data.split_shares", "0.8, 0.1, 0.1",
             "of a table without splits: shares of each relation's questions for train, dev and "
             "test, which add up to 1");
  table.integer("data.seed", "0", "1", 0, 1e15, "of the draw of a table's splits");
}

/// No list of the deck, as those hold nothing twice.
std::array<double, 3> split_shares(const Deck& deck) {
  const std::string text = deck.text("data.split_shares");
  std::array<double, 3> shares{};
  const char* next = text.data();
  const char* const end = next + text.size();
  bool good = true;
  for (double& share : shares) {
    while (next != end && (*next == ' ' || (*next == ',' && &share != shares.data()))) ++next;
    const auto [after, failure] = std::from_chars(next, end, share);
    good = good && failure == std::errc() && share >= 0 && share <= 1;
    next = after;
  }
  if (!good || next != end || std::abs(shares[0] + shares[1] + shares[2] - 1) > 1e-6)
    throw deck.error("data.split_shares",
                     "has to be three shares that add up to 1: of train, dev and test.");
  return shares;
}

void declare_data(OptionTable& table) {
  table.path("data.facts", no_default,
             "EntityQuestions directory: {train,dev,test}/P17.train.json[.gz]; or a table of "
             "questions: .csv, .tsv, .json, .jsonl, .gz of these");
  declare_table(table);
  table.path("data.exposures", "",
             "how often the training corpus states facts, as somebody has counted: records of a "
             "count and a question, or a subject and its relation, in a table or JSON; empty: as "
             "the directory of facts says");
  table.texts("data.relations", "",
              "in-distribution relations; empty: all of the directory that data.ood_relations does "
              "not name");
  table.texts("data.ood_relations", "",
              "out-of-distribution relations, used as test questions only");
  table.texts("data.other_relations", "",
              "relations that are neither in D nor asked in tests, whose Known train questions "
              "grid.patch_relations = other takes");
  table.choice("data.overlap_filter", "subject", kOverlapFilters,
               "drop train questions whose subject is a test subject (subject), or occurs among "
               "test subjects and answers (entity)");
  table.choice("data.repeated", "auto", kRepeatedQuestions,
               "questions to which several records of the relation give different answers: each "
               "record is right by its own answer (keep), or none of them is used, and of equal "
               "records of a split the first alone (drop), or all of their answers are right, "
               "those of records with several answers too, which keep and drop leave out (merge); "
               "auto: merge of a table, else keep");
  table.choice(
      "data.language", "en", match_languages(),
      "of the answers: whose articles label.match = squad drops, with Unicode's punctuation "
      "where it is not English; none: no articles");
  table.choice("data.taught_answers", "first", {"first", "all"},
               "what fine-tuning teaches where several answers are right: the first, or all in "
               "turn, another one each epoch");
}

void declare_prompts(OptionTable& table) {
  const PromptTexts own;
  table.text("prompt.shot", own.shot,
             "an exemplar: {question} and {answer} once each, {subject} and {relation} if you like "
             "(in all prompts); what comes after {answer} ends an answer: a line break, or a "
             "special token of the model (SliCK, appendix C)");
  table.text("prompt.label", own.label,
             "what labelling asks: {shots}, the exemplars, and {question} once each; an answer "
             "follows a blank where the prompt does not end in white space (in all prompts)");
  table.text("prompt.train", own.train,
             "what fine-tuning and evaluation ask: {question} once (appendix E)");
  table.text("prompt.idk", own.idk, "what the idk variant teaches, and is looked for in answers");
  table.text("prompt.p_true", own.p_true,
             "what P(True) asks: {question} and {answer} once each (appendix J)");
  table.text("prompt.p_true_yes", own.yes, "the answer whose probability P(True) is");
  table.text("prompt.p_true_no", own.no, "the answer that it is compared with");
}

void declare_patches(OptionTable& table) {
  table.reals("grid.patch_share", "0.05, 0.1, 0.2", "fraction", 1e-6, 1,
              "axis of known_patch: Known examples that are not in D and are trained beside it, as "
              "a share of |D| (arXiv 2511.02626)");
  table.choices("grid.patch_relations", "same", kPatchRelations,
                "axis of known_patch: they are of the relations of D, or of data.other_relations");
  table.choices("grid.patch_place", "end", joined({kPatchPlaces, {"none"}}),
                "axis of known_patch: they are trained at the end of each epoch, at its start, or "
                "shuffled into D; none: D alone");
}

void declare_training(OptionTable& table) {
  declare_training_options(table, {.batch_size = "128", .dropout = "0.05"});
  table.choice("train.method", "full", {"full", "lora"},
               "full: every weight; lora: low-rank adapters beside a frozen model (arXiv "
               "2106.09685), as PEFT computes them");
  table.real("train.learning_rate", "1e-5", "1", 0, 1, "AdamW (SliCK, appendix E)");
  table.integer("train.epochs", "50", "epochs", 1, 100000,
                "the last epoch is CONVERGENCE, the one of best dev accuracy EARLY_STOP");
  table.choice("store.deltas", "auto", {"auto", "none", "final", "early_stop+final"},
               "which fine-tuned minus base weights to keep; of LoRA the adapter itself; auto: final "
               "of LoRA where all adapters are at most 10 GB, of whole models at most 1 GB");

  table.choice(
      "store.answers", "auto", {"auto", "true", "false"},
      "keep what models say, up to label.text_bytes of it: the base model's greedy answers "
      "after exemplar set 0, and fine-tuned models' to the test questions at EARLY_STOP and "
      "at the last epoch; auto: where these are at most 256 MiB for all points");

  table.reals("grid.learning_rate", "", "1", 0, 1,
              "axis: replaces train.learning_rate; empty: not swept");
  table.integers("grid.batch_size", "", "examples", 1, 1 << 20,
                 "axis: replaces train.batch_size; empty: not swept");
  table.integers(
      "grid.lora_rank", "", "1", 0, 65536,
      "axis: replaces train.method and lora.rank; 0: full fine-tuning; empty: not swept");
  table.reals("grid.dropout", "", "1", 0, 0.95, "axis: replaces train.dropout; empty: not swept");
}

}  // namespace

void declare(OptionTable& table) {
  declare_data(table);
  declare_prompts(table);
  declare_training(table);
  table.choice("label.estimator", "exact", {"exact", "sample"},
               "exact: probability of a right sample computed, draws binomial; sample: answers "
               "really sampled");
  table.choice("label.match", "strict", {"strict", "squad", "contains"},
               "when an answer is right (the paper states no normalisation): equal after "
               "stripping; equal after SQuAD's normalisation; contains the gold answer");
  table.choice("label.unicode", "nfc", {"nfc", "nfkc"},
               "answers are compared in this form; nfkc: full-width letters, ligatures and other "
               "compatible characters are what they stand for");
  table.choice("label.accents", "kept", {"kept", "dropped"},
               "dropped: accents and vowel points count for nothing (Hindi's vowel signs and nukta "
               "and the voicing of kana do)");
  table.choice(
      "label.case", "by_rule", {"by_rule", "folded"},
      "by_rule: strict as it is written, squad and contains in lower case; folded: full "
      "Unicode case folding in all (\"ss\" is a sharp s), Turkish's where data.language is "
      "tr or az");
  table.integer("label.exemplar_sets", "10", "sets", 1, 1000,
                "N_ex few-shot exemplar sets a relation, drawn from its dev split");
  table.integer("label.shots", "4", "exemplars", 0, 100, "exemplars a set");
  table.path("label.exemplars", "",
             "a table of questions (as data.facts may be) that are the exemplars, in their order, "
             "label.exemplar_sets x label.shots of each relation, or of all where it has no column "
             "of relations; empty: drawn from the dev questions");
  table.integer("label.samples", "16", "answers", 1, 100000, "sampled answers a question and set");
  table.real("label.temperature", "0.5", "1", 1e-3, 100, "of the sampled answers");
  table.integer("label.top_k", "40", "tokens", 2, 100000,
                "sampling keeps this many most likely tokens");
  table.integer("label.max_new_tokens", "32", "tokens", 1, 4096,
                "an answer ends at a newline, at EOS, or here");
  table.real("label.branch_floor", "1e-5", "1", 0, 1,
             "exact: tokenisations of the answer less likely than this are not followed; what was "
             "left out is stored as `pruned`");
  table.integer("label.batch_tokens", "4096", "tokens", 1, 1 << 30,
                "exact: tokens of one forward pass; more keep a GPU busier");
  table.real("label.tie_epsilon", "1e-4", "logits", 0, 100,
             "exact: greedy verdicts with two best logits closer than this are decoded for real");
  table.flag("label.keep_text", "false", "sample: every answer runs to its end and is stored");
  table.integer("label.text_bytes", "64", "bytes", 1, 65536, "length of a stored answer");
  table.integer("label.questions_per_relation", "0", "questions", 0, 1e12,
                "train questions labelled in each relation; 0: all");
  table.integer("label.test_questions_per_relation", "0", "questions", 0, 1e12,
                "test questions labelled in each relation, ID and OOD; 0: all");
  table.integer("label.chunk", "256", "questions", 1, 1e9, "questions of one label stage");
  table.integer("label.seed", "0", "1", 0, 1e15,
                "of the choice of questions, of exemplars and of sampled answers");
  table.choice("label.p_true", "renormalised", {"off", "raw", "renormalised"},
               "P(True) of test questions: P('(A)'), or P('(A)') / (P('(A)') + P('(B)')) (the "
               "paper does not say which)");

  table.choice("slick.stop_after", "all", {"label", "all"}, "label: no fine-tuning");
  table.integer("slick.train_size", "0", "examples", 0, 1e12,
                "|D| of every variant, shared out over relations in proportion to what they can "
                "give; 0: the largest possible (the paper)");
  table.choice("slick.size_rule", "four_categories", {"four_categories", "known_unknown"},
               "what a relation can give: its smallest category (the paper), or the smaller of its "
               "Known and Unknown (enough when no single-category variant runs)");
  table.integer("slick.dev_questions_per_relation", "0", "questions", 0, 1e12,
                "dev questions that decide EARLY_STOP; 0: all");
  table.choice("slick.answer_end", "auto", {"auto", "newline", "eos"},
               "what a fine-tuned answer is taught to end with (the paper does not say); auto: a "
               "newline, or the special token that prompt.shot has after {answer}");
  table.choice("slick.answer_lead", "auto", {"auto", "none", "space"},
               "what stands between prompt.train and the answer (the paper does not say); with "
               "space an answer has the tokens that it has inside a sentence; auto: space where "
               "the prompt does not end in white space");
  table.integer("slick.answer_max_tokens", "32", "tokens", 1, 4096,
                "longest answer of the fine-tuned model when it is evaluated (greedy)");
  table.choice("slick.early_stop", "answered", {"answered", "all"},
               "EARLY_STOP is the epoch with the most dev questions right: of those not answered "
               "\"I don't know\" (accuracy_dev), which may reward silence, or of all (right_dev)");
  table.real("slick.idk_unknown_ratio", "0.5", "fraction", 0, 1,
             "unknown ratio of the idk variant (Table 3)");

  table.flag(
      "errors.fine_tuned", "true",
      "decode the wrong test answers at EARLY_STOP and at the last epoch: their word F1, and "
      "what kind of error they are");
  table.integer("errors.base_sample", "100", "answers", 0, 1e6,
                "wrong few-shot answers of the base model that are kept with their kind, half of "
                "them greedy and half sampled (the paper looks at 100); 0: none");

  table.choices(
      "grid.variant", "unknown_ratio",
      {"unknown_ratio", "known_only", "highly_known", "maybe_known", "weakly_known", "unknown",
       "natural", "idk", "known_patch"},
      "axis: how D is made; unknown_ratio, known_only and known_patch run once for each "
      "grid.unknown_ratio");
  table.reals("grid.unknown_ratio", "0, 0.1, 0.25, 0.5, 0.75, 0.9, 1", "fraction", 0, 1,
              "axis: share of D that the base model does not know");
  declare_patches(table);
  declare_model_axis(table);
  declare_abilities(table, kAbilityKeys);
}

Prompts prompts(const Deck& deck, const PromptKeys& keys) {
  PromptTexts texts{"", "", "", "", "", "", ""};
  const std::map<std::string_view, std::string*> of = {
      {"shot", &texts.shot},   {"label", &texts.label},   {"train", &texts.train},
      {"idk", &texts.idk},     {"p_true", &texts.p_true}, {"p_true_yes", &texts.yes},
      {"p_true_no", &texts.no}};
  bool with_shots = false;
  for (const std::string_view key : keys) {
    *of.at(key) = with_line_breaks(deck.text(fmt::format("prompt.{}", key)));
    if (key == "label") with_shots = deck.integer("label.shots") > 0;
  }
  return Prompts(texts, with_shots, [&](std::string_view key) {
    const std::string name = fmt::format("prompt.{}", key);
    const bool is_read = holds(keys, key);
    return is_read ? fmt::format("{}: {}", deck.where(name), name) : name;
  });
}

std::vector<std::string> deck_names(const PromptKeys& keys) {
  return each(keys, [](std::string_view key) { return fmt::format("prompt.{}", key); });
}

std::string answer_lead(const Deck& deck, const std::string& prompt) {
  const std::string chosen = deck.text("slick.answer_lead");
  if (chosen == "auto") return std::string(blank_before_answer(prompt));
  return chosen == "space" ? " " : "";
}

LabelSettings label_settings(const Deck& deck) {
  LabelSettings settings;
  settings.sets = deck.integer("label.exemplar_sets");
  settings.shots = deck.integer("label.shots");
  settings.samples = deck.integer("label.samples");
  settings.match = match_rules(deck);
  settings.exact = deck.text("label.estimator") == "exact";
  settings.keep_text = deck.flag("label.keep_text");
  settings.seed = static_cast<std::uint64_t>(deck.integer("label.seed"));
  settings.probe.temperature = deck.real("label.temperature");
  settings.probe.top_k = deck.integer("label.top_k");
  settings.probe.max_new_tokens = deck.integer("label.max_new_tokens");
  settings.probe.branch_floor = deck.real("label.branch_floor");
  settings.probe.batch_tokens = deck.integer("label.batch_tokens");
  settings.probe.tie_epsilon = deck.real("label.tie_epsilon");
  settings.prompts = prompts(deck, kLabelPrompts);
  if (settings.keep_text && settings.exact)
    throw deck.error("label.keep_text",
                     "needs label.estimator = sample: exact labelling decodes no text.");
  if (settings.match.rule == "contains" && settings.exact) {
    throw deck.error("label.match",
                     "needs label.estimator = sample: nearly every text may still come to contain "
                     "the answer, so there is no small set of tokenisations to add up.");
  }
  return settings;
}

TableForm table_form(const Deck& deck) {
  return {.question = deck.text("data.question"),
          .answers = deck.text("data.answers"),
          .subject = deck.text("data.subject"),
          .relation = deck.text("data.relation"),
          .split = deck.text("data.split"),
          .separator = deck.text("data.answer_separator"),
          .shares = split_shares(deck),
          .seed = static_cast<std::uint64_t>(deck.integer("data.seed"))};
}

void check_no_table_keys(const Deck& deck) {
  for (const char* key : kTableKeys) {
    if (!deck.is_default(key))
      throw deck.error(key,
                       "has no effect: data.facts is no table (.csv, .tsv, .json, .jsonl), but "
                       "an EntityQuestions directory. Leave it out.");
  }
}

MatchRules match_rules(const Deck& deck) {
  return {.rule = deck.text("label.match"),
          .compatible = deck.text("label.unicode") == "nfkc",
          .folded = deck.text("label.case") == "folded",
          .accents = deck.text("label.accents") == "kept",
          .language = deck.text("data.language")};
}

std::int64_t answer_bytes(const Deck& deck, double answers) {
  constexpr double kMost = 256.0 * 1024 * 1024;
  const std::string keep = deck.text("store.answers");
  const std::int64_t bytes = deck.integer("label.text_bytes");
  const bool is_small = answers * static_cast<double>(bytes) <= kMost;
  return keep == "true" || (keep == "auto" && is_small) ? bytes : 0;
}

SizeRule size_rule(const Deck& deck) {
  return {deck.integer("slick.train_size"), deck.text("slick.size_rule") == "four_categories"};
}

}  // namespace factsweep::slick
