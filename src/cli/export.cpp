// `factsweep export`: the fine-tuned model of one point as a Hugging Face directory, or its LoRA
// adapter as a PEFT directory.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "factsweep/cli/commands.hpp"
#include "factsweep/core/console.hpp"
#include "factsweep/desk/written_weights.hpp"
#include "factsweep/store/stored_weights.hpp"
#include "flags.hpp"

namespace factsweep::cli {
namespace po = boost::program_options;
namespace {

/// An adapter of a K-shot study's bank.
StoredWeights read_bank_adapter(const std::string& file, const std::string& adapter) {
  const std::optional<Array> bank = find_dataset(file, "/bank/name", DType::text);
  if (!bank)
    throw InputError(fmt::format("{}: holds no bank of adapters; it is no K-shot study's.", file));
  const std::vector<std::string> names = bank->as_text();
  const auto found = std::find(names.begin(), names.end(), adapter);
  if (found == names.end())
    throw InputError(fmt::format("{}: its bank has no '{}'. It has: {}.", file, adapter,
                                 fmt::join(names, ", ")));
  const std::optional<Array> usable = find_dataset(file, "/bank/usable", DType::uint8);
  if (!usable || usable->as<std::uint8_t>()[static_cast<std::size_t>(found - names.begin())] != 1)
    throw InputError(fmt::format(
        "{}: the adapter '{}' is not trained yet, or its training diverged.", file, adapter));
  return read_weights_group(file, "/bank/" + adapter);
}

/// The adapter of the bank that a point of a K-shot study asked as it is; empty: it is the base model, or
/// it is not known.
std::string asked_adapter(const std::string& file, const std::string& method, std::size_t point) {
  const std::optional<Array> bank = find_dataset(file, "/bank/name", DType::text);
  if (!bank || method == "base") return "";
  const std::vector<std::string> names = bank->as_text();
  if (method == "expert_lora") {
    const std::string task = find_dataset(file, "/points/task", DType::text)->as_text().at(point);
    const std::vector<std::string> tasks = find_dataset(file, "/bank/task", DType::text)->as_text();
    const auto own = std::find(tasks.begin(), tasks.end(), task);
    return own == tasks.end() ? "" : names.at(static_cast<std::size_t>(own - tasks.begin()));
  }
  const std::optional<Array> selected = find_row(file, "/selection/adapter", DType::int32, point);
  const std::int32_t row = selected ? selected->as<std::int32_t>()[0] : -1;
  return row < 0 ? "" : names.at(static_cast<std::size_t>(row));
}

/// InputError: the point changed no weights, or those of its best epoch are asked of a study that has
/// the last ones alone. Says what to export instead.
void check_left_weights(const std::string& file, const std::string& point, const std::string& when) {
  if (when == "early_stop" && !find_dataset(file, "/points/epoch_early_stop", DType::int64))
    throw InputError(fmt::format(
        "command line: --when = early_stop, but the study of {} has final weights alone. Leave --when "
        "out.",
        file));
  const std::optional<Array> ids = find_dataset(file, "/points/id", DType::text),
                             methods = find_dataset(file, "/points/method", DType::text);
  if (!ids || !methods || science_value(file, "run.study") != "kshot") return;
  const std::vector<std::string> all = ids->as_text();
  const auto found = std::find(all.begin(), all.end(), point);
  if (found == all.end()) return;  // read_weights() says which there are
  const auto row = static_cast<std::size_t>(found - all.begin());
  const std::string method = methods->as_text().at(row);
  if (method != "base" && method != "expert_lora" && method != "source_best") return;
  const std::string adapter = asked_adapter(file, method, row);
  throw InputError(fmt::format(
      "{}: point '{}' ({}) made nothing of its own: it asked {}.", file, point, method,
      method == "base"   ? "the base model, which can be used as it is"
      : adapter.empty() ? "an adapter of the bank. Export that with --adapter NAME"
                        : fmt::format("the bank's adapter '{0}'. Export that with --adapter {0}", adapter)));
}

}  // namespace

ExitCode export_point(const Words& words) {
  std::string file, point, adapter, output, model, when = "final", format = "auto",
                                                   dtype = "auto";
  po::options_description options;
  options.add_options()("file", po::value(&file)->required(),
                        "results file; may stand without --file")(
      "point", po::value(&point), "id of the point, as in /points/id")(
      "adapter", po::value(&adapter), "or an adapter of a K-shot study's bank, as in /bank/name")(
      "output", po::value(&output)->required(), "folder to write")(
      "model", po::value(&model),
      "base model directory; in a PEFT directory it replaces the deck's model.path")(
      "when", po::value(&when)->default_value(when), "final | early_stop")(
      "format", po::value(&format)->default_value(format),
      "hf: a whole model directory (LoRA: merged); peft: a LoRA adapter; auto: peft for points that "
      "are kept as an adapter, hf for others")("dtype", po::value(&dtype)->default_value(dtype),
                       "float32 | bfloat16 of the written weights; auto: of a whole model the run's "
                       "model.dtype, of adapters and mixtures float32");
  po::variables_map flags;
  if (!parse_flags("factsweep export FILE (--point ID | --adapter NAME) --output DIR [--model DIR]",
                   options, words, flags))
    return ExitCode::done;
  if (when != "final" && when != "early_stop")
    throw InputError(fmt::format("command line: --when = '{}' is not final or early_stop.", when));
  if (format != "auto" && format != "hf" && format != "peft")
    throw InputError(fmt::format("command line: --format = '{}' is not auto, hf or peft.", format));
  if (dtype != "float32" && dtype != "bfloat16" && dtype != "auto")
    throw InputError(
        fmt::format("command line: --dtype = '{}' is not float32, bfloat16 or auto.", dtype));
  if (point.empty() == adapter.empty())
    throw InputError("command line: export needs either --point or --adapter.");
  if (adapter.empty()) check_left_weights(file, point, when);
  const StoredWeights weights =
      adapter.empty() ? read_weights(file, point, when) : read_bank_adapter(file, adapter);
  const std::string& what = adapter.empty() ? point : adapter;
  check_base(weights, model, file, what);
  const WeightsKind kind = kind_of(weights);
  const std::string of_adapter = dtype == "auto" ? "float32" : dtype;
  if (kind == WeightsKind::mixture) {
    if (format != "auto")
      throw InputError(fmt::format(
          "{}: point '{}' is a mixture of experts, which no {} directory can hold: who is asked depends "
          "on the token. Leave --format out.",
          file, point, format));
    write_experts(weights, of_adapter, output);
    console::info("{} of {} as a mixture of experts in {}; generate and score take it as --adapter",
                  what, file, output);
    return ExitCode::done;
  }
  if (format == "peft" || (format == "auto" && kind == WeightsKind::adapter)) {
    if (kind != WeightsKind::adapter) {
      throw InputError(fmt::format(
          "{}: of point '{}' all that its model has changed is kept, not an adapter. Use --format hf "
          "with --model.",
          file, point));
    }
    write_peft(weights, model, of_adapter, output);
    console::info("{} of {} as a PEFT adapter in {}", what, file, output);
    return ExitCode::done;
  }
  if (model.empty())
    throw InputError("command line: --format hf needs --model, the base that was fine-tuned.");
  write_model(weights, model, dtype == "auto" ? science_value(file, "model.dtype") : dtype, output);
  console::info("{} of {} as a Hugging Face model in {}", what, file, output);
  return ExitCode::done;
}

}  // namespace factsweep::cli
