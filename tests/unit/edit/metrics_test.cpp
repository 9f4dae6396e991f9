// Editing metrics: predictions against plain forward passes, the shares by hand, greedy verdicts
// against real decoding.
#include "factsweep/edit/metrics.hpp"

#include <cmath>

#include "catch.hpp"
#include "factsweep/core/random.hpp"
#include "factsweep/data/answer_matcher.hpp"
#include "factsweep/edit/evaluation.hpp"
#include "factsweep/model/decoding.hpp"
#include "tiny_model.hpp"

using namespace factsweep;
using namespace factsweep::test;

namespace {

const std::function<void(double, std::int64_t)> kNoStep = [](double, std::int64_t) {};

const std::vector<Continuation> kContinuations = {
    {"the cab", "a"}, {"Q: k\nA:", "bab ab"}, {"", "a"}, {"F", "b"}, {"zz b the cab", "ab ab ab"},
    {"the", ""},      {"JOP k", "ba"}};

/// The definition: one forward pass for each prefix of each text.
std::vector<TokenId> plain_predictions(const Model& model, const ForcedText& text) {
  std::vector<std::vector<TokenId>> prefixes;
  for (auto end = static_cast<std::size_t>(text.prompt_tokens); end <= text.ids.size(); ++end)
    prefixes.emplace_back(text.ids.begin(), text.ids.begin() + static_cast<std::ptrdiff_t>(end));
  std::vector<TokenId> best;
  for (const auto& scores : next_logits(model.weights, prefixes))
    best.push_back(naive_top_k(scores, 1, 1).front().first);
  return best;
}

void check_predictions(const Model& model, const std::vector<ForcedText>& texts,
                       const ForcedPredictions& found) {
  REQUIRE(found.starts.size() == texts.size() + 1);
  for (std::size_t t = 0; t < texts.size(); ++t) {
    INFO("text " << t);
    std::vector<TokenId> predicted(found.predicted.begin() + found.starts[t],
                                   found.predicted.begin() + found.starts[t + 1]);
    if (texts[t].ids.empty()) {
      CHECK(predicted.empty());
      CHECK(found.following[t] == -1);
      continue;
    }
    predicted.push_back(found.following[t]);
    CHECK(predicted == plain_predictions(model, texts[t]));
  }
}

/// Doubles what the first layer's MLP gives.
class Doubling : public LinearHook {
 public:
  torch::Tensor apply(std::int64_t layer, LinearId linear, const torch::Tensor&,
                      const torch::Tensor& y) const override {
    return layer == 0 && linear == dense::down ? y * 2 : y;
  }
};

}  // namespace

TEST_CASE("texts are tokenised whole, prompts only for their length") {
  const Model model = tiny_model();
  const std::vector<Continuation> continuations = {{"Q ", "ab"}, {"Qa", "b"}, {"Qa", "bb"}};
  const auto texts = force(*model.tokenizer, continuations, "");
  CHECK(texts[0].ids == model.tokenizer->encode("Q ab", true));
  CHECK(texts[0].prompt_tokens == 3);
  CHECK(!texts[0].continues);  // " a" is one token: "b" alone is left of the target
  CHECK(texts[1].ids.size() == 3);
  CHECK(texts[1].prompt_tokens == 3);  // "ab" is one token: no target token is left
  CHECK(texts[2].ids.size() == 4);
  const auto spaced = force(*model.tokenizer, continuations);
  CHECK(spaced[1].ids == model.tokenizer->encode("Qa b", true));
  CHECK(spaced[1].target == " b");
  CHECK(spaced[1].continues);
  const ForcedPredictions found = predict(model, texts, 100, kNoStep);
  CHECK(found.starts == std::vector<std::int64_t>{0, 1, 1, 2});
  CHECK(std::isnan(token_accuracy(found)[1]));
}

TEST_CASE("predictions are those of plain forward passes, in batches of any size") {
  for (const char* name : {"llama-tied", "llama3-untied"}) {
    Model model = tiny_model(name);
    const auto texts = force(*model.tokenizer, kContinuations);
    CHECK(texts[2].ids.empty());
    CHECK(texts[5].ids.empty());
    const ForcedPredictions together = predict(model, texts, 10000, kNoStep);
    check_predictions(model, texts, together);
    CHECK(predict(model, texts, 1, kNoStep).predicted == together.predicted);
    CHECK(predict(model, texts, 20, kNoStep).following == together.following);
    model.weights.adapter = std::make_shared<Doubling>();
    const ForcedPredictions adapted = predict(model, texts, 10000, kNoStep);
    check_predictions(model, texts, adapted);
    CHECK(adapted.predicted != together.predicted);
  }
}

