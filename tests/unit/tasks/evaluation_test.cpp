// Evaluation equals plain decoding and plain log-probabilities of whole texts, whatever the
// batches.
#include "factsweep/tasks/evaluation.hpp"

#include "catch.hpp"
#include "factsweep/core/random.hpp"
#include "factsweep/model/torch.hpp"
#include "factsweep/tasks/answer.hpp"
#include "factsweep/tasks/likelihood.hpp"
#include "tiny_directory.hpp"
#include "tiny_model.hpp"

using namespace factsweep;
using namespace factsweep::test;

namespace {

const auto kNoStep = [](double, std::int64_t) {};

std::string random_text(CounterRandom& random, std::size_t pieces) {
  const PieceTokenizer tokenizer;
  std::string text;
  for (std::size_t i = 0; i < pieces; ++i)
    text += tokenizer.piece(4 + static_cast<TokenId>(random.below(60)));
  return text;
}

TaskSet random_choices() {
  TaskSet set{.name = "choices", .kind = TaskKind::letter, .examples = {}};
  CounterRandom random(3);
  for (int i = 0; i < 40; ++i) {
    TaskExample example{.instruction = random_text(random, 1 + random.below(12)),
                        .output = "A",
                        .answer = "A",
                        .names = {"A", "B", "C"}};
    for (int option = 0; option < 3; ++option) {
      example.options.push_back(random_text(random, 1 + random.below(5)));
      example.option_outputs.push_back(example.names[static_cast<std::size_t>(option)]);
    }
    set.examples.push_back(example);
  }
  return set;
}

/// Greedy text of a prompt by whole passes, up to where its answer is final.
std::string plain_answer(const Model& model, const TaskSet& set, const TaskExample& example,
                         const std::string& prompt, std::size_t longest) {
  std::vector<TokenId> ids = model.tokenizer->encode(prompt, true);
  std::string text;
  for (std::size_t i = 0; i < longest; ++i) {
    const TokenId next = naive_top_k(next_logits(model.weights, {ids}).front(), 1, 1).front().first;
    if (model.is_eos(next)) break;
    ids.push_back(next);
    text += model.tokenizer->piece(next);
    if (answer_is_final(set.kind, example, text)) break;
  }
  return text;
}

double plain_log_probability(const Model& model, std::vector<TokenId> ids,
                             const std::vector<TokenId>& continuation) {
  double sum = 0;
  for (const TokenId next : continuation) {
    const torch::Tensor scores = torch::tensor(next_logits(model.weights, {ids}).front());
    sum += scores.to(torch::kFloat64).log_softmax(0)[next].item<double>();
    ids.push_back(next);
  }
  return sum;
}

}  // namespace

TEST_CASE("generation is plain greedy decoding up to the answer", "[device]") {
  const Model model = tiny_model();
  TaskSet set = random_choices();
  EvaluationSettings settings{.prompt_template = "Q: {instruction}{input}\n", .max_new_tokens = 12};
  settings.shots = {set.examples[0], set.examples[1]};
  const std::string shots = worked_examples(settings.prompt_template, settings.shots);
  std::int64_t right = 0;
  std::vector<std::string> texts;
  for (TaskExample& example : set.examples) {
    texts.push_back(
        plain_answer(model, set, example, shots + render(settings.prompt_template, example), 12));
    const std::string answer = extract_answer(set.kind, example, texts.back());
    if (texts.size() % 2 == 0 && !answer.empty()) example.answer = answer;
    right += answer == example.answer ? 1 : 0;
  }
  REQUIRE(right > 0);
  REQUIRE(right < 40);
  for (const std::int64_t batch_tokens : {1, 100, 10000}) {
    settings.batch_tokens = batch_tokens;
    double share = 0;
    const TaskScore score = evaluate(model, set, settings, [&](double done, std::int64_t) {
      CHECK(done >= share);
      share = done;
    });
    CHECK(share <= 1);
    CHECK(score.examples == 40);
    CHECK(score.right == right);
    for (std::size_t i = 0; i < texts.size(); ++i) CHECK(score.verdicts[i].text == texts[i]);
  }
}

