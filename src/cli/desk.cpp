// `tokenize`, `generate`, `score`: one model at a desk. JSON lines in, one JSON line out for each,
// in order.
#include <fmt/format.h>

#include <cmath>
#include <fstream>
#include <iostream>
#include <iterator>

#include "device_report.hpp"
#include "factsweep/cli/commands.hpp"
#include "factsweep/core/file.hpp"
#include "factsweep/desk/language_model.hpp"
#include "factsweep/desk/written_weights.hpp"
#include "factsweep/model/device.hpp"
#include "factsweep/text/tokenizer.hpp"
#include "flags.hpp"

namespace factsweep::cli {
namespace po = boost::program_options;
namespace {

constexpr std::size_t kBatch = 32;  // lines read ahead and worked on together

po::options_description io_options() {
  po::options_description options;
  options.add_options()("model", po::value<std::string>()->required(),
                        "Hugging Face model directory")("input", po::value<std::string>(),
                                                        "JSON lines; standard input when absent")(
      "output", po::value<std::string>(), "JSON lines; standard output when absent");
  return options;
}

po::options_description model_options() {
  po::options_description options = io_options();
  options.add_options()("device", po::value<std::string>()->default_value("auto"),
                        "cpu | cuda | auto")(
      "dtype", po::value<std::string>()->default_value("auto"),
      "float32 | bfloat16 | auto: of an exported model what its config.json says, that of its run; "
      "else float32")(
      "threads", po::value<int>()->default_value(0), "CPU threads; 0: all cores")(
      "adapter", po::value<std::vector<std::string>>(),
      "PEFT LoRA directory, or an exported mixture of experts; several of the former add up "
      "(--adapter A --adapter B)");
  return options;
}

/// A batch of input lines, and where they were.
using Visit = std::function<std::vector<nlohmann::json>(const std::vector<nlohmann::json>&)>;

void for_each_batch(const po::variables_map& flags, const Visit& visit) {
  const bool from_file = flags.count("input") != 0;
  const std::string name = from_file ? flags["input"].as<std::string>() : "standard input";
  const std::string text =
      from_file ? read_file(name) : std::string(std::istreambuf_iterator<char>(std::cin), {});
  std::ofstream file;
  if (flags.count("output") != 0) {
    file.open(flags["output"].as<std::string>());
    if (!file)
      throw EnvironmentError(
          fmt::format("{}: cannot be written.", flags["output"].as<std::string>()));
  }
  std::ostream& out = flags.count("output") != 0 ? file : std::cout;
  std::vector<nlohmann::json> batch;
  const auto flush = [&] {
    for (const nlohmann::json& line : visit(batch))
      out << line.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) << "\n";
    out.flush();
    if (!out)
      throw EnvironmentError("the output cannot be written (disk full, or the reader has gone).");
    batch.clear();
  };
  for_each_json_line(text, name, [&](const nlohmann::json& record, std::int64_t line) {
    if (!record.is_object())
      throw InputError(fmt::format("{}:{}: the line is no JSON object.", name, line));
    batch.push_back(record);
    batch.back()["\nwhere"] =
        fmt::format("{}:{}", name, line);  // no JSON key of a user has a newline
    if (batch.size() == kBatch) flush();
  });
  if (!batch.empty()) flush();
}

std::string text_field(const nlohmann::json& record, const char* field) {
  if (!record.is_object() || !record.contains(field) || !record[field].is_string()) {
    throw InputError(fmt::format("{}: the record needs a string \"{}\".",
                                 record.at("\nwhere").get<std::string>(), field));
  }
  return record[field].get<std::string>();
}

LanguageModel load_model(const po::variables_map& flags) {
  const std::string directory = flags["model"].as<std::string>();
  std::string dtype = flags["dtype"].as<std::string>();
  if (dtype != "float32" && dtype != "bfloat16" && dtype != "auto")
    throw InputError(
        fmt::format("command line: --dtype = '{}' is not float32, bfloat16 or auto.", dtype));
  if (dtype == "auto") {
    const std::string exported = exported_dtype(directory);
    dtype = exported.empty() ? "float32" : exported;
  }
  const std::string device_name = flags["device"].as<std::string>();
  if (device_name != "auto" && device_name != "cpu" && device_name != "cuda")
    throw InputError(
        fmt::format("command line: --device = '{}' is not cpu, cuda or auto.", device_name));
  const std::string device = choose_device(device_name, 0);
  if (dtype == "bfloat16" && device == "cpu") warn_of_slow_bfloat16();
  if (flags["threads"].as<int>() > 0) use_threads(flags["threads"].as<int>());
  std::vector<std::string> adapters;
  if (flags.count("adapter") != 0) adapters = flags["adapter"].as<std::vector<std::string>>();
  return {directory, dtype, device, adapters};
}

Prompt prompt_of(const nlohmann::json& record) {
  return {record.at("\nwhere").get<std::string>(), text_field(record, "prompt")};
}

}  // namespace

