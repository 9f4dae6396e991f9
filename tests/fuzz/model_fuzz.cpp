// Damaged checkpoints: seeded mutations of safetensors files, index and config.json. Each must
// load, or be refused with an InputError; anything else is a defect. Prints one line; exit code 1
// when a defect was found, with the seed that repeats it.
//
//     model_fuzz [FIRST_SEED [SEEDS]]
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <filesystem>
#include <string>
#include <vector>

#include "factsweep/core/error.hpp"
#include "factsweep/core/file.hpp"
#include "factsweep/core/random.hpp"
#include "tiny_model.hpp"

using namespace factsweep;
using namespace factsweep::test;
namespace fs = std::filesystem;

namespace {

class Mutator {
 public:
  explicit Mutator(std::uint64_t seed) : random_(hash_words({seed})) {}

  std::size_t below(std::size_t count) {
    return std::min(count - 1,
                    static_cast<std::size_t>(random_.uniform() * static_cast<double>(count)));
  }

  /// A few bytes changed, cut out, repeated, or replaced by a word that parsers stumble over.
  void text(std::string& text) {
    static const std::vector<std::string> kWords = {"-1",
                                                    "0",
                                                    "1e999",
                                                    "18446744073709551615",
                                                    "9223372036854775807",
                                                    "null",
                                                    "true",
                                                    "\"\"",
                                                    "[]",
                                                    "{}",
                                                    "[[[[[[[[",
                                                    "\xff\xfe",
                                                    "..",
                                                    "/etc/passwd",
                                                    "1.5",
                                                    ",",
                                                    "\"F64\"",
                                                    "NaN"};
    for (std::size_t i = below(4) + 1; i > 0 && !text.empty(); --i) {
      const std::size_t at = below(text.size());
      switch (below(5)) {
        case 0:
          text[at] = static_cast<char>(below(256));
          break;
        case 1:
          text.erase(at, below(40));
          break;
        case 2:
          text.insert(at, text.substr(below(text.size()), below(60)));
          break;
        case 3:
          text.insert(at, kWords[below(kWords.size())]);
          break;
        default:
          replace_value(text, at, kWords[below(kWords.size())]);
      }
    }
  }

  /// Replaces one value of a valid document, so that the mutation gets past the parser.
  void json(nlohmann::json& node) {
    static const std::vector<nlohmann::json> kValues = {nullptr,
                                                        -1,
                                                        0,
                                                        1,
                                                        7,
                                                        1.5,
                                                        1e300,
                                                        true,
                                                        false,
                                                        "",
                                                        "x",
                                                        nlohmann::json::array(),
                                                        nlohmann::json::object(),
                                                        9223372036854775807LL,
                                                        18446744073709551615ULL,
                                                        16777216};
    nlohmann::json* place = &node;
    while (place->is_structured() && !place->empty() && below(8) != 0) {
      auto next = place->begin();
      std::advance(next, static_cast<std::ptrdiff_t>(below(place->size())));
      place = &*next;
    }
    *place = kValues[below(kValues.size())];
  }

 private:
  static void replace_value(std::string& text, std::size_t from, const std::string& word) {
    const std::size_t colon = text.find(':', from);
    if (colon == std::string::npos) return;
    const std::size_t end = text.find_first_of(",}", colon);
    text.replace(colon + 1, (end == std::string::npos ? text.size() : end) - colon - 1, word);
  }
  CounterRandom random_;
};

/// A family as a folder with two shards, in memory.
struct Sample {
  std::string config, index, first, second;