TEST_CASE("a gold text is compared as the tokenizer's normalizer spells it") {
  const TemporaryFolder folder;
  write_tiny_model(folder.path());
  nlohmann::json tokenizer = read_json(folder / "tokenizer.json");
  tokenizer["normalizer"] = {{"type", "NFKC"}};
  write_file(folder / "tokenizer.json", tokenizer.dump());
  const Model model = Model::load(folder.path(), torch::kFloat32, torch::kCPU);
  TaskSet set{.name = "texts", .kind = TaskKind::text, .examples = {}};
  set.examples.push_back({.instruction = "who", .output = "x", .answer = "x"});
  const std::string said = evaluate(model, set, {}, kNoStep).verdicts.front().answer;
  std::string wide;  // the same in full-width characters, U+FF01 and on
  for (const char c : said) {
    const bool low = c < 0x60;
    if (c > ' ')
      wide += {'\xef', low ? '\xbc' : '\xbd', static_cast<char>(c - (low ? 0x20 : 0x60) + 0x80)};
    else
      wide += c;
  }
  INFO(said);
  REQUIRE(said.size() > 1);
  set.examples.front().answer = wide;
  CHECK(evaluate(model, set, {}, kNoStep).right == 1);
}

TEST_CASE("likelihoods are those of the whole texts", "[device]") {
  const Model model = tiny_model("llama3-untied");
  const TaskSet set = random_choices();
  for (const OptionText text : {OptionText::option, OptionText::output}) {
    std::vector<TaskScore> scores;
    for (const std::int64_t batch_tokens : {1, 60, 10000}) {
      scores.push_back(evaluate(model, set,
                                {.prompt_template = "{instruction}{input}:\n",
                                 .generate = false,
                                 .likelihood = true,
                                 .option_text = text,
                                 .batch_tokens = batch_tokens},
                                kNoStep));
    }
    for (std::size_t i = 0; i < 8; ++i) {
      const TaskExample& example = set.examples[i];
      const auto prompt = model.tokenizer->encode(example.instruction + ":\n", true);
      std::vector<double> sums, means;
      for (std::size_t option = 0; option < 3; ++option) {
        const auto ids = model.tokenizer->encode(
            text == OptionText::option ? example.options[option] : example.names[option]);
        sums.push_back(plain_log_probability(model, prompt, ids));
        means.push_back(sums.back() / static_cast<double>(ids.size()));
      }
      for (const TaskScore& score : scores) {
        for (std::size_t option = 0; option < 3; ++option) {
          CHECK(score.options[i].sum[option] == Approx(sums[option]).margin(1e-4));
          CHECK(score.options[i].mean[option] == Approx(means[option]).margin(1e-4));
        }
        CHECK(score.options[i].by_sum == std::max_element(sums.begin(), sums.end()) - sums.begin());
      }
    }
    CHECK(scores[0].right_by_sum == scores[2].right_by_sum);
    CHECK(scores[0].right_by_mean == scores[2].right_by_mean);
    std::int64_t right = 0;
    for (const OptionVerdict& verdict : scores[0].options) right += verdict.by_mean == 0 ? 1 : 0;
    CHECK(scores[0].right_by_mean == right);
  }
}