ExitCode tokenize(const Words& words) {
  po::options_description options = io_options();
  options.add_options()("special-tokens", po::bool_switch(),
                        "add BOS/EOS as the tokenizer does by default");
  po::variables_map flags;
  if (!parse_flags("factsweep tokenize --model DIR: {\"text\"} -> {\"ids\"}", options, words,
                   flags))
    return ExitCode::done;
  const auto tokenizer = Tokenizer::load(flags["model"].as<std::string>());
  const bool special = flags["special-tokens"].as<bool>();
  for_each_batch(flags, [&](const std::vector<nlohmann::json>& batch) {
    std::vector<nlohmann::json> answers;
    for (const nlohmann::json& record : batch)
      answers.push_back({{"ids", tokenizer->encode(text_field(record, "text"), special)}});
    return answers;
  });
  return ExitCode::done;
}

namespace {

GenerationSettings read_generation_settings(const po::variables_map& flags) {
  const GenerationSettings settings{.max_new_tokens = flags["max-new-tokens"].as<std::int64_t>(),
                                    .temperature = flags["temperature"].as<double>(),
                                    .top_k = flags["top-k"].as<std::int64_t>(),
                                    .top_p = flags["top-p"].as<double>(),
                                    .samples = flags["samples"].as<std::int64_t>(),
                                    .seed = flags["seed"].as<std::uint64_t>(),
                                    .stops = flags["stop"].as<std::vector<std::string>>()};
  if (!(settings.temperature >= 0 && std::isfinite(settings.temperature)) || settings.samples < 1 ||
      settings.max_new_tokens < 1 || settings.top_k < 0)
    throw InputError(
        "command line: --temperature and --top-k must be >= 0, --samples and --max-new-tokens >= "
        "1.");
  if (!(settings.top_p > 0 && settings.top_p <= 1))
    throw InputError(fmt::format("command line: --top-p = {} is not in (0, 1].", settings.top_p));
  if (settings.temperature == 0 &&
      (settings.top_k > 0 || settings.top_p < 1 || settings.samples > 1))
    throw InputError(
        "command line: without --temperature the answer is the greedy one, and --top-k, --top-p "
        "and --samples have nothing to choose from. --temperature 1 draws from the model's own "
        "probabilities.");
  for (const std::string& stop : settings.stops)
    if (stop.empty()) throw InputError("command line: --stop needs a text that is not empty.");
  return settings;
}

/// Of one answer its text and tokens, of several lists of them.
nlohmann::json line_of(std::vector<GeneratedText> answers) {
  if (answers.size() == 1) return {{"text", answers[0].text}, {"ids", answers[0].ids}};
  nlohmann::json texts = nlohmann::json::array(), ids = nlohmann::json::array();
  for (GeneratedText& answer : answers) {
    texts.push_back(std::move(answer.text));
    ids.push_back(std::move(answer.ids));
  }
  return {{"text", texts}, {"ids", ids}};
}

}  // namespace

ExitCode generate(const Words& words) {
  po::options_description options = model_options();
  options.add_options()("max-new-tokens", po::value<std::int64_t>()->default_value(32),
                        "longest answer")("temperature", po::value<double>()->default_value(0),
                                          "0: greedy")(
      "top-k", po::value<std::int64_t>()->default_value(0), "of the k likeliest tokens; 0: of all")(
      "top-p", po::value<double>()->default_value(1),
      "of the likeliest tokens whose probabilities, after temperature and top-k, reach p")(
      "samples", po::value<std::int64_t>()->default_value(1), "answers a prompt")(
      "seed", po::value<std::uint64_t>()->default_value(0), "of the draws")(
      "stop", po::value<std::vector<std::string>>()->default_value({}, ""),
      "end an answer at this text, which is left out; several: --stop A --stop B");
  po::variables_map flags;
  if (!parse_flags("factsweep generate --model DIR: {\"prompt\"} -> {\"text\",\"ids\"} (lists of "
                   "both with --samples > 1)",
                   options, words, flags))
    return ExitCode::done;
  const GenerationSettings settings = read_generation_settings(flags);
  const LanguageModel model = load_model(flags);
  std::uint64_t done = 0;
  for_each_batch(flags, [&](const std::vector<nlohmann::json>& batch) {
    std::vector<Prompt> prompts;
    for (const nlohmann::json& record : batch) prompts.push_back(prompt_of(record));
    std::vector<nlohmann::json> answers;
    for (std::vector<GeneratedText>& list : model.generate(prompts, settings, done))
      answers.push_back(line_of(std::move(list)));
    done += prompts.size();
    return answers;
  });
  return ExitCode::done;
}

ExitCode score(const Words& words) {
  po::variables_map flags;
  if (!parse_flags(
          "factsweep score --model DIR: {\"prompt\",\"completion\"} -> "
          "{\"logprobs\",\"sum\",\"perplexity\",\"greedy\",\"predicted\"}: the most likely "
          "token in place of each of the completion's",
          model_options(), words, flags))
    return ExitCode::done;
  const LanguageModel model = load_model(flags);
  for_each_batch(flags, [&](const std::vector<nlohmann::json>& batch) {
    std::vector<nlohmann::json> answers;
    for (const nlohmann::json& record : batch) {
      const CompletionScore found =
          model.score(prompt_of(record), text_field(record, "completion"));
      answers.push_back({{"logprobs", found.log_probabilities},
                         {"sum", found.sum},
                         {"perplexity", found.perplexity},
                         {"greedy", found.greedy},
                         {"predicted", found.predicted}});
    }
    return answers;
  });
  return ExitCode::done;
}

}  // namespace factsweep::cli
