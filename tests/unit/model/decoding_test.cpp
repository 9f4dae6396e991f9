// find_candidates() against a full sort; decode() against the reference and against a plain loop
// that runs the whole text again for every token.
#include "factsweep/model/decoding.hpp"

#include <limits>

#include "catch.hpp"
#include "factsweep/core/random.hpp"
#include "factsweep/model/candidates.hpp"
#include "tiny_model.hpp"

using namespace factsweep;
using namespace factsweep::test;

namespace {

const std::function<void(std::int64_t)> kNoStep = [](std::int64_t) {};
const std::function<bool(std::size_t, std::string_view)> kAlways;

/// Drops the least likely choices as transformers words it: as long as all dropped ones together do
/// not exceed 1 - top_p. Returns the probability of those that stay.
double naive_top_p(std::vector<std::pair<TokenId, double>>& choices, double top_p) {
  double dropped = 0;
  while (choices.size() > 1 && dropped + choices.back().second <= 1 - top_p) {
    dropped += choices.back().second;
    choices.pop_back();
  }
  return 1 - dropped;
}

/// One sample as decode() promises it, without caches, batches or sharing.
Decoded plain_answer(const Model& model, const DecodeRequest& request, std::int64_t sample,
                     const DecodeSettings& settings) {
  CounterRandom random(hash_words({request.key, static_cast<std::uint64_t>(sample)}));
  Decoded answer;
  std::vector<TokenId> text = request.prompt;
  while (static_cast<std::int64_t>(answer.ids.size()) < settings.max_new_tokens) {
    auto choices = naive_top_k(next_logits(model.weights, {text}).front(), settings.top_k,
                               settings.temperature);
    const double kept = naive_top_p(choices, settings.top_p);
    double rest = sample < 0 ? -1 : random.uniform() * kept;
    TokenId token = sample < 0 ? choices.front().first : choices.back().first;
    for (std::size_t j = 0; rest >= 0 && j < choices.size(); ++j) {
      rest -= choices[j].second;
      if (rest < 0) token = choices[j].first;
    }
    if (model.is_eos(token)) break;
    text.push_back(token);
    answer.ids.push_back(token);
    answer.text += model.tokenizer->piece(token);
    if (settings.stop_at_newline && answer.text.find('\n') != std::string::npos) break;
  }
  return answer;
}

/// Prompts of many lengths, some with a common beginning, one twice.
std::vector<DecodeRequest> requests(std::int64_t samples) {
  const Reference reference("llama-tied");
  std::vector<DecodeRequest> list;
  for (const std::size_t length : {3, 8, 9, 20}) {
    const auto& first = reference.sequences[0];
    list.push_back({{first.begin(), first.begin() + static_cast<std::ptrdiff_t>(length)},
                    true,
                    samples,
                    100 + length});
  }
  list.push_back({reference.sequences[1], false, samples, 5});
  list.push_back({reference.sequences[1], true, samples, 6});
  list.push_back({{7}, true, samples, 7});
  return list;
}

void check_row(const Candidates& found, std::int64_t row, const std::vector<float>& scores,
               double temperature, double tolerance) {
  const auto expected = naive_top_k(scores, found.width, temperature);
  REQUIRE(expected.size() == static_cast<std::size_t>(found.width));
  for (std::size_t j = 0; j < expected.size(); ++j) {
    const auto at = static_cast<std::size_t>(row * found.width) + j;
    // an id may be in another place only where its score is the same within the tolerance
    if (found.ids[at] != expected[j].first || tolerance == 0) {
      CHECK(scores[found.ids[at]] == Approx(scores[expected[j].first]).margin(tolerance));
    }
    if (tolerance == 0) CHECK(found.ids[at] == expected[j].first);
    CHECK(found.scores[at] == Approx(scores[found.ids[at]]).margin(tolerance));
    CHECK(found.probabilities[at] == Approx(expected[j].second).epsilon(1e-4));
  }
}

}  // namespace

