// Stage "base_errors": wrong few-shot answers of the base model, to be read and told apart by kind
// (SliCK looks at 50 greedy and 50 sampled ones: table 7, 6 in v1).
#include <algorithm>

#include "../errors.hpp"
#include "../options.hpp"
#include "factsweep/core/random.hpp"
#include "factsweep/label/spelling.hpp"
#include "factsweep/model/decoding.hpp"
#include "factsweep/stage/table.hpp"
#include "factsweep/studies/support/lists.hpp"
#include "factsweep/studies/support/memory.hpp"
#include "stages.hpp"

namespace factsweep::slick {
namespace {

const std::vector<std::string> kOfError = {"error"};

// For estimates: questions that are asked for each wrong answer, and tokens of an answer and what
// follows it.
constexpr double kAskedOfWanted = 1.3, kTokensOfAnswer = 10;

const auto kSampled = column<std::uint8_t>("/errors/sampled", kOfError, "1",
                                           "0: the greedy answer, 1: a sampled one");

/// Of errors.base_sample wrong answers, how many are greedy; the others are sampled.
std::size_t greedy_count(const Deck& deck) {
  return static_cast<std::size_t>((deck.integer("errors.base_sample") + 1) / 2);
}

struct BaseError {
  std::int64_t row = -1;
  std::int32_t set = -1;
  std::string answer = {};
  JudgedAnswer judged = {};
};

/// A row of /errors.
Table<BaseError> error_table(const Deck& deck) {
  auto answer = column<std::string>("/errors/answer", kOfError, "", "the wrong answer");
  answer.text_length = static_cast<std::size_t>(deck.integer("label.text_bytes"));
  return {
      {column<std::int64_t>("/errors/row", kOfError, "1",
                            "row in /labels/base of the question; -1: none was found"),
       &BaseError::row},
      {column<std::int32_t>("/errors/exemplar_set", kOfError, "1", "exemplar set of the prompt"),
       &BaseError::set},
      {answer, &BaseError::answer},
      {column<std::uint8_t>("/errors/kind", kOfError, "1", kinds_in_words()),
       [](const BaseError& error) {
         return error.row < 0 ? absent<std::uint8_t>()
                              : static_cast<std::uint8_t>(error.judged.kind);
       }},
      {column<float>("/errors/f1", kOfError, "fraction", "word F1 of the answer"),
       [](const BaseError& error) {
         return error.row < 0 ? absent<float>() : static_cast<float>(error.judged.f1);
       }}};
}

/// Asks questions in an order drawn by label.seed, each with one of its exemplar sets.
class Search {
 public:
  Search(const Worker& worker, StageRun& run)
      : worker_(worker),
        run_(run),
        settings_(label_settings(run.deck())),
        all_(gold_answers(worker.corpus)),
        idk_(prompts(run.deck(), {"idk"}).idk) {}

  /// The first wrong answers, `wanted` of them where there are so many.
  std::vector<BaseError> find(bool greedy, std::size_t wanted) const {
    const std::uint64_t key =
        hash_words({hash_text(greedy ? "greedy errors" : "sampled errors"), settings_.seed});
    const auto order =
        permutation(static_cast<std::int64_t>(worker_.corpus.rows.size()), CounterRandom(key));
    std::vector<BaseError> found;
    for (std::size_t begin = 0; begin < order.size() && found.size() < wanted;) {
      const std::size_t count = std::min(wanted, order.size() - begin);
      ask(std::span(order).subspan(begin, count), greedy, wanted, found);
      begin += count;
    }
    found.resize(std::min(found.size(), wanted));
    return found;
  }

