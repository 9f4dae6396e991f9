// probe(): probabilities against a brute-force sum over token sequences and against real samples,
// greedy verdicts against real decoding. The toy tokenizer spells one answer in many ways.
#include "factsweep/label/probe.hpp"

#include <cmath>

#include "catch.hpp"
#include "factsweep/core/random.hpp"
#include "factsweep/model/decoding.hpp"
#include "no_step.hpp"
#include "tiny_model.hpp"

using namespace factsweep;
using namespace factsweep::test;

namespace {

const std::function<void(std::int64_t)> kNoTokens = [](std::int64_t) {};
const std::function<bool(std::size_t, std::string_view)> kAlways;

ProbeItem item_of(const Model& model, const std::string& question, const std::string& answer,
                  const std::string& rule) {
  return make_item(model, "Q: ab\nA: ba\nQ: " + question + "\nA:", " ", answer,
                   AnswerMatcher::make(rule, answer));
}

struct Sequence {
  std::vector<TokenId> tokens;
  std::string text;
  double p = 1;
};

/// The definition: every sequence of sampled tokens whose text matches where it ends. With `prune`
/// sequences that can no longer match are left out, which only saves time.
double brute_force(const Model& model, const ProbeItem& item, const ProbeSettings& settings,
                   bool prune) {
  double total = 0;
  std::vector<Sequence> open = {{}};
  for (std::int64_t length = 1; length <= settings.max_new_tokens; ++length) {
    std::vector<std::vector<TokenId>> texts;
    for (const Sequence& sequence : open) {
      texts.push_back(item.prompt);
      texts.back().insert(texts.back().end(), sequence.tokens.begin(), sequence.tokens.end());
    }
    const auto scores = next_logits(model.weights, texts);
    std::vector<Sequence> longer;
    for (std::size_t i = 0; i < open.size(); ++i) {
      for (const auto& [id, p] : naive_top_k(scores[i], settings.top_k, settings.temperature)) {
        Sequence next = open[i];
        next.p *= p;
        if (!model.is_eos(id)) next.text += model.tokenizer->piece(id);
        if (model.ends_answer(id) || length == settings.max_new_tokens) {
          if (item.matcher->matches(next.text)) total += next.p;
        } else if (!prune || item.matcher->judge(next.text) != Verdict::dead) {
          next.tokens.push_back(id);
          longer.push_back(std::move(next));
        }
      }
    }
    open = std::move(longer);
  }
  return total;
}

const std::vector<std::string> kQuestions = {"k", "ab?", "zz b", "F e", "the cab", "J"};

std::vector<ProbeItem> items_of(const Model& model, const std::string& rule) {
  std::vector<ProbeItem> items;
  for (const std::string& question : kQuestions) {
    for (const char* answer : {"a", "ab", "b a", "bab"}) {
      items.push_back(item_of(model, question, answer, rule));
    }
  }
  return items;
}

/// Answers that begin each other or repeat.
std::vector<ProbeItem> items_of_several(const Model& model, const std::string& rule) {
  std::vector<ProbeItem> items;
  for (const std::string& question : kQuestions) {
    for (const std::vector<std::string>& answers :
         {std::vector<std::string>{"a", "ab", "b", "A"}, {"b a", "bab", "b", "b"}}) {
      items.push_back(make_item(model, "Q: ab\nA: ba\nQ: " + question + "\nA:", " ", answers,
                                AnswerMatcher::make(rule, answers)));
    }
  }
  return items;
}

/// First line of what the model answers greedily, without white space at its ends.
std::string greedy_text(const Model& model, const std::vector<TokenId>& prompt,
                        std::int64_t max_new_tokens) {
  const auto answers =
      decode(model, {{prompt, true, 0, 0}}, {.max_new_tokens = max_new_tokens}, kAlways, kNoTokens);
  std::string text = answers[0][0].text;
  text.resize(std::min(text.find('\n'), text.size()));
  const std::size_t start = text.find_first_not_of(' ');
  if (start == std::string::npos) return "";
  return text.substr(start, text.find_last_not_of(' ') - start + 1);
}

}  // namespace

TEST_CASE("make_item tokenises the answer as it continues the prompt") {
  const Model model = tiny_model();
  const ProbeItem item = item_of(model, "k", "ab", "strict");
  CHECK(item.gold_text == " ab");
  CHECK(item.prompt.front() == 1);
  CHECK(model.tokenizer->decode(item.prompt) == "Q: ab\nA: ba\nQ: k\nA:");
  CHECK(model.tokenizer->decode(item.gold) == " ab");
}