TEST_CASE("what is too long for learned positions is named, and an answer ends with them",
          "[device]") {
  const Model model{Weights::load(model_data("families/gpt2"), torch::kFloat32, test_device()),
                    std::make_shared<PieceTokenizer>(96),
                    {}};
  REQUIRE(model.weights.config.positions == 64);
  CHECK(max_new_tokens_of(TaskKind::number) == 512);
  CHECK(max_new_tokens_of(TaskKind::code) == 512);
  TaskSet set{.name = "s", .kind = TaskKind::number, .examples = {}};
  const auto of_length = [](std::size_t tokens) {  // BOS and ":" included
    return TaskExample{.instruction = std::string(tokens - 2, 'c'),
                       .output = "x",
                       .answer = "1",
                       .where = "train.jsonl:7"};
  };
  const auto text = [&](std::int64_t longest) {
    const EvaluationSettings settings{.prompt_template = "{instruction}{input}:",
                                      .max_new_tokens = longest};
    return evaluate(model, set, settings, kNoStep).verdicts.front().text;
  };
  set.examples = {of_length(62)};
  CHECK(text(40) == text(3));  // two that the model sees again, and a last one
  CHECK(text(40) != text(2));
  set.examples = {of_length(65)};
  CHECK_THAT(input_error([&] { text(3); }), Catch::Matchers::ContainsSubstring("train.jsonl:7") &&
                                                Catch::Matchers::ContainsSubstring("65 tokens") &&
                                                Catch::Matchers::ContainsSubstring("64 positions"));
  Model teacher = model;
  teacher.eos = {2};
  set.examples = {of_length(63)};
  CHECK_THAT(input_error([&] { training_examples(teacher, set, "{instruction}{input}:", 1024); }),
             Catch::Matchers::ContainsSubstring("train.jsonl:7"));
  CHECK(training_examples(teacher, set, "{instruction}{input}:", 64).shortened == 1);
}

TEST_CASE("a choice is the likeliest option, and nothing is generated", "[device]") {
  const Model model = tiny_model("llama3-untied");
  TaskSet scored = random_choices(), set = scored;
  set.kind = TaskKind::choice;
  for (TaskExample& example : set.examples) example.names = example.options;
  for (std::size_t i = 0; i < set.examples.size(); ++i)
    set.examples[i].answer = set.examples[i].options[i % 3];
  const EvaluationSettings settings{.prompt_template = "{instruction}", .generate = false,
                                    .likelihood = true};
  const TaskScore likely = evaluate(model, scored, settings, kNoStep);
  const TaskScore chosen =
      evaluate(model, set, {.prompt_template = "{instruction}", .likelihood = false}, kNoStep);
  const TaskScore apart = evaluate_one_by_one(
      model, [&](const std::vector<TokenId>&) { return model; }, set, settings, kNoStep);
  REQUIRE(chosen.verdicts.size() == set.examples.size());
  std::int64_t right = 0;
  for (std::size_t i = 0; i < set.examples.size(); ++i) {
    const auto best = static_cast<std::size_t>(likely.options[i].by_sum);
    CHECK(chosen.verdicts[i].answer == set.examples[i].options[best]);
    const bool is_right = set.examples[i].gold() == likely.options[i].by_sum;
    CHECK(chosen.verdicts[i].right == is_right);
    CHECK(apart.verdicts[i].answer == chosen.verdicts[i].answer);
    right += is_right ? 1 : 0;
  }
  CHECK(right > 0);
  CHECK(chosen.right == right);
  CHECK(apart.right == right);
}

TEST_CASE("texts are scored token by token, whatever the batches", "[device]") {
  const Model model = tiny_model();
  CounterRandom random(5);
  std::vector<std::vector<TokenId>> texts;
  double sum = 0;
  std::int64_t tokens = 0;
  for (const std::size_t length : {2, 9, 30}) {
    texts.push_back(model.tokenizer->encode(random_text(random, length), true));
    const std::vector<TokenId>& text = texts.back();
    sum += plain_log_probability(model, {text.front()}, {text.begin() + 1, text.end()});
    tokens += static_cast<std::int64_t>(text.size()) - 1;
  }
  for (const std::int64_t batch_tokens : {1, 12, 1000}) {
    std::int64_t passed = 0, done = 0;
    const ContinuationScore score =
        score_texts(model, texts, batch_tokens, [&](std::int64_t texts_done, std::int64_t some) {
          CHECK(texts_done > done);
          done = texts_done;
          passed += some;
        });
    CHECK(score.sum == Approx(sum).margin(1e-4));
    CHECK(score.tokens == tokens);
    CHECK(passed == tokens);
    CHECK(done == 3);
  }
}

