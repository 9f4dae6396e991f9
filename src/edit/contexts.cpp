#include "factsweep/edit/contexts.hpp"

#include <algorithm>
#include <array>

#include "factsweep/core/random.hpp"
#include "factsweep/model/decoding.hpp"

namespace factsweep {
namespace {

constexpr std::array kFirstWords = {"The", "Therefore", "Because", "I", "You"};

/// Braces would be taken for the prompt's place, line ends for the end of what is said.
std::string cleaned(std::string text) {
  std::replace_if(
      text.begin(), text.end(), [](char c) { return c == '{' || c == '}' || c == '\n'; }, ' ');
  return text;
}

}  // namespace

std::vector<std::string> sample_contexts(const Model& model,
                                         const std::vector<ContextLength>& lengths,
                                         std::uint64_t seed,
                                         const std::function<void(double, std::int64_t)>& step) {
  std::vector<std::string> contexts = {"{}"};
  double done = 0;
  for (const ContextLength& length : lengths) {
    for (std::size_t word = 0; word < kFirstWords.size(); ++word) {
      DecodeRequest request{model.tokenizer->encode(kFirstWords[word], true)};
      request.samples = (length.count + static_cast<std::int64_t>(kFirstWords.size() - 1 - word)) /
                        static_cast<std::int64_t>(kFirstWords.size());
      request.key = hash_words(
          {hash_text("edit contexts"), seed, static_cast<std::uint64_t>(length.tokens), word});
      const std::int64_t fresh = length.tokens - static_cast<std::int64_t>(request.prompt.size());
      const DecodeSettings settings{.max_new_tokens = std::max<std::int64_t>(fresh, 1),
                                    .temperature = 1,
                                    .top_k = 5,
                                    .stop_at_newline = false};
      if (request.samples == 0) continue;
      const auto answers = decode(model, {request}, settings, nullptr,
                                  [&](std::int64_t tokens) { step(done, tokens); });
      for (const Decoded& answer : answers.front())
        contexts.push_back(cleaned(kFirstWords[word] + answer.text) + ". {}");
      done += 1 / static_cast<double>(lengths.size() * kFirstWords.size());
    }
  }
  return contexts;
}

}  // namespace factsweep