TEST_CASE("exact p is the sum over all token sequences") {
  for (const char* name : {"llama-tied", "llama3-untied"}) {
    const Model model = tiny_model(name);
    for (const auto& [rule, length] : {std::pair{"strict", 5}, std::pair{"squad", 4}}) {
      const ProbeSettings settings{
          .temperature = 1, .top_k = 40, .max_new_tokens = length, .branch_floor = 0};
      const auto items = items_of(model, rule);
      const auto results = probe(model, items, settings, kNoStep);
      double largest = 0;
      for (std::size_t i = 0; i < items.size(); ++i) {
        INFO(name << ", " << rule << ", item " << i);
        CHECK(results[i].p ==
              Approx(brute_force(model, items[i], settings, true)).margin(1e-6).epsilon(1e-4));
        CHECK(results[i].pruned == 0);
        largest = std::max(largest, results[i].p);
      }
      CHECK(largest > 1e-3);  // else the comparison says little
    }
  }
}

TEST_CASE("... also without leaving out what cannot match, and for small limits") {
  const Model model = tiny_model();
  const auto items = items_of(model, "squad");
  for (const std::int64_t length : {1, 2, 3}) {
    const ProbeSettings settings{
        .temperature = 0.7, .top_k = 12, .max_new_tokens = length, .branch_floor = 0};
    const auto results = probe(model, items, settings, kNoStep);
    for (std::size_t i = 0; i < items.size(); ++i) {
      CHECK(results[i].p == Approx(brute_force(model, items[i], settings, false)).margin(1e-6));
    }
  }
}

TEST_CASE("p depends neither on the batch nor on the other items") {
  const Model model = tiny_model();
  const auto items = items_of(model, "strict");
  ProbeSettings settings{.temperature = 1, .max_new_tokens = 5};
  const auto together = probe(model, items, settings, kNoStep);
  settings.batch_tokens = 40;
  std::int64_t passes = 0;
  const auto small = probe(model, items, settings, [&](double, std::int64_t) { ++passes; });
  CHECK(passes > 5);
  for (std::size_t i = 0; i < items.size(); ++i) {
    const auto alone = probe(model, {items[i]}, settings, kNoStep);
    CHECK(alone[0].p == Approx(together[i].p).margin(1e-7));
    CHECK(small[i].p == Approx(together[i].p).margin(1e-7));
    CHECK(alone[0].greedy == together[i].greedy);
  }
  CHECK(probe(model, {}, settings, kNoStep).empty());
}

TEST_CASE("several right answers: the sum over their union, which no further one lowers", "[cpu]") {
  const Model model = tiny_model();
  // they begin each other, differ by case, repeat, and cannot be spelt
  const std::vector<std::string> aliases = {"ab", "a", "A", "b a", "ab", "abab", "\u00e9", "bab"};
  for (const auto& [rule, length] : {std::pair{"strict", 5}, std::pair{"squad", 4}}) {
    const ProbeSettings settings{
        .temperature = 1, .top_k = 40, .max_new_tokens = length, .branch_floor = 0};
    ProbeSettings cut = settings;
    cut.branch_floor = 1e-4;
    for (const std::string& question : kQuestions) {
      const std::string prompt = "Q: ab\nA: ba\nQ: " + question + "\nA:";
      std::vector<std::string> answers;
      double before = 0, cut_before = 0, alone = 0;
      bool greedy = false;
      for (const std::string& alias : aliases) {
        answers.push_back(alias);
        INFO(rule << ", " << question << ", " << answers.size() << " answers");
        const ProbeItem item =
            make_item(model, prompt, " ", answers, AnswerMatcher::make(rule, answers));
        CHECK(item.other_texts.size() + 1 == answers.size());
        const ProbeResult result = probe(model, {item}, settings, kNoStep).front();
        CHECK(result.p == Approx(brute_force(model, item, settings, true)).epsilon(1e-4));
        CHECK(result.p >= before - 1e-9);
        CHECK(result.greedy >= greedy);
        const ProbeResult less = probe(model, {item}, cut, kNoStep).front();
        CHECK(less.p >= cut_before - 1e-9);
        CHECK(result.p - less.p <= less.pruned + 1e-9);
        before = result.p;
        cut_before = less.p;
        greedy = result.greedy;
        alone += probe(model, {item_of(model, question, alias, rule)}, settings, kNoStep).front().p;
      }
      CHECK(before <= 1 + 1e-9);
      CHECK(before < alone);  // "ab" twice counts once
    }
  }
  // different answers of one rule exclude each other, so that their probabilities add up
  const std::vector<std::string> apart = {"ab", "a", "b a"};
  const ProbeSettings settings{.temperature = 1, .max_new_tokens = 5, .branch_floor = 0};
  double sum = 0;
  for (const std::string& one : apart)
    sum += probe(model, {item_of(model, "k", one, "strict")}, settings, kNoStep).front().p;
  const ProbeItem item =
      make_item(model, "Q: ab\nA: ba\nQ: k\nA:", " ", apart, AnswerMatcher::make("strict", apart));
  CHECK(probe(model, {item}, settings, kNoStep).front().p == Approx(sum).epsilon(1e-5));
}

