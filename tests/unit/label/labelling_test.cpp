// SliCK's labels: categories, exemplars, prompts, exact against sampled labelling, P(True).
#include "factsweep/label/labelling.hpp"

#include <algorithm>
#include <cmath>
#include <set>

#include "catch.hpp"
#include "factsweep/label/spelling.hpp"
#include "no_step.hpp"
#include "tiny_directory.hpp"
#include "tiny_model.hpp"

using namespace factsweep;
using namespace factsweep::test;
using Catch::Matchers::ContainsSubstring;

namespace {

Question question_of(const std::string& question, const std::string& answer,
                     Split split = Split::test) {
  return {"P17", split, question, answer, "", -1};
}

std::vector<Question> dev_questions(std::size_t count) {
  std::vector<Question> dev;
  for (std::size_t i = 0; i < count; ++i) {
    dev.push_back(question_of("k" + std::string(i, 'm'), i % 2 == 0 ? "ab" : "b", Split::dev));
  }
  return dev;
}

std::vector<Question> sample_questions() {
  std::vector<Question> list;
  for (const char* question : {"c", "ab", "f g", "J?"}) {
    for (const char* answer : {"a", "b", "ab"}) list.push_back(question_of(question, answer));
  }
  return list;
}

Label label_of(std::vector<std::uint8_t> greedy, std::vector<std::int32_t> drawn,
               std::vector<float> p) {
  Label label;
  label.greedy = std::move(greedy);
  label.drawn = std::move(drawn);
  label.p = std::move(p);
  return label;
}

}  // namespace

TEST_CASE("categories follow the paper's Figure 2") {
  const Label known = label_of({1, 1}, {0, 0}, {0, 0});
  const Label maybe = label_of({0, 1}, {0, 0}, {0, 0});
  const Label weakly = label_of({0, 0}, {0, 1}, {0.1F, 0.2F});
  const Label unknown = label_of({0, 0}, {0, 0}, {0.1F, 0.2F});
  CHECK(known.category() == Category::highly_known);
  CHECK(maybe.category() == Category::maybe_known);
  CHECK(weakly.category() == Category::weakly_known);
  CHECK(unknown.category() == Category::unknown);
  CHECK(maybe.p_greedy() == 0.5);
  CHECK(weakly.p_sample(4) == 1.0 / 8);
  CHECK(weakly.p_exact() == Approx(0.15));

  CHECK(known.category_probability(3) == std::array<float, kCategories>{1, 0, 0, 0});
  CHECK(maybe.category_probability(3) == std::array<float, kCategories>{0, 1, 0, 0});
  const double never = std::pow(0.9, 3) * std::pow(0.8, 3);
  // what was drawn does not matter, only what could have been
  for (const Label& label : {weakly, unknown}) {
    const auto probability = label.category_probability(3);
    CHECK(probability[0] + probability[1] == 0);
    CHECK(probability[2] == Approx(1 - never));
    CHECK(probability[3] == Approx(never));
  }
  CHECK(label_of({0}, {16}, {1}).category_probability(16)[2] == 1);
  CHECK(label_of({0}, {0}, {0}).category_probability(16)[3] == 1);
}

TEST_CASE("the few-shot prompt is the paper's") {
  const std::vector<Question> shots = {question_of("Where is A?", "B"),
                                       question_of("Where is C?", "D E")};
  CHECK(Prompts().asked(shots, question_of("Where is F?", "G")) ==
        "Q: Where is A?\nA: B\nQ: Where is C?\nA: D E\nQ: Where is F?\nA:");
  CHECK(Prompts().asked({}, question_of("Where is F?", "G")) == "Q: Where is F?\nA:");
}