 private:
  void ask(std::span<const std::int64_t> rows, bool greedy, std::size_t wanted,
           std::vector<BaseError>& found) const {
    std::vector<DecodeRequest> requests;
    std::vector<std::size_t> sets;
    for (const std::int64_t row : rows) {
      const Question& question = question_of(row);
      const ExemplarSets& exemplars = worker_.exemplars.at(question.relation);
      CounterRandom random(
          hash_words({hash_text("set of an error"), settings_.seed, hash_text(question.relation),
                      hash_text(question.question), greedy ? 0U : 1U}));
      sets.push_back(random.below(exemplars.size()));
      requests.push_back({worker_.model.tokenizer->encode(
                              settings_.prompts.asked(exemplars[sets.back()], question), true),
                          greedy, greedy ? 0 : 1, random.below(1ULL << 62U)});
    }
    const auto step = [&](std::int64_t tokens) {
      run_.step(std::min(1.0, static_cast<double>(found.size()) / static_cast<double>(wanted)),
                tokens);
    };
    const auto answers = decode(worker_.model, requests,
                                {.max_new_tokens = settings_.probe.max_new_tokens,
                                 .temperature = settings_.probe.temperature,
                                 .top_k = settings_.probe.top_k},
                                nullptr, step);
    for (std::size_t i = 0; i < rows.size(); ++i) {
      const Question& question = question_of(rows[i]);
      const auto golds = spell_all(*worker_.model.tokenizer, accepted_answers(question));
      const std::string& text = answers[i].front().text;
      if (AnswerMatcher::make(settings_.match, golds)->matches(text)) continue;
      const GoldAnswers shown(worker_.exemplars.at(question.relation)[sets[i]]);
      found.push_back({rows[i], static_cast<std::int32_t>(sets[i]),
                       std::string(AnswerMatcher::trimmed(text.substr(0, text.find('\n')))),
                       judge_error(text, golds, question.relation, shown, all_, idk_)});
    }
  }

  const Question& question_of(std::int64_t row) const {
    return worker_.corpus.rows[static_cast<std::size_t>(row)];
  }

  const Worker& worker_;
  StageRun& run_;
  const LabelSettings settings_;
  const GoldAnswers all_;
  const std::string idk_;
};

struct BaseErrors {
  static constexpr const char* kind = "base_errors";

  std::string model;                 // fingerprint of its files
  std::string questions, exemplars;  // hashes of all of them
  std::string directory;             // of the model

  static void fields(auto& self, auto&& field) {
    field("model", self.model);
    field("questions", self.questions);
    field("exemplars", self.exemplars);
    field.local("directory", self.directory);
  }
  std::vector<std::string> deck_keys() const {
    return joined({deck_names(kLabelPrompts),
                   {"model.dtype", "label.", "errors.base_sample", "prompt.idk", "data.language"}});
  }

  void run(Worker& worker, StageRun& run) const {
    worker.use(directory);
    const Deck& deck = run.deck();
    const auto count = static_cast<std::size_t>(deck.integer("errors.base_sample"));
    const std::size_t greedy = greedy_count(deck);
    const Search search(worker, run);
    std::vector<BaseError> found = search.find(/*greedy=*/true, greedy);
    found.resize(greedy);
    const std::vector<BaseError> sampled = search.find(/*greedy=*/false, count - greedy);
    found.insert(found.end(), sampled.begin(), sampled.end());
    found.resize(count);
    emit(run, error_table(deck), found);
  }
};

}  // namespace

const KindOf<Worker> kBaseErrors = kind<Worker, BaseErrors>();

void add_base_errors(const Draft& draft) {
  const Deck& deck = draft.deck();
  const auto count = static_cast<std::size_t>(deck.integer("errors.base_sample"));
  if (count == 0) return;
  std::uint64_t exemplars = 0;
  for (const auto& [relation, sets] : draft.worker.exemplars)
    exemplars = hash_words({exemplars, hash_text(relation), hash_text(draft.exemplars_hash(sets))});
  draft.builder.dimension(draft.group(kErrors) + "/error", count);
  std::vector<std::uint8_t> sampled(count, 1);
  std::fill_n(sampled.begin(), greedy_count(deck), 0);
  draft.builder.fill(draft.of_model(kSampled), sampled);
  const auto wanted = static_cast<double>(count),
             shots = static_cast<double>(deck.integer("label.shots"));
  const double prompt = (shots + 1) * draft.lengths.mean();
  const double flop =
      kAskedOfWanted * wanted * (prompt + kTokensOfAnswer) * draft.model.flop_per_token();
  // greedy answers are asked together, and sampled ones
  const PassTexts pass{.count = wanted / 2,
                       .tokens = wanted / 2 * prompt,
                       .answers = wanted / 2,
                       .longest = (shots + 1) * (draft.lengths.mean() + draft.lengths.deviation())};
  const BaseErrors errors{draft.base.fingerprint, draft.questions_hash(draft.worker.corpus.rows),
                          hex(exemplars), draft.base.directory};
  const Upstream stage = draft.builder
                             .add(errors, draft.titled("errors of the base model"),
                                  {.flop = flop, .bytes = asking_bytes(deck, draft.model, pass)})
                             .stage;
  for (const TableColumn<BaseError>& one : error_table(deck))
    draft.builder.place(stage, draft.of_model(one.column));
}

}  // namespace factsweep::slick