TEST_CASE("what the branch floor leaves out is bounded by `pruned`") {
  const Model model = tiny_model();
  const auto items = items_of(model, "strict");
  ProbeSettings settings{.temperature = 1, .max_new_tokens = 5, .branch_floor = 0};
  const auto whole = probe(model, items, settings, kNoStep);
  double left_out = 0;
  for (const double floor : {1e-5, 1e-3, 1e-2}) {
    settings.branch_floor = floor;
    const auto cut = probe(model, items, settings, kNoStep);
    for (std::size_t i = 0; i < items.size(); ++i) {
      CHECK(cut[i].p <= whole[i].p + 1e-9);
      CHECK(whole[i].p - cut[i].p <= cut[i].pruned + 1e-9);
      CHECK(cut[i].greedy == whole[i].greedy);
      left_out = std::max(left_out, whole[i].p - cut[i].p);
    }
  }
  CHECK(left_out > 1e-4);
}

TEST_CASE("greedy verdicts are those of real decoding") {
  for (const char* name : {"llama-tied", "llama3-untied"}) {
    const Model model = tiny_model(name);
    std::vector<ProbeItem> items;
    std::vector<bool> expected;
    CounterRandom random(11);
    for (int i = 0; i < 60; ++i) {
      std::string question;
      for (int j = 0; j < 3; ++j)
        question += model.tokenizer->piece(4 + static_cast<TokenId>(random.below(60)));
      const ProbeItem probe_item = item_of(model, question, "ab", "strict");
      std::string gold = greedy_text(model, probe_item.prompt, 5);
      const bool right = i % 2 == 0 && !gold.empty();
      if (!right) gold = "ab" + gold;
      items.push_back(item_of(model, question, gold, i % 4 < 2 ? "strict" : "squad"));
      expected.push_back(right);
    }
    for (const double floor : {1e-4, 1.0}) {
      for (const double epsilon : {1e-4, 1e9}) {
        const ProbeSettings settings{
            .temperature = 0.5, .max_new_tokens = 5, .branch_floor = floor, .tie_epsilon = epsilon};
        const auto results = probe(model, items, settings, kNoStep);
        int right = 0;
        for (std::size_t i = 0; i < items.size(); ++i) {
          INFO(name << ", item " << i << " " << items[i].gold_text << ", floor " << floor);
          CHECK(results[i].greedy == expected[i]);
          if (epsilon > 1) CHECK(results[i].near_tie);
          right += results[i].greedy ? 1 : 0;
        }
        CHECK(right >= 15);
      }
    }
  }
}

TEST_CASE("real samples agree with exact p") {
  constexpr std::int64_t kSamples = 10000;
  const Model model = tiny_model();
  for (const auto& [rule, several] : {std::pair{"strict", false}, std::pair{"squad", false},
                                      std::pair{"strict", true}, std::pair{"squad", true}}) {
    const auto items = several ? items_of_several(model, rule) : items_of(model, rule);
    const ProbeSettings settings{
        .temperature = 0.9, .top_k = 40, .max_new_tokens = 5, .branch_floor = 1e-8};
    const auto results = probe(model, items, settings, kNoStep);
    std::vector<DecodeRequest> requests;
    for (std::size_t i = 0; i < items.size(); ++i) {
      requests.push_back({items[i].prompt, false, kSamples, hash_words({2024, i})});
    }
    const auto answers = decode(
        model, requests, {.max_new_tokens = 5, .temperature = 0.9, .top_k = 40, .batch_rows = 4096},
        [&](std::size_t i, std::string_view text) {
          return items[i].matcher->judge(text) != Verdict::dead;
        },
        kNoTokens);
    double chi_square = 0;
    int used = 0;
    for (std::size_t i = 0; i < items.size(); ++i) {
      const double expected = kSamples * results[i].p;
      if (expected < 10 || expected > kSamples - 10) continue;
      double right = 0;
      for (const Decoded& answer : answers[i])
        right += items[i].matcher->matches(answer.text) ? 1 : 0;
      chi_square += (right - expected) * (right - expected) / (expected * (1 - results[i].p));
      ++used;
    }
    INFO(rule << ": chi-square " << chi_square << " of " << used << " items");
    REQUIRE(used >= 5);
    // Wilson and Hilferty: the cube root of chi-square / n is normal; 3.72 is a p-value of 1e-4
    const double spread = 2.0 / (9.0 * used);
    CHECK((std::cbrt(chi_square / used) - (1 - spread)) / std::sqrt(spread) < 3.72);
  }
}