TEST_CASE("steps tell the share done and every token; a stop leaves") {
  const Model model = tiny_model();
  const auto texts = force(*model.tokenizer, kContinuations);
  std::int64_t expected = 0, told = 0, passes = 0;
  for (const ForcedText& text : texts) expected += static_cast<std::int64_t>(text.ids.size());
  double last = 0;
  predict(model, texts, 20, [&](double fraction, std::int64_t tokens) {
    CHECK(fraction > last);
    last = fraction;
    told += tokens;
    ++passes;
  });
  CHECK(last == 1);
  CHECK(told == expected);
  CHECK(passes > 1);
  const auto stop = [](double, std::int64_t) { throw std::runtime_error("stop"); };
  CHECK_THROWS_WITH(predict(model, texts, 20, stop), "stop");
}

TEST_CASE("a model that diverged is an error") {
  Model model = tiny_model();
  model.weights.norm.gain = model.weights.norm.gain * std::nan("");
  const auto texts = force(*model.tokenizer, kContinuations);
  CHECK_THROWS_AS(predict(model, texts, 100, kNoStep), InputError);
}

TEST_CASE("accuracy and agreement are shares of a text's own tokens") {
  const ForcedPredictions before{{0, 2, 2, 5}, {4, 5, 6, 7, 8}, {4, 9, 6, 7, 9}, {1, -1, 1}};
  ForcedPredictions after = before;
  after.predicted = {4, 5, 9, 9, 8};
  const auto accuracy = token_accuracy(before), alike = agreement(before, after);
  REQUIRE(accuracy.size() == 3);
  CHECK(accuracy[0] == 0.5);
  CHECK(std::isnan(accuracy[1]));
  CHECK(accuracy[2] == Approx(2.0 / 3));
  CHECK(alike[0] == 1);
  CHECK(std::isnan(alike[1]));
  CHECK(alike[2] == Approx(1.0 / 3));
  after.labels[0] = 3;
  CHECK_THROWS_AS(agreement(before, after), BugError);
}

TEST_CASE("greedy verdicts are those of real decoding") {
  CounterRandom random(5);
  const std::string letters = "abkQzt .the";
  for (const char* name : {"llama-tied", "llama3-untied"}) {
    const Model model = tiny_model(name);
    std::vector<DecodeRequest> requests;
    std::vector<std::string> prompts;
    for (int i = 0; i < 150; ++i) {
      std::string prompt = "Q";
      for (int j = 0; j < 6; ++j) prompt += letters[random.below(letters.size())];
      prompts.push_back(prompt);
      requests.push_back({model.tokenizer->encode(prompt, true), true, 0, 0});
    }
    for (const std::int64_t longest : {1, 3, 6}) {
      const auto decoded =
          decode(model, requests, {.max_new_tokens = longest}, {}, [](std::int64_t) {});
      // what the model says; the beginning and another letter of it; a text of one's own
      std::vector<Continuation> continuations;
      for (std::size_t i = 0; i < prompts.size(); ++i) {
        std::string said = decoded[i][0].text;
        said.resize(std::min(said.find('\n'), said.size()));
        if (said.find_first_not_of(' ') == std::string::npos) said = "a";
        if (i % 3 == 1) said = said.substr(0, said.find_last_not_of(' ') / 2 + 1) + "b";
        if (i % 5 == 4) said = "ab";
        continuations.push_back({prompts[i], said});
      }
      for (const char* rule : {"strict", "squad", "contains"}) {
        const auto texts = force(*model.tokenizer, continuations, "");
        const auto found = greedy_match(model, texts, predict(model, texts, 4096, kNoStep),
                                        {.rule = rule, .max_new_tokens = longest}, kNoStep);
        int matched = 0;
        for (std::size_t i = 0; i < texts.size(); ++i) {
          INFO(name << ", " << rule << ", " << longest << ": '" << prompts[i] << "' + '"
                    << continuations[i].target << "', said '" << decoded[i][0].text << "'");
          if (texts[i].ids.size() <= static_cast<std::size_t>(texts[i].prompt_tokens)) {
            CHECK(std::isnan(found[i]));
            continue;
          }
          const bool expected =
              AnswerMatcher::make(rule, continuations[i].target)->matches(decoded[i][0].text);
          CHECK(found[i] == (expected ? 1 : 0));
          matched += expected ? 1 : 0;
        }
        CHECK(matched > 20);
        CHECK(matched < 130);
      }
    }
  }
}