TEST_CASE("exemplar sets are distinct, repeat with the seed, and need enough dev questions") {
  LabelSettings settings;
  settings.sets = 10;
  settings.shots = 4;
  const auto dev = dev_questions(13);
  const auto texts = [](const ExemplarSets& sets) {
    std::vector<std::vector<std::string>> list;
    for (const auto& shots : sets) {
      list.emplace_back();
      for (const Question& shot : shots) list.back().push_back(shot.question);
    }
    return list;
  };
  const auto sets = texts(draw_exemplars("P17", dev, settings));
  REQUIRE(sets.size() == 10);
  std::set<std::set<std::string>> different;
  for (const auto& shots : sets) {
    CHECK(shots.size() == 4);
    const std::set<std::string> members(shots.begin(), shots.end());
    CHECK(members.size() == 4);
    different.insert(members);
  }
  CHECK(different.size() == 10);
  CHECK(texts(draw_exemplars("P17", dev, settings)) == sets);
  CHECK(texts(draw_exemplars("P18", dev, settings)) != sets);
  settings.seed = 1;
  CHECK(texts(draw_exemplars("P17", dev, settings)) != sets);
  CHECK_THAT(input_error([&] { draw_exemplars("P17", dev_questions(12), settings); }),
             ContainsSubstring("P17") && ContainsSubstring("12 dev") && ContainsSubstring("13"));
  settings.shots = 1;
  CHECK(draw_exemplars("P17", dev_questions(10), settings).size() == 10);
}

TEST_CASE("without exemplars there is one set, not several") {
  LabelSettings settings;
  settings.shots = 0;
  settings.sets = 1;
  const ExemplarSets sets = draw_exemplars("P17", dev_questions(3), settings);
  REQUIRE(sets.size() == 1);
  CHECK(sets.front().empty());
  settings.sets = 2;
  CHECK_THAT(input_error([&] { draw_exemplars("P17", dev_questions(3), settings); }),
             ContainsSubstring("label.shots = 0") && ContainsSubstring("label.exemplar_sets = 2"));
}

TEST_CASE("exact and sampled labelling agree") {
  const Model model = tiny_model();
  const auto questions = sample_questions();
  LabelSettings settings;
  settings.sets = 2;
  settings.shots = 2;
  settings.samples = 4000;
  settings.probe.max_new_tokens = 5;
  settings.probe.temperature = 0.8;
  settings.probe.branch_floor = 1e-9;
  const auto sets = draw_exemplars("P17", dev_questions(8), settings);
  const auto exact = label_questions(model, questions, sets, settings, kNoStep);
  settings.exact = false;
  std::int64_t tokens = 0;
  const auto sampled = label_questions(model, questions, sets, settings,
                                       [&](double, std::int64_t count) { tokens += count; });
  CHECK(tokens > 0);
  REQUIRE(exact.size() == questions.size());
  double squares = 0, used = 0;
  for (std::size_t i = 0; i < questions.size(); ++i) {
    REQUIRE(exact[i].p.size() == 2);
    CHECK(exact[i].greedy == sampled[i].greedy);
    for (std::size_t set = 0; set < 2; ++set) {
      const double p = exact[i].p[set];
      const double spread = std::sqrt(p * (1 - p) / 4000);
      CHECK(exact[i].drawn[set] / 4000.0 == Approx(p).margin(5 * spread + 1e-9));
      CHECK(sampled[i].p[set] == Approx(p).margin(5 * spread + 1e-4));
      if (p * 4000 < 10) continue;
      squares += std::pow((sampled[i].p[set] - p) / spread, 2);
      ++used;
    }
  }
  REQUIRE(used >= 6);
  CHECK(squares / used < 3);
}