  explicit Sample(const fs::path& family) {
    config = read_file(family / "config.json");
    const SafetensorsReader reader(family / "model.safetensors");
    NamedTensors one, two;
    nlohmann::json map;
    for (const std::string& name : reader.names()) {
      NamedTensors& part = one.size() > two.size() ? two : one;
      part.emplace_back(name, reader.view(name));
      map[name] = &part == &one ? "a.safetensors" : "b.safetensors";
    }
    const TemporaryFolder folder;
    write_safetensors(folder / "a", one, {});
    write_safetensors(folder / "b", two, {});
    first = read_file(folder / "a");
    second = read_file(folder / "b");
    index = nlohmann::json{{"weight_map", map}}.dump();
  }
};

/// Changes the header and keeps its length field right, or the whole file as it comes.
void damage_shard(Mutator& mutator, std::string& shard) {
  std::uint64_t size = 0;
  std::memcpy(&size, shard.data(), sizeof size);
  std::string header = shard.substr(sizeof size, size);
  const std::string data = shard.substr(sizeof size + size);
  switch (mutator.below(4)) {
    case 0:
      shard.resize(mutator.below(shard.size()));
      return;
    case 1:
      shard[mutator.below(16)] = static_cast<char>(mutator.below(256));
      return;
    case 2:
      mutator.text(header);
      break;
    default: {
      nlohmann::json document = nlohmann::json::parse(header);
      mutator.json(document);
      header = document.dump();
    }
  }
  size = header.size();
  shard.assign(reinterpret_cast<const char*>(&size), sizeof size);
  shard += header + data;
}

void damage_json(Mutator& mutator, std::string& text) {
  if (mutator.below(2) == 0) {
    mutator.text(text);
    return;
  }
  nlohmann::json document = nlohmann::json::parse(text);
  mutator.json(document);
  text = document.dump();
}

void write_plain(const fs::path& file, const std::string& content) {
  std::FILE* stream = std::fopen(file.c_str(), "wb");
  require(stream != nullptr, "the scratch folder cannot be written");
  std::fwrite(content.data(), 1, content.size(), stream);
  std::fclose(stream);
}

/// What loading the damaged folder does.
enum class Outcome { loaded, refused, defect };

Outcome attempt(const Sample& original, const fs::path& folder, std::uint64_t seed) {
  Sample damaged = original;
  Mutator mutator(seed);
  switch (mutator.below(3)) {
    case 0:
      damage_shard(mutator, mutator.below(2) == 0 ? damaged.first : damaged.second);
      break;
    case 1:
      damage_json(mutator, damaged.index);
      break;
    default:
      damage_json(mutator, damaged.config);
  }
  write_plain(folder / "config.json", damaged.config);
  write_plain(folder / "model.safetensors.index.json", damaged.index);
  write_plain(folder / "a.safetensors", damaged.first);
  write_plain(folder / "b.safetensors", damaged.second);
  try {
    const Weights weights = Weights::load(folder, torch::kFloat32, torch::kCPU);
    next_logits(weights, {{3, 4, 5}});  // what loads must also run
    return Outcome::loaded;
  } catch (const InputError&) {
    return Outcome::refused;
  } catch (const std::exception& error) {
    std::printf("seed %llu: %.400s\n", static_cast<unsigned long long>(seed), error.what());
    return Outcome::defect;
  }
}

}  // namespace

int main(int count, char** words) {
  const std::uint64_t first = count > 1 ? std::strtoull(words[1], nullptr, 10) : 1;
  const std::uint64_t seeds = count > 2 ? std::strtoull(words[2], nullptr, 10) : 12000;
  std::vector<fs::path> families;
  for (const auto& entry : fs::directory_iterator(model_data("families")))
    families.push_back(entry.path());
  std::sort(families.begin(), families.end());
  const std::vector<Sample> samples(families.begin(), families.end());
  const TemporaryFolder folder;
  std::size_t outcomes[3] = {};
  for (std::uint64_t seed = first; seed < first + seeds; ++seed) {
    const Outcome outcome = attempt(samples[seed % samples.size()], folder.path(), seed);
    ++outcomes[static_cast<std::size_t>(outcome)];
  }
  std::printf("model_fuzz: %llu seeds from %llu on: %zu loaded, %zu refused, %zu defects\n",
              static_cast<unsigned long long>(seeds), static_cast<unsigned long long>(first),
              outcomes[0], outcomes[1], outcomes[2]);
  // mutations that nothing refuses would mean that nothing is mutated
  return outcomes[2] == 0 && (outcomes[1] > 0 || seeds < 100) ? 0 : 1;
}