TEST_CASE("a text beyond the model's positions is named by its record") {
  EditRecord good, long_one;
  good.row = 4;
  good.prompt = "the cab";
  good.target_old = good.target_new = "a";
  long_one = good;
  long_one.row = 5;
  long_one.rephrasings = {"zz b the cab zz b the cab"};
  const PieceTokenizer tokenizer(64);
  const std::vector<EditRecord> records = {good, long_one};
  const auto plain = [](const std::string& question) { return question; };
  const auto most = static_cast<std::int64_t>(tokenizer.encode("the cab a", true).size());
  CHECK_NOTHROW(EditEvaluation(tokenizer, records, plain, 100));
  const std::string message =
      input_error([&] { EditEvaluation(tokenizer, records, plain, 100, most); });
  CHECK_THAT(message, Catch::Matchers::StartsWith("record 6: 'zz b the cab") &&
                          Catch::Matchers::ContainsSubstring(" positions"));
}

TEST_CASE("a record's value is the mean over its questions of their best answers") {
  const Model model = tiny_model();
  const auto plain = [](const std::string& question) { return question; };
  EditRecord record;
  record.prompt = "the cab";
  record.target_old = "ab b";
  record.old_aliases = {"k"};
  record.target_new = "ab";
  record.new_aliases = {"bab ab", "a k"};
  record.rephrasings = {"Q: k\nA:", "zz b the cab"};
  record.unrelated = {{"JOP k", {"ba", "not compared"}}, {"F", {"b ab"}}};
  record.portability = {{"the", {"a", "ab k"}}, {"Qa", {"the ab"}}, {"kk", {"b"}}};
  const std::vector<EditRecord> records = {{.prompt = "F", .target_old = {}, .target_new = "b"},
                                           record};
  const auto ask = [&](const std::vector<EditRecord>& asked) {
    const EditEvaluation evaluation(*model.tokenizer, asked, plain, 100);
    return evaluation.ask(model, evaluation.predict_locality(model, kNoStep), kNoStep);
  };
  /// Of a record that asks this alone.
  const auto alone = [&](const std::string& prompt, const std::string& answer) {
    return ask({{.prompt = prompt, .target_old = {}, .target_new = answer}});
  };
  const auto expected = [&](const std::vector<EditQuestion>& questions, const std::string& suffix) {
    double sum = 0;
    for (const EditQuestion& question : questions) {
      double best = 0;
      for (const std::string& answer : question.answers)
        best = std::max(best, alone(question.prompt, answer).at("reliability" + suffix).at(0));
      sum += best;
    }
    return sum / static_cast<double>(questions.size());
  };
  const std::vector<std::string> olds = accepted(record.target_old, record.old_aliases),
                                 news = accepted(record.target_new, record.new_aliases);
  CHECK(news.size() == 3);
  const auto found = ask(records);
  for (const std::string suffix : {"", "_exact"}) {
    INFO(suffix);
    const auto value = [&](const std::string& name) { return found.at(name + suffix).at(1); };
    CHECK(value("reliability") == Approx(expected({{"the cab", news}}, suffix)));
    CHECK(found.at("reliability_old" + suffix).at(1) ==
          Approx(expected({{"the cab", olds}}, suffix)));
    CHECK(value("generality") == Approx(expected({{record.rephrasings[0], news},
                                                  {record.rephrasings[1], news}},
                                                 suffix)));
    CHECK(value("portability") == Approx(expected(record.portability, suffix)));
    CHECK(value("locality") == 1);  // it is compared with itself
    CHECK(std::isnan(found.at("portability" + suffix).at(0)));
    CHECK(std::isnan(found.at("reliability_old" + suffix).at(0)));
  }
  // rows of what was predicted before: one of the record without questions, two of the other
  const EditEvaluation evaluation(*model.tokenizer, records, plain, 100);
  const ForcedPredictions before = evaluation.predict_locality(model, kNoStep);
  CHECK(EditEvaluation::locality_rows(records) == 3);
  const std::vector<std::int32_t> tokens = EditEvaluation::padded(before, 8);
  CHECK(tokens.size() == 3 * 8);
  CHECK(tokens[0] == -1);
  CHECK(evaluation.unpadded(tokens, 8).predicted == before.predicted);
  CHECK(evaluation.answers(model, 2, kNoStep).size() == 2);
  // half of the unrelated questions changed
  ForcedPredictions other = before;
  for (std::int64_t i = before.starts[2]; i < before.starts[3]; ++i)
    other.predicted[static_cast<std::size_t>(i)] = -2;
  CHECK(evaluation.ask(model, other, kNoStep).at("locality").at(1) == 0.5);
  CHECK(evaluation.locality(model, other, kNoStep) == 0.5);
}
