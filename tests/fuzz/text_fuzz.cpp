// Damages the files of stored tokenizers, thousands of times, the same way each time: whatever
// comes out loads and works, or is refused by an InputError. Anything else, or a second of work on
// one file, is a failure, and the files are left for a look.
//
//   text_fuzz [ROUNDS] [SEED]
#include <chrono>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "factsweep/core/error.hpp"
#include "factsweep/core/file.hpp"
#include "factsweep/core/random.hpp"
#include "factsweep/text/tokenizer.hpp"

namespace factsweep {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr double kPatience = 1.0;  // seconds for one damaged tokenizer; sanitizers get ten times it

struct File {
  std::string name;
  std::string content;
};
using Files = std::vector<File>;

const std::vector<std::string> kTexts = {
    "",
    "The capital of Kenya  is\tNairobi.\n\nIt's 1840!",
    "caf\u00e9 e\u0301 \u4e1c\u4eac \U0001f469\u200d\U0001f4bb \u0e01\u0e33 <s><|end|>[MASK] ",
    "\xff\xfe cut \xe2\x82",
    std::string(2000, 'a') + std::string(500, ' '),
};

/// Every value of a document.
void collect(json& value, std::vector<json*>& all) {
  all.push_back(&value);
  if (!value.is_structured()) return;
  for (json& item : value) collect(item, all);
}

json deep(int depth) {
  json value = {{"type", "Sequence"}, {"normalizers", json::array()}};
  for (int i = 0; i < depth; ++i) {
    json outer = {{"type", "Sequence"}};
    for (const char* list : {"normalizers", "pretokenizers", "decoders", "processors"}) {
      outer[list] = json::array();
    }
    outer["normalizers"].push_back(std::move(value));
    value = std::move(outer);
  }
  return value;
}

json odd_value(CounterRandom& random) {
  static const std::vector<json> kValues = {nullptr,
                                            true,
                                            -1,
                                            0,
                                            1,
                                            7,
                                            1e300,
                                            -0.5,
                                            4294967295u,
                                            18446744073709551615u,
                                            "",
                                            "a",
                                            "\u2581",
                                            "<0xFF>",
                                            "\u00e9\u00e9",
                                            "(",
                                            "[a-",
                                            "(a+)+$",
                                            "\\",
                                            "a{99999}",
                                            "(?i)x|",
                                            "Removed",
                                            "first",
                                            json::array(),
                                            json::object(),
                                            json::array({"a", "b"}),
                                            json::array({json::array()}),
                                            deep(5),
                                            deep(300)};
  static const std::vector<std::string> kTypes = {"BPE",
                                                  "Unigram",
                                                  "WordPiece",
                                                  "WordLevel",
                                                  "NFC",
                                                  "NFKD",
                                                  "Lowercase",
                                                  "Strip",
                                                  "StripAccents",
                                                  "Nmt",
                                                  "Replace",
                                                  "Prepend",
                                                  "Precompiled",
                                                  "BertNormalizer",
                                                  "ByteLevel",
                                                  "Split",
                                                  "Metaspace",
                                                  "Whitespace",
                                                  "Punctuation",
                                                  "Digits",
                                                  "BertPreTokenizer",
                                                  "UnicodeScripts",
                                                  "CharDelimiterSplit",
                                                  "FixedLength",
                                                  "Sequence",
                                                  "TemplateProcessing",
                                                  "BertProcessing",
                                                  "RobertaProcessing",
                                                  "ByteFallback",
                                                  "Fuse",
                                                  "WordPiece",
                                                  "BPEDecoder",
                                                  "CTC"};
  if (random.below(2) == 0) {
    const std::string& type = kTypes[random.below(kTypes.size())];
    return random.below(2) == 0 ? json(type) : json{{"type", type}};
  }
  return kValues[random.below(kValues.size())];
}

std::string damage_bytes(std::string text, CounterRandom& random) {
  const std::uint64_t changes = 1 + random.below(4);
  for (std::uint64_t i = 0; i < changes && !text.empty(); ++i) {
    const std::size_t at = random.below(text.size());
    switch (random.below(5)) {
      case 0:
        text[at] = static_cast<char>(random.below(256));
        break;
      case 1:
        text[at] = static_cast<char>(text[at] ^ (1 << random.below(8)));
        break;
      case 2:
        text.erase(at, 1 + random.below(16));
        break;
      case 3:
        text.insert(at, text.substr(random.below(text.size()), 1 + random.below(16)));
        break;
      default:
        if (random.below(4) == 0) text.resize(at);
    }
  }
  return text;
}

/// Another value of the same type, so that more than the checks of types is reached.
bool alter(json& value, CounterRandom& random) {
  if (value.is_boolean()) {
    value = !value.get<bool>();
  } else if (value.is_number_integer()) {
    value = value.get<std::int64_t>() ^ (std::int64_t{1} << random.below(40));
  } else if (value.is_number_float()) {
    value = value.get<double>() * (random.uniform() - 0.5) * 1e3;
  } else if (value.is_string()) {
    value = damage_bytes(value.get<std::string>(), random);
  } else {
    return false;
  }
  return true;
}

/// Changes a few values of a document; half of the time close to its top, where the components are.
std::string damage_values(const std::string& text, CounterRandom& random) {
  json document = json::parse(text);
  const std::uint64_t changes = 1 + random.below(3);
  for (std::uint64_t i = 0; i < changes; ++i) {
    std::vector<json*> all;
    if (random.below(2) == 0 && document.contains("model")) {
      for (auto& [key, value] : document.items()) {
        if (key != "model") collect(value, all);
      }
      for (auto& [key, value] : document["model"].items()) all.push_back(&value);
    }
    if (all.empty()) collect(document, all);
    json& target = *all[random.below(all.size())];
    const std::uint64_t kind = random.below(6);
    if (kind == 0 && target.is_object() && !target.empty()) {
      auto item = target.begin();
      std::advance(item, static_cast<std::ptrdiff_t>(random.below(target.size())));
      target.erase(item);
    } else if (kind == 1 && target.is_array() && !target.empty()) {
      target.push_back(target[random.below(target.size())]);
    } else if (kind < 5 && alter(target, random)) {
      continue;
    } else {
      target = odd_value(random);
    }
  }
  return document.dump(-1, ' ', false, json::error_handler_t::replace);
}

std::vector<Files> stored_tokenizers() {
  const char* root = std::getenv("FACTSWEEP_SOURCE");
  const fs::path data = fs::path(root != nullptr ? root : ".") / "tests" / "unit" / "text" / "data";
  const std::string config = json{
      {"bos_token", "<s>"},
      {"eos_token", {{"content", "</s>"}, {"lstrip", true}}},
      {"add_bos_token", true},
      {"legacy", false},
      {"tokenizer_class", "GPT2Tokenizer"},
      {"added_tokens_decoder", {{"3", {{"content", "<x>"}, {"special", true}}}}},
      {"additional_special_tokens",
       {"<y>"}}}.dump();
  std::vector<Files> all;
  for (const char* name : {"bpe", "fallback", "edges", "wordpiece", "wordlevel", "unigram"}) {
    const fs::path file = data / (std::string("tiny_") + name) / "tokenizer.json";
    all.push_back({{"tokenizer.json", read_file(file)}, {"tokenizer_config.json", config}});
  }
  for (const char* name : {"tiny_spm", "tiny_spm_unigram"}) {
    const std::string model = read_file(data / name / "tokenizer.model");
    all.push_back({{"tokenizer.model", model}, {"tokenizer_config.json", config}});
  }
  all.push_back(
      {{"sentencepiece.bpe.model", read_file(data / "tiny_fairseq" / "sentencepiece.bpe.model")},
       {"tokenizer_config.json", json{{"add_prefix_space", true}}.dump()}});
  all.push_back({{"vocab.txt", read_file(data / "tiny_vocab_txt" / "vocab.txt")},
                 {"tokenizer_config.json", json{{"do_lower_case", true}}.dump()}});
  all.push_back({{"vocab.json", json{{"a", 0}, {"b", 1}, {"ab", 2}, {"<s>", 3}}.dump()},
                 {"merges.txt", "#version: 0.2\na b\n"},
                 {"tokenizer_config.json", config},
                 {"added_tokens.json", json{{"<z>", 4}}.dump()}});
  return all;
}

/// One of the files damaged; the first, which matters most, more often.
Files damage(Files files, CounterRandom& random) {
  File& file = files[random.below(2) == 0 ? 0 : random.below(files.size())];
  const bool is_json = file.name.ends_with(".json");
  file.content = is_json && random.below(3) > 0 ? damage_values(file.content, random)
                                                : damage_bytes(file.content, random);
  return files;
}

void use(const Tokenizer& tokenizer, CounterRandom& random) {
  for (const std::string& text : kTexts) {
    std::vector<TokenId> ids;
    try {
      ids = tokenizer.encode(text, random.below(2) == 0);
    } catch (const InputError&) {
      continue;  // a character without a token, a regex without an end
    }
    for (const TokenId id : ids) tokenizer.piece(id);
    ids.push_back(static_cast<TokenId>(random.below(1000)) - 100);
    tokenizer.decode(ids);
    tokenizer.is_special(ids.back());
  }
}

/// Empty when all is well.
std::string judge(const fs::path& folder, CounterRandom& random, std::size_t& loaded) {
  const auto start = std::chrono::steady_clock::now();
  try {
    const auto tokenizer = Tokenizer::load(folder);
    ++loaded;
    use(*tokenizer, random);
  } catch (const InputError& error) {
    if (std::string(error.what()).find(folder.string()) == std::string::npos) {
      return std::string("an error that names no file: ") + error.what();
    }
  } catch (const std::exception& error) {
    return std::string("not an InputError: ") + error.what();
  }
  const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - start;
#ifdef __SANITIZE_ADDRESS__
  const double patience = 10 * kPatience;
#else
  const double patience = kPatience;
#endif
  return taken.count() > patience ? "it took " + std::to_string(taken.count()) + " s" : "";
}

void write(const fs::path& folder, const Files& files) {
  for (const auto& entry : fs::directory_iterator(folder)) fs::remove(entry);
  for (const File& file : files) {
    std::ofstream(folder / file.name, std::ios::binary) << file.content;
  }
}

int run(std::uint64_t rounds, std::uint64_t seed) {
  std::string name = (fs::temp_directory_path() / "factsweep_fuzz_XXXXXX").string();
  if (::mkdtemp(name.data()) == nullptr) throw EnvironmentError("no temporary folder: " + name);
  const fs::path folder = name;
  const std::vector<Files> stored = stored_tokenizers();
  for (const Files& files : stored) {
    write(folder, files);
    Tokenizer::load(folder);  // whole, they all load
  }
  std::size_t loaded = 0;
  for (std::uint64_t round = 0; round < rounds; ++round) {
    CounterRandom random(hash_words({hash_text("text fuzz"), seed, round}));
    write(folder, damage(stored[round % stored.size()], random));
    const std::string fault = judge(folder, random, loaded);
    if (!fault.empty()) {
      std::cerr << "round " << round << " of seed " << seed << ": " << fault << "; files in "
                << folder.string() << "\n";
      return 1;
    }
  }
  fs::remove_all(folder);
  std::cout << rounds << " damaged tokenizers: " << loaded << " still load, the others are "
            << "refused\n";
  return loaded > 0 && loaded < rounds ? 0 : 1;
}

}  // namespace
}  // namespace factsweep

int main(int argc, char** argv) {
  try {
    return factsweep::run(argc > 1 ? std::stoull(argv[1]) : 3000,
                          argc > 2 ? std::stoull(argv[2]) : 1);
  } catch (const std::exception& error) {
    std::cerr << error.what() << "\n";
    return 2;
  }
}
