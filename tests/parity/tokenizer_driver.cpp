// What tokenizer_parity.py drives: JSON strings on standard input, one a line; for each a line
// [ids, ids with special tokens, decoded text]. With --speed the seconds of encoding all of them,
// the best of three rounds, and nothing else.
#include <algorithm>
#include <chrono>
#include <iostream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "factsweep/text/tokenizer.hpp"

namespace {

double seconds_of_a_round(const factsweep::Tokenizer& tokenizer,
                          const std::vector<std::string>& texts) {
  const auto start = std::chrono::steady_clock::now();
  std::size_t tokens = 0;
  for (const std::string& text : texts) tokens += tokenizer.encode(text).size();
  const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - start;
  return tokens == 0 ? 0 : taken.count();
}

int run(const std::string& directory, bool speed) {
  const auto tokenizer = factsweep::Tokenizer::load(directory);
  std::vector<std::string> texts;
  for (std::string line; std::getline(std::cin, line);) {
    texts.push_back(nlohmann::json::parse(line).get<std::string>());
  }
  if (speed) {
    double best = 1e9;
    for (int round = 0; round < 3; ++round) {
      best = std::min(best, seconds_of_a_round(*tokenizer, texts));
    }
    std::cout << best << "\n";
    return 0;
  }
  for (const std::string& text : texts) {
    const auto ids = tokenizer->encode(text);
    std::cout << nlohmann::json{ids, tokenizer->encode(text, true), tokenizer->decode(ids)} << "\n";
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    if (argc >= 2) return run(argv[1], argc > 2 && std::string(argv[2]) == "--speed");
    std::cerr << "usage: tokenizer_driver FOLDER [--speed] < texts.jsonl\n";
  } catch (const std::exception& error) {
    std::cerr << error.what() << "\n";
  }
  return 2;
}