TEST_CASE("find_candidates is a full sort, in float32 and rescored from bfloat16") {
  torch::NoGradGuard no_grad;
  torch::manual_seed(3);
  for (const std::int64_t vocabulary : {70, 4001}) {
    const ModelConfig config = ModelConfig::llama(vocabulary, 48, 1, 4, 2, 24, 64);
    const Weights narrow = Weights::random(config, 1);
    narrow.embedding[33].copy_(narrow.embedding[12]);  // equal scores: the lower id first
    const torch::Tensor hidden = 20 * torch::randn({40, 48});
    for (const torch::Dtype dtype : {torch::kFloat32, torch::kBFloat16}) {
      const Weights weights = placed(narrow).clone(dtype);
      const torch::Tensor rounded = placed(hidden).to(dtype);
      const torch::Tensor exact =
          torch::matmul(rounded.to(torch::kFloat32), weights.head.to(torch::kFloat32).t());
      const torch::Tensor own = (dtype == torch::kFloat32 ? logits(weights, rounded) : exact).cpu();
      for (const auto& [k, most_bytes] : {std::pair<std::int64_t, std::int64_t>{2, kCandidateBytes},
                                          {40, kCandidateBytes},
                                          {40, 13 * vocabulary * rounded.element_size()},
                                          {40, 1}}) {  // 40 rows at once, 13, and one by one
        const Candidates found = find_candidates(weights, rounded, k, 0.5, most_bytes);
        CHECK(found.width == k);
        const bool is_exact = dtype == torch::kFloat32 && most_bytes == kCandidateBytes;
        for (std::int64_t row = 0; row < rounded.size(0); ++row) {
          const float* begin = own.data_ptr<float>() + row * vocabulary;
          // a device computes the candidates' scores again, with another order of sums
          check_row(found, row, {begin, begin + vocabulary}, 0.5,
                    is_exact && test_device().is_cpu() ? 0 : 1e-5);
        }
      }
      CHECK(find_candidates(weights, rounded, 100000, 1).width == vocabulary);
    }
  }
}