TEST_CASE("a likelihood that is not finite is never the highest", "[device]") {
  Model model = tiny_model();
  model.weights.embedding = torch::full_like(model.weights.embedding, std::nan(""));
  const TaskSet set = random_choices();  // the first option is right everywhere
  const TaskScore score = evaluate(model, set, {.generate = false, .likelihood = true}, kNoStep);
  REQUIRE(score.options.size() == set.examples.size());
  for (const OptionVerdict& verdict : score.options) {
    CHECK(std::isnan(verdict.sum.at(0)));
    CHECK(verdict.by_sum == -1);
    CHECK(verdict.by_mean == -1);
  }
  CHECK(score.right_by_sum == 0);
  CHECK(score.right_by_mean == 0);
}

TEST_CASE("templates keep what texts hold, and wrong ones are named") {
  const TaskExample example{.instruction = "a {input} b", .input = "{instruction}", .output = "x"};
  CHECK(render("<{instruction}|{input}|{x}>", example) == "<a {input} b|{instruction}|{x}>");
  CHECK(prompt_template("Q: {instruction} {input}\\nA:", "deck:3") ==
        "Q: {instruction} {input}\nA:");
  CHECK(prompt_template("plain", "deck:3") == "{instruction}\n{input}\n");
  CHECK_THAT(prompt_template("chat", "deck:3"),
             Catch::Matchers::ContainsSubstring("<</SYS>>\n\n {instruction}\n{input}\n [/INST]"));
  for (const char* wrong : {"", "{input}", "{instruction}{input}{input}"})
    CHECK_THAT(input_error([&] { prompt_template(wrong, "deck:3"); }),
               Catch::Matchers::ContainsSubstring("deck:3"));
  CHECK(worked_examples("{instruction}{input}:", {example}) == "a {input} b{instruction}: x\n\n");
}

TEST_CASE("training sees the output and its end, cut at the limit") {
  const Model model = tiny_model();
  const TaskSet set{.name = "s",
                    .kind = TaskKind::text,
                    .examples = {{.instruction = "cd", .output = "ab"},
                                 {.instruction = "cd", .output = "abcdefgh"},
                                 {.instruction = "cdefghijkl", .output = "ab"}}};
  const TrainingExamples found = training_examples(model, set, "{instruction}{input}\n", 8);
  REQUIRE(found.rows == std::vector<std::size_t>{0, 1});
  CHECK(found.shortened == 1);
  CHECK(found.examples[0].prompt == model.tokenizer->encode("cd\n", true));
  std::vector<TokenId> answer = model.tokenizer->encode("ab");
  answer.push_back(2);
  CHECK(found.examples[0].answer == answer);
  CHECK(found.examples[1].prompt.size() + found.examples[1].answer.size() == 8);
}

TEST_CASE("code is run only where that is allowed, options scored only where there are some") {
  const Model model = tiny_model();
  const TaskSet code{.name = "programs",
                     .kind = TaskKind::code,
                     .examples = {{.instruction = "ab", .output = "x", .tests = "assert False"}}};
  CHECK_THAT(input_error([&] { evaluate(model, code, {}, kNoStep); }),
             Catch::Matchers::ContainsSubstring("eval.allow_code_execution"));
  CHECK_THAT(input_error([&] { evaluate(model, code, {.likelihood = true}, kNoStep); }),
             Catch::Matchers::ContainsSubstring("no options"));
  const TaskScore score =
      evaluate(model, code, {.max_new_tokens = 3, .allow_code_execution = true}, kNoStep);
  CHECK(score.right == 0);
  CHECK(score.stopped == 0);
  CHECK_FALSE(score.verdicts.at(0).reason.empty());
}

TEST_CASE("programs that the confinement ended are counted apart from wrong ones") {
  Model silent = tiny_model();  // writes the empty program, so that tests alone decide
  for (TokenId id = 0; id < 64; ++id) silent.eos.push_back(id);
  TaskSet code{.name = "programs", .kind = TaskKind::code, .examples = {}};
  for (const char* tests :
       {"assert True", "assert False", "import os\nos.fork()", "open('x', 'w')"})
    code.examples.push_back({.instruction = "ab", .output = "x", .tests = tests});
  const TaskScore score = evaluate(silent, code, {.allow_code_execution = true}, kNoStep);
  CHECK(score.right == 1);
  CHECK(score.stopped == 2);
}
