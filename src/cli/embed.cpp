// `embed`: sentence embeddings of a file of texts, in its order.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <bit>
#include <fstream>
#include <iostream>
#include <iterator>

#include "device_report.hpp"
#include "factsweep/cli/commands.hpp"
#include "factsweep/core/console.hpp"
#include "factsweep/core/file.hpp"
#include "factsweep/core/stopwatch.hpp"
#include "factsweep/desk/text_encoder.hpp"
#include "factsweep/model/device.hpp"
#include "flags.hpp"

namespace factsweep::cli {
namespace po = boost::program_options;
namespace {

constexpr std::size_t kWindow = 32768;  // texts sorted and batched together

po::options_description embed_options() {
  po::options_description options;
  options.add_options()("model", po::value<std::string>()->required(),
                        "Hugging Face or sentence-transformers directory of an encoder")(
      "input", po::value<std::string>(), "JSON lines; standard input when absent")(
      "output", po::value<std::string>(),
      "JSON lines, or a float32 matrix for NumPy when it ends in .npy; standard output when "
      "absent")("device", po::value<std::string>()->default_value("auto"), "cpu | cuda | auto")(
      "dtype", po::value<std::string>()->default_value("float32"), "float32 | bfloat16")(
      "threads", po::value<int>()->default_value(0), "CPU threads; 0: all cores")(
      "pooling", po::value<std::string>(), "cls | mean; as the model's modules.json when absent")(
      "normalize", po::value<std::string>(),
      "to length 1: on | off; as the model's modules.json when absent, off without one")(
      "batch-tokens", po::value<std::int64_t>()->default_value(0),
      "tokens of a forward pass; 0: what suits the device");
  return options;
}

/// The value of a flag, which must be one of `allowed`.
std::string one_of(const po::variables_map& flags, const std::string& name,
                   const std::vector<std::string>& allowed) {
  const std::string value = flags[name].as<std::string>();
  if (std::find(allowed.begin(), allowed.end(), value) == allowed.end()) {
    throw InputError(fmt::format("command line: --{} = '{}' is none of {}.", name, value,
                                 fmt::join(allowed, ", ")));
  }
  return value;
}

TextEncoderSettings read_settings(const po::variables_map& flags) {
  TextEncoderSettings settings;
  if (flags.count("pooling") != 0) settings.pooling = one_of(flags, "pooling", {"cls", "mean"});
  if (flags.count("normalize") != 0)
    settings.normalize = one_of(flags, "normalize", {"on", "off"}) == "on";
  settings.batch_tokens = flags["batch-tokens"].as<std::int64_t>();
  if (settings.batch_tokens < 0)
    throw InputError("command line: --batch-tokens must not be negative.");
  return settings;
}

TextEncoder load_encoder(const po::variables_map& flags) {
  const std::string dtype = one_of(flags, "dtype", {"float32", "bfloat16"});
  const std::string device = choose_device(one_of(flags, "device", {"auto", "cpu", "cuda"}), 0);
  if (dtype == "bfloat16" && device == "cpu") warn_of_slow_bfloat16();
  if (flags["threads"].as<int>() > 0) use_threads(flags["threads"].as<int>());
  return {flags["model"].as<std::string>(), dtype, device};
}

/// {"text": ...} or a bare string on every line.
std::vector<std::string> read_texts(const po::variables_map& flags) {
  const bool from_file = flags.count("input") != 0;
  const std::string name = from_file ? flags["input"].as<std::string>() : "standard input";
  const std::string content =
      from_file ? read_file(name) : std::string(std::istreambuf_iterator<char>(std::cin), {});
  std::vector<std::string> texts;
  for_each_json_line(content, name, [&](const nlohmann::json& record, std::int64_t line) {
    const nlohmann::json* text = &record;
    if (record.is_object()) text = record.contains("text") ? &record["text"] : nullptr;
    if (text == nullptr || !text->is_string()) {
      throw InputError(fmt::format(
          "{}:{}: the line must be a string or an object with a string \"text\".", name, line));
    }
    texts.push_back(text->get<std::string>());
  });
  return texts;
}

/// Where the rows go: JSON lines, or NumPy's .npy, version 1.
class Writer {
 public:
  Writer(const po::variables_map& flags, std::size_t rows, std::int64_t width)
      : width_(static_cast<std::size_t>(width)), to_file_(flags.count("output") != 0) {
    if (!to_file_) return;
    const std::string name = flags["output"].as<std::string>();
    binary_ = name.ends_with(".npy");
    file_.open(name, std::ios::binary);
    if (!file_) throw EnvironmentError(fmt::format("{}: cannot be written.", name));
    if (binary_) write_header(rows, width);
  }

  void write(std::span<const float> rows) {
    std::ostream& out = to_file_ ? file_ : std::cout;
    if (binary_) {
      out.write(reinterpret_cast<const char*>(rows.data()),
                static_cast<std::streamsize>(rows.size_bytes()));
    } else {
      for (; !rows.empty(); rows = rows.subspan(width_))
        out << fmt::format("{{\"embedding\":[{}]}}\n", fmt::join(rows.first(width_), ","));
    }
    out.flush();
    if (!out)
      throw EnvironmentError("the output cannot be written (disk full, or the reader has gone).");
  }

 private:
  /// Magic, version 1.0, length of the rest in two bytes, a Python dictionary, blanks up to a
  /// multiple of 64 bytes, a newline.
  void write_header(std::size_t rows, std::int64_t width) {
    static_assert(std::endian::native == std::endian::little, "'<f4' below");
    std::string text =
        fmt::format("{{'descr': '<f4', 'fortran_order': False, 'shape': ({}, {}), }}", rows, width);
    constexpr std::size_t kBefore = 10;
    text.resize((kBefore + text.size() + 1 + 63) / 64 * 64 - kBefore - 1, ' ');
    text += '\n';
    file_ << "\x93NUMPY" << '\x01' << '\0' << static_cast<char>(text.size() % 256)
          << static_cast<char>(text.size() / 256) << text;
  }

  const std::size_t width_;
  const bool to_file_;
  bool binary_ = false;
  std::ofstream file_;
};

}  // namespace

ExitCode embed(const Words& words) {
  po::variables_map flags;
  if (!parse_flags("factsweep embed --model DIR: {\"text\"} or a string -> {\"embedding\"}",
                   embed_options(), words, flags))
    return ExitCode::done;
  const TextEncoderSettings settings = read_settings(flags);
  const TextEncoder encoder = load_encoder(flags);
  const std::vector<std::string> texts = read_texts(flags);
  Writer writer(flags, texts.size(), encoder.width());
  const Stopwatch clock;
  std::int64_t truncated = 0;
  for (std::size_t done = 0; done < texts.size(); done += kWindow) {
    const std::size_t count = std::min(kWindow, texts.size() - done);
    const EmbeddedTexts found = encoder.embed(std::span(texts).subspan(done, count), settings);
    truncated += found.truncated;
    writer.write(found.rows);
    if (done + count < texts.size())
      console::progress(fmt::format("{} of {} texts", done + count, texts.size()));
  }
  console::end_progress();
  const double seconds = clock.seconds();
  console::info("{} texts in {:.2f} s ({:.0f} texts/s); {} of them cut to {} tokens.", texts.size(),
                seconds, static_cast<double>(texts.size()) / seconds, truncated, encoder.longest());
  return ExitCode::done;
}

}  // namespace factsweep::cli
