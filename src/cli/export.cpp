// `factsweep export`: the fine-tuned model of one point as a Hugging Face directory, or its LoRA
// adapter as a PEFT directory.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "factsweep/cli/commands.hpp"
#include "factsweep/core/console.hpp"
#include "factsweep/desk/written_weights.hpp"
#include "factsweep/plan/plan.hpp"
#include "factsweep/store/stored_weights.hpp"
#include "flags.hpp"

namespace factsweep::cli {
namespace po = boost::program_options;
namespace {

/// InputError: the point changed no weights, or those of its best epoch are asked of a study that has
/// the last ones alone. Says what to export instead.
void check_left_weights(const std::string& file, const std::string& point, const std::string& when) {
  if (when == "early_stop" && !find_dataset(file, "/points/epoch_early_stop", DType::int64))
    throw InputError(fmt::format(
        "command line: --when = early_stop, but the study of {} has final weights alone. Leave --when "
        "out.",
        file));
  const std::optional<Array> ids = find_dataset(file, "/points/id", DType::text),
                             asked = find_dataset(file, kAsked, DType::text);
  if (!ids || !asked) return;
  const std::vector<std::string> all = ids->as_text();
  const auto found = std::find(all.begin(), all.end(), point);
  if (found == all.end()) return;  // read_weights() says which there are
  const std::string what = asked->as_text().at(static_cast<std::size_t>(found - all.begin()));
  if (what.empty()) return;
  const std::size_t group = what.find('/', 1);
  const std::string adapter = group == what.npos ? "" : what.substr(group + 1);
  throw InputError(fmt::format(
      "{}: point '{}' made nothing of its own: it asked {}.", file, point,
      adapter.empty() ? "the base model, which can be used as it is"
                      : fmt::format("the adapter '{0}'. Export that with --adapter {0}", adapter)));
}

}  // namespace

ExitCode export_point(const Words& words) {
  std::string file, point, adapter, output, model, when = "final", format = "auto",
                                                   dtype = "auto";
  po::options_description options;
  options.add_options()("file", po::value(&file)->required(),
                        "results file; may stand without --file")(
      "point", po::value(&point), "id of the point, as in /points/id")(
      "adapter", po::value(&adapter), "or an adapter that the file keeps by its name, as in /bank/name")(
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
      adapter.empty() ? read_weights(file, point, when) : read_adapter(file, adapter);
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
      const std::string why = why_no_adapter(weights);
      throw InputError(fmt::format(
          "{}: of point '{}' all that its model has changed is kept, not an adapter{}{}. Use --format hf "
          "with --model.",
          file, point, why.empty() ? "" : ": ", why));
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