TEST_CASE("aliases: labels of the union, exact as sampled") {
  const Model model = tiny_model();
  std::vector<Question> plain, several;
  for (const char* question : {"c", "ab", "f g", "J?", "k", "zz"}) {
    plain.push_back(question_of(question, "ab"));
    several.push_back(plain.back());
    several.back().aliases = {"a", "ab", "b", "A b", "abab"};
  }
  LabelSettings settings;
  settings.sets = 2;
  settings.shots = 2;
  settings.samples = 10000;
  settings.probe.max_new_tokens = 5;
  settings.probe.temperature = 0.8;
  settings.probe.branch_floor = 1e-9;
  const auto sets = draw_exemplars("P17", dev_questions(8), settings);
  const auto alone = label_questions(model, plain, sets, settings, kNoStep);
  const auto exact = label_questions(model, several, sets, settings, kNoStep);
  settings.exact = false;
  const auto sampled = label_questions(model, several, sets, settings, kNoStep);
  double squares = 0, used = 0, gained = 0;
  for (std::size_t i = 0; i < plain.size(); ++i) {
    CHECK(exact[i].greedy == sampled[i].greedy);
    for (std::size_t set = 0; set < 2; ++set) {
      const double p = exact[i].p[set];
      CHECK(p >= alone[i].p[set]);
      CHECK(exact[i].drawn[set] >= alone[i].drawn[set]);
      gained += p - alone[i].p[set];
      if (p * 10000 < 10) continue;
      squares += std::pow(sampled[i].p[set] - p, 2) / (p * (1 - p) / 10000);
      ++used;
    }
  }
  CHECK(gained > 0.01);
  REQUIRE(used >= 6);
  // Wilson and Hilferty: the cube root of chi-square / n is normal; 3.72 is a p-value of 1e-4
  const double spread = 2 / (9 * used);
  CHECK((std::cbrt(squares / used) - (1 - spread)) / std::sqrt(spread) < 3.72);
}

TEST_CASE("a label depends on its question and seed, not on what is labelled beside it") {
  const Model model = tiny_model();
  const auto questions = sample_questions();
  LabelSettings settings;
  settings.sets = 2;
  settings.shots = 1;
  settings.samples = 50;
  settings.probe.max_new_tokens = 4;
  settings.probe.temperature = 1;
  const auto sets = draw_exemplars("P17", dev_questions(8), settings);
  for (const bool exact : {true, false}) {
    settings.exact = exact;
    const auto all = label_questions(model, questions, sets, settings, kNoStep);
    const std::vector<Question> some(questions.begin() + 4, questions.begin() + 7);
    const auto part = label_questions(model, some, sets, settings, kNoStep);
    for (std::size_t i = 0; i < some.size(); ++i) {
      CHECK(part[i].drawn == all[i + 4].drawn);
      CHECK(part[i].greedy == all[i + 4].greedy);
    }
  }
}

TEST_CASE("a gold answer is compared as the tokenizer's normalizer spells it") {
  const TemporaryFolder folder;
  write_tiny_model(folder.path());
  nlohmann::json tokenizer = read_json(folder / "tokenizer.json");
  tokenizer["normalizer"] = {{"type", "Sequence"},
                             {"normalizers", {{{"type", "NFKC"}}, {{"type", "Lowercase"}}}}};
  write_file(folder / "tokenizer.json", tokenizer.dump());
  const Model model = Model::load(folder.path(), torch::kFloat32, test_device());
  CHECK(spell(*model.tokenizer, "AB").text == "ab");
  CHECK(spell(*model.tokenizer, "\ufb01n\u3000").text == "fin");
  CHECK(spell(*model.tokenizer, "fin\u00a0").possible);
  CHECK_FALSE(spell(*model.tokenizer, "\u6771 b").possible);
  CHECK(spell(*model.tokenizer, "\u6771 b").text == "\u6771 b");

  LabelSettings settings{.sets = 1, .shots = 0, .samples = 16};
  settings.probe.max_new_tokens = 4;
  const auto labelled = [&](const std::string& gold, bool exact) {
    settings.exact = exact;
    const std::vector<Question> one = {question_of("who?", gold)};
    return label_questions(model, one, ExemplarSets(1), settings, kNoStep).front();
  };
  const Label plain = labelled("a", true);
  CHECK(plain.p.front() > 0);
  for (const char* gold : {"A", "a\u00a0", "\u3000a", "\uff41"}) {
    INFO(gold);
    CHECK(labelled(gold, true).p == plain.p);
    CHECK(labelled(gold, true).greedy == plain.greedy);
    CHECK(labelled(gold, true).drawn == plain.drawn);
    CHECK(labelled(gold, false).drawn == labelled("a", false).drawn);
  }
}