TEST_CASE("logits that are not finite are an InputError, whatever the vocabulary's size") {
  torch::NoGradGuard no_grad;
  for (const std::int64_t vocabulary : {70, 4001}) {
    const Weights weights =
        placed(Weights::random(ModelConfig::llama(vocabulary, 32, 1, 4, 2, 24, 64), 1));
    for (const float bad :
         {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
      for (const torch::Dtype dtype : {torch::kFloat32, torch::kBFloat16}) {
        const torch::Tensor hidden = placed(torch::full({3, 32}, bad)).to(dtype);
        CHECK_THAT(input_error([&] { find_candidates(weights.clone(dtype), hidden, 40, 1); }),
                   Catch::Matchers::ContainsSubstring("not finite"));
      }
    }
  }
}

TEST_CASE("greedy decoding continues as transformers does") {
  for (const char* name : {"llama-tied", "llama3-untied"}) {
    Model model = tiny_model(name);
    model.eos.clear();
    const Reference reference(name);
    const torch::Tensor expected = reference.reader.view("greedy");
    const auto& first = reference.sequences[0];
    const std::vector<DecodeRequest> request = {{{first.begin(), first.begin() + 8}, true, 0, 0}};
    const auto answers =
        decode(model, request, {.max_new_tokens = 16, .stop_at_newline = false}, kAlways, kNoStep);
    const auto& ids = answers.at(0).at(0).ids;
    REQUIRE(ids.size() == 16);
    for (std::int64_t i = 0; i < 16; ++i) {
      CHECK(ids[static_cast<std::size_t>(i)] == expected[i].item<std::int64_t>());
    }
    CHECK(answers[0][0].text == model.tokenizer->decode(ids));
  }
}

TEST_CASE("samples are those of a plain loop, whatever is decoded beside them") {
  const Model model = tiny_model();
  const auto list = requests(12);
  const double top_p = GENERATE(1.0, 0.6, 0.1);
  DecodeSettings settings{.max_new_tokens = 8, .temperature = 0.7, .top_k = 20, .top_p = top_p};
  std::int64_t tokens = 0;
  const auto answers =
      decode(model, list, settings, kAlways, [&](std::int64_t count) { tokens += count; });
  CHECK(tokens > 0);
  REQUIRE(answers.size() == list.size());
  for (std::size_t i = 0; i < list.size(); ++i) {
    const std::int64_t first = list[i].greedy ? 1 : 0;
    REQUIRE(answers[i].size() == static_cast<std::size_t>(12 + first));
    for (std::int64_t s = -first; s < 12; ++s) {
      INFO("request " << i << ", sample " << s);
      const Decoded plain = plain_answer(model, list[i], s, settings);
      const Decoded& batched = answers[i][static_cast<std::size_t>(s + first)];
      CHECK(batched.ids == plain.ids);
      CHECK(batched.text == plain.text);
    }
  }
  settings.batch_rows = 1;
  const auto alone = decode(model, list, settings, kAlways, kNoStep);
  const std::vector<DecodeRequest> reversed(list.rbegin(), list.rend());
  settings.batch_rows = 30;
  const auto backwards = decode(model, reversed, settings, kAlways, kNoStep);
  for (std::size_t i = 0; i < list.size(); ++i) {
    for (std::size_t s = 0; s < answers[i].size(); ++s) {
      CHECK(alone[i][s].ids == answers[i][s].ids);
      CHECK(backwards[list.size() - 1 - i][s].ids == answers[i][s].ids);
    }
  }
}

TEST_CASE("long answers are those of a plain loop, also where samples part late") {
  Model model = tiny_model();
  model.eos.clear();
  const auto list = requests(2);
  const DecodeSettings settings{
      .max_new_tokens = 90, .temperature = 0.4, .top_k = 20, .stop_at_newline = false};
  const auto answers = decode(model, list, settings, kAlways, kNoStep);
  for (const std::size_t i : {1U, 4U}) {
    const std::int64_t first = list[i].greedy ? 1 : 0;
    for (std::int64_t s = -first; s < 2; ++s) {
      INFO("request " << i << ", sample " << s);
      CHECK(answers[i][static_cast<std::size_t>(s + first)].ids ==
            plain_answer(model, list[i], s, settings).ids);
    }
  }
}

TEST_CASE("the nucleus is the fewest likeliest candidates that reach top_p, and never empty") {
  const std::vector<float> shares = {0.5F, 0.25F, 0.125F, 0.125F};
  CHECK(nucleus(shares, 1e-9) == 1);
  CHECK(nucleus(shares, 0.5) == 1);
  CHECK(nucleus(shares, 0.51) == 2);
  CHECK(nucleus(shares, 0.75) == 2);
  CHECK(nucleus(shares, 0.76) == 3);
  CHECK(nucleus(shares, 1) == 4);
}

TEST_CASE("with top_k = 1 every sample is the greedy answer") {
  const Model model = tiny_model();
  auto list = requests(4);
  for (DecodeRequest& request : list) request.greedy = true;
  const auto answers =
      decode(model, list, {.max_new_tokens = 6, .temperature = 1, .top_k = 1}, kAlways, kNoStep);
  for (const auto& of_request : answers) {
    for (const Decoded& sample : of_request) CHECK(sample.ids == of_request.front().ids);
  }
}

TEST_CASE("answers end at EOS, at a newline, at the limit, and when they are no longer alive") {
  const Model model = tiny_model();
  const auto list = requests(40);
  const auto answers =
      decode(model, list, {.max_new_tokens = 12, .temperature = 2, .top_k = 64}, kAlways, kNoStep);
  std::size_t by_newline = 0, by_limit = 0, by_eos = 0;
  for (const auto& of_request : answers) {
    for (const Decoded& answer : of_request) {
      const std::size_t newline = answer.text.find('\n');
      if (newline != std::string::npos) CHECK(newline + 1 == answer.text.size());
      for (const TokenId id : answer.ids) CHECK_FALSE(model.is_eos(id));
      if (newline != std::string::npos)
        ++by_newline;
      else if (answer.ids.size() == 12)
        ++by_limit;
      else
        ++by_eos;
    }
  }
  CHECK(by_newline > 0);
  CHECK(by_limit > 0);
  CHECK(by_eos > 0);
  const auto short_ones = decode(
      model, list, {.max_new_tokens = 12, .temperature = 2, .top_k = 64},
      [](std::size_t request, std::string_view) { return request != 2; }, kNoStep);
  for (std::size_t i = 0; i < list.size(); ++i) {
    for (std::size_t s = 0; s < answers[i].size(); ++s) {
      if (i == 2)
        CHECK(short_ones[i][s].ids.size() <= 1);
      else
        CHECK(short_ones[i][s].ids == answers[i][s].ids);
    }
  }
}
