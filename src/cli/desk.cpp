// `tokenize`, `generate`, `score`: one model at a desk. JSON lines in, one JSON line out for each,
// in order.
#include <ATen/Parallel.h>
#include <fmt/format.h>

#include <cmath>
#include <fstream>
#include <iostream>
#include <iterator>

#include "device_report.hpp"
#include "factsweep/adapter/lora.hpp"
#include "factsweep/cli/commands.hpp"
#include "factsweep/core/file.hpp"
#include "factsweep/core/random.hpp"
#include "factsweep/model/decoding.hpp"
#include "factsweep/model/device.hpp"
#include "factsweep/model/torch.hpp"
#include "factsweep/moe/moe.hpp"
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
      "dtype", po::value<std::string>()->default_value("float32"), "float32 | bfloat16")(
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

Weights adapted(const Weights& base, const std::vector<std::string>& directories) {
  std::vector<LoraAdapter> adapters;
  for (const std::string& directory : directories) {
    if (is_mixture(directory)) {
      if (directories.size() > 1)
        throw InputError(fmt::format(
            "command line: --adapter {} is a mixture of experts, which works alone.", directory));
      return with_experts(base, MoeAdapter::load(directory, base));
    }
    adapters.push_back(LoraAdapter::load(directory, base));
  }
  return with_adapters(base, adapters);
}

Model load_model(const po::variables_map& flags) {
  const std::string dtype = flags["dtype"].as<std::string>();
  if (dtype != "float32" && dtype != "bfloat16")
    throw InputError(
        fmt::format("command line: --dtype = '{}' is not float32 or bfloat16.", dtype));
  const std::string device_name = flags["device"].as<std::string>();
  if (device_name != "auto" && device_name != "cpu" && device_name != "cuda")
    throw InputError(
        fmt::format("command line: --device = '{}' is not cpu, cuda or auto.", device_name));
  const torch::Device device(choose_device(device_name, 0));
  if (dtype == "bfloat16" && device.is_cpu()) warn_of_slow_bfloat16();
  if (flags["threads"].as<int>() > 0) at::set_num_threads(flags["threads"].as<int>());
  Model model = Model::load(flags["model"].as<std::string>(), parse_dtype(dtype), device);
  if (flags.count("adapter") != 0)
    model.weights = adapted(model.weights, flags["adapter"].as<std::vector<std::string>>());
  return model;
}

/// A model with learned positions has no place for longer texts.
void check_length(const Model& model, const nlohmann::json& record, std::size_t tokens) {
  const ModelConfig& config = model.weights.config;
  if (config.position != PositionKind::learned) return;
  if (static_cast<std::int64_t>(tokens) > config.positions)
    throw InputError(fmt::format(
        "{}: the text has {} tokens, more than the {} positions that the model has. Shorten it.",
        record.at("\nwhere").get<std::string>(), tokens, config.positions));
}

std::vector<TokenId> encode_prompt(const Model& model, const nlohmann::json& record) {
  std::vector<TokenId> ids = model.tokenizer->encode(text_field(record, "prompt"), true);
  if (ids.empty())
    throw InputError(
        fmt::format("{}: the prompt has no token.", record.at("\nwhere").get<std::string>()));
  return ids;
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

DecodeSettings read_decode_settings(const po::variables_map& flags) {
  const auto temperature = flags["temperature"].as<double>(), top_p = flags["top-p"].as<double>();
  const auto top_k = flags["top-k"].as<std::int64_t>(),
             longest = flags["max-new-tokens"].as<std::int64_t>();
  const auto samples = flags["samples"].as<std::int64_t>();
  if (!(temperature >= 0 && std::isfinite(temperature)) || samples < 1 || longest < 1 || top_k < 0)
    throw InputError(
        "command line: --temperature and --top-k must be >= 0, --samples and --max-new-tokens >= "
        "1.");
  if (!(top_p > 0 && top_p <= 1))
    throw InputError(fmt::format("command line: --top-p = {} is not in (0, 1].", top_p));
  if (temperature == 0 && (top_k > 0 || top_p < 1 || samples > 1))
    throw InputError(
        "command line: without --temperature the answer is the greedy one, and --top-k, --top-p "
        "and --samples have nothing to choose from. --temperature 1 draws from the model's own "
        "probabilities.");
  for (const std::string& stop : flags["stop"].as<std::vector<std::string>>())
    if (stop.empty()) throw InputError("command line: --stop needs a text that is not empty.");
  if (temperature == 0) return {.max_new_tokens = longest, .top_k = 2, .stop_at_newline = false};
  return {.max_new_tokens = longest,
          .temperature = temperature,
          .top_k = top_k,
          .top_p = top_p,
          .stop_at_newline = false};
}

/// Where the first of `stops` begins in `text`; npos: nowhere.
std::size_t first_stop(std::string_view text, const std::vector<std::string>& stops) {
  std::size_t first = std::string_view::npos;
  for (const std::string& stop : stops) first = std::min(first, text.find(stop));
  return first;
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
  const DecodeSettings settings = read_decode_settings(flags);
  const bool greedy = flags["temperature"].as<double>() == 0;
  const auto samples = flags["samples"].as<std::int64_t>();
  const auto stops = flags["stop"].as<std::vector<std::string>>();
  const Model model = load_model(flags);
  std::uint64_t line = 0;
  for_each_batch(flags, [&](const std::vector<nlohmann::json>& batch) {
    std::vector<DecodeRequest> requests;
    for (const nlohmann::json& record : batch) {
      std::vector<TokenId> prompt = encode_prompt(model, record);
      check_length(model, record, prompt.size());
      requests.push_back({std::move(prompt), greedy, greedy ? 0 : samples,
                          hash_words({flags["seed"].as<std::uint64_t>(), line++})});
    }
    const auto go_on = [&](std::size_t, std::string_view text) {
      return first_stop(text, stops) == std::string_view::npos;
    };
    std::vector<nlohmann::json> answers;
    for (std::vector<Decoded>& list :
         decode(model, requests, settings, go_on, [](std::int64_t) {})) {
      nlohmann::json texts = nlohmann::json::array(), ids = nlohmann::json::array();
      for (Decoded& answer : list) {
        std::string text = model.tokenizer->decode(answer.ids);
        std::size_t end = first_stop(text, stops);
        // decoding drops a first space that the stop text may begin with
        if (end == std::string::npos && !go_on(0, answer.text)) end = 0;
        texts.push_back(text.substr(0, end));
        ids.push_back(std::move(answer.ids));
      }
      answers.push_back(list.size() == 1 ? nlohmann::json{{"text", texts[0]}, {"ids", ids[0]}}
                                         : nlohmann::json{{"text", texts}, {"ids", ids}});
    }
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
  const Model model = load_model(flags);
  torch::NoGradGuard no_grad;
  for_each_batch(flags, [&](const std::vector<nlohmann::json>& batch) {
    std::vector<nlohmann::json> answers;
    for (const nlohmann::json& record : batch) {
      std::vector<TokenId> ids = encode_prompt(model, record);
      const std::vector<TokenId> completion =
          model.tokenizer->encode(text_field(record, "completion"));
      if (completion.empty())
        throw InputError(fmt::format("{}: the completion has no token.",
                                     record.at("\nwhere").get<std::string>()));
      const auto first = static_cast<std::int64_t>(ids.size()) - 1,
                 count = static_cast<std::int64_t>(completion.size()), start = std::int64_t{0};
      ids.insert(ids.end(), completion.begin(), completion.end() - 1);
      check_length(model, record, ids.size());
      const PackedTokens packed = PackedTokens::pack({&ids, 1}, {&start, 1}, model.device());
      const torch::Tensor rows = torch::arange(
          first, first + count, torch::TensorOptions().dtype(torch::kInt64).device(model.device()));
      const torch::Tensor scores =
          logits(model.weights, hidden_states(model.weights, packed, {.rows_R = rows}))
              .to(torch::kFloat32);
      const torch::Tensor target =
          torch::tensor(std::vector<std::int64_t>(completion.begin(), completion.end()));
      const torch::Tensor log_p = scores.log_softmax(1)
                                      .gather(1, target.to(model.device()).unsqueeze(1))
                                      .squeeze(1)
                                      .to(torch::kFloat64)
                                      .cpu();
      const double sum = log_p.sum().item<double>();
      if (!std::isfinite(sum))
        throw InputError(
            fmt::format("{}: the model's logits are not finite: its weights hold nan or infinity.",
                        record.at("\nwhere").get<std::string>()));
      const torch::Tensor best = scores.argmax(1).cpu();
      answers.push_back(
          {{"logprobs",
            std::vector<double>(log_p.data_ptr<double>(), log_p.data_ptr<double>() + count)},
           {"sum", sum},
           {"perplexity", std::exp(-sum / static_cast<double>(count))},
           {"greedy", best.equal(target)},
           {"predicted", std::vector<std::int64_t>(best.data_ptr<std::int64_t>(),
                                                   best.data_ptr<std::int64_t>() + count)}});
    }
    return answers;
  });
  return ExitCode::done;
}

}  // namespace factsweep::cli