TEST_CASE("no tokens spell an answer of which a vocabulary of bytes lacks one") {
  const TemporaryFolder folder;
  nlohmann::json tokenizer =
      read_json(model_data("../../text/data/tiny_bpe") / "tokenizer.json");
  nlohmann::json& vocabulary = tokenizer["model"]["vocab"];
  vocabulary["no byte"] = vocabulary.at("\u00f1");  // as byte 0xf1 is written there
  vocabulary.erase("\u00f1");
  write_file(folder / "tokenizer.json", tokenizer.dump());
  const auto poor = Tokenizer::load(folder.path());
  CHECK(spell(*poor, "Turkey").possible);
  CHECK(spell(*poor, "T\u00fcrkiye").possible);
  CHECK_FALSE(spell(*poor, "Tur\U00050000key").possible);  // f1 90 80 80
}

TEST_CASE("kept texts are the greedy answer and the samples of each set") {
  const Model model = tiny_model();
  LabelSettings settings;
  settings.sets = 2;
  settings.shots = 1;
  settings.samples = 30;
  settings.exact = false;
  settings.probe.max_new_tokens = 4;
  settings.probe.temperature = 1;
  const auto sets = draw_exemplars("P17", dev_questions(8), settings);
  const auto questions = sample_questions();
  const auto brief = label_questions(model, questions, sets, settings, kNoStep);
  settings.keep_text = true;
  const auto kept = label_questions(model, questions, sets, settings, kNoStep);
  for (std::size_t i = 0; i < questions.size(); ++i) {
    CHECK(brief[i].text.empty());
    REQUIRE(kept[i].text.size() == 2 * 31);
    const auto matcher = AnswerMatcher::make("strict", questions[i].answer);
    for (std::size_t set = 0; set < 2; ++set) {
      int right = 0;
      for (std::size_t s = 1; s <= 30; ++s)
        right += matcher->matches(kept[i].text[set * 31 + s]) ? 1 : 0;
      CHECK(right == kept[i].drawn[set]);
      CHECK(right == brief[i].drawn[set]);
      CHECK(matcher->matches(kept[i].text[set * 31]) == (kept[i].greedy[set] == 1));
    }
  }
}

TEST_CASE("P(True) is the probability of (A), alone or against (B)") {
  const Model model = tiny_model();
  const auto questions = sample_questions();
  const auto raw = p_true(model, questions, Prompts(), false, kNoStep);
  const auto relative = p_true(model, questions, Prompts(), true, kNoStep);
  const auto chance = [&](const Question& question, const std::string& completion) {
    std::vector<TokenId> text = model.tokenizer->encode(
        "Question: " + question.question + "\nProposed Answer: " + question.answer +
            "\nIs the proposed answer:\n\n(A) True\n(B) False\nThe proposed answer is:",
        true);
    double p = 1;
    for (const TokenId id : model.tokenizer->encode(completion, false)) {
      for (const auto& [candidate, share] :
           naive_top_k(next_logits(model.weights, {text}).front(), 64, 1)) {
        if (candidate == id) p *= share;
      }
      text.push_back(id);
    }
    return p;
  };
  REQUIRE(raw.size() == questions.size());
  for (std::size_t i = 0; i < questions.size(); ++i) {
    const double yes = chance(questions[i], " (A)"), no = chance(questions[i], " (B)");
    CHECK(raw[i] == Approx(yes).epsilon(1e-3));
    CHECK(relative[i] == Approx(yes / (yes + no)).epsilon(1e-3));
  }
  // of several answers the one that it takes for true most of all, in whatever batch it is asked
  std::vector<Question> each;
  for (const char* answer : {"a", "the", "b ab", "J"})
    each.push_back(question_of(questions[0].question, answer));
  const auto alone = p_true(model, each, Prompts(), true, kNoStep);
  const auto least = std::min_element(alone.begin(), alone.end()) - alone.begin();
  const float largest = *std::max_element(alone.begin(), alone.end());
  std::swap(each[0].answer, each[static_cast<std::size_t>(least)].answer);
  for (std::size_t i = 1; i < each.size(); ++i) each[0].aliases.push_back(each[i].answer);
  const auto several = p_true(model, std::vector<Question>(60, each[0]), Prompts(), true, kNoStep);
  REQUIRE(several.size() == 60);
  for (const float one : several) CHECK(one == Approx(largest));
  CHECK(*std::min_element(alone.begin(), alone.end()) < largest);
}
