#include "factsweep/store/earlier.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <map>
#include <optional>

#include "factsweep/core/checksum.hpp"
#include "files.hpp"
#include "inputs.hpp"

namespace factsweep {
namespace {

/// A dataset's shape and type, as its plan has them.
using Known = std::map<std::pair<File, std::string>, const DatasetSpec*>;

Known known_datasets(const Layout& layout) {
  Known known;
  for (const DatasetSpec* spec : layout.datasets) known[{spec->file, spec->path}] = spec;
  return known;
}

/// An output in both plans.
struct Transfer {
  const DatasetSpec* from = nullptr;
  const Slab* source = nullptr;
  const Output* to = nullptr;
};

/// Whether rows of the one place fit into the other's. The grids' widest rows may differ.
bool fits(const Slab& source, const Slab& target) {
  const auto &from = source.count, &to = target.count;
  return from.size() == to.size() && !from.empty() && from.back() <= to.back() &&
         std::equal(from.begin(), from.end() - 1, to.begin());
}

/// The rows of `source` as wide as `target` has them, filled up with what stands for values that
/// were never written.
Array widened(Array array, const Slab& source, const Slab& target) {
  const std::uint64_t from = source.count.back(), to = target.count.back();
  if (from == to) return array;
  const std::size_t size = array.dtype == DType::text ? array.text_length : size_of(array.dtype);
  const std::uint64_t rows = volume_of(target.count) / to;
  Array wide{array.dtype, array.text_length, std::vector<std::byte>(rows * to * size)};
  const auto fill = fill_value(array.dtype);
  for (std::size_t i = 0; array.dtype != DType::text && i < rows * to; ++i)
    std::memcpy(wide.bytes.data() + i * size, fill.data(), size);
  for (std::uint64_t row = 0; row < rows; ++row)
    std::memcpy(wide.bytes.data() + row * to * size, array.bytes.data() + row * from * size,
                from * size);
  return wide;
}

/// What has to be copied of a stage; nothing when some of it does not fit.
std::optional<std::vector<Transfer>> transfers(const Stage& earlier, const Known& from,
                                               const Stage& stage, const Known& to) {
  std::vector<Transfer> list;
  for (const Output& output : stage.outputs) {
    if (output.places.empty()) continue;
    const auto found = std::find_if(earlier.outputs.begin(), earlier.outputs.end(),
                                    [&](const Output& item) { return item.name == output.name; });
    if (found == earlier.outputs.end() || found->places.empty()) return std::nullopt;
    const Slab &source = found->places.front(), &target = output.places.front();
    const DatasetSpec &was = *from.at({source.file, source.path}),
                      &is = *to.at({target.file, target.path});
    if (was.dtype != is.dtype || was.text_length != is.text_length || !fits(source, target))
      return std::nullopt;
    list.push_back({&was, &source, &output});
  }
  return list;
}

}  // namespace

struct EarlierSweep::Files {
  std::filesystem::path path;
  h5::File results, weights;
  std::string study, deck;
  std::vector<std::string> keys;
  std::vector<std::uint8_t> status;
  std::vector<double> seconds, peak_bytes;
  std::vector<std::int64_t> checksum, weights_checksum;  // empty: of an earlier version
  mutable std::map<const DatasetSpec*, bool> found;  // what looking has told

  /// Whether the file has the datasets that the stage's plan has today: those of earlier versions may
  /// have fewer. A weights file that is gone is told of when it is read.
  bool has(const std::vector<Transfer>& transfers) const {
    const std::lock_guard guard(h5::mutex());
    return std::all_of(transfers.begin(), transfers.end(), [&](const Transfer& transfer) {
      const h5::File& file = transfer.source->file == File::weights ? weights : results;
      const auto [known, is_new] = found.try_emplace(transfer.from, true);
      if (is_new && file.is_open())
        known->second = H5Lexists(file.id(), transfer.from->path.c_str(), H5P_DEFAULT) > 0;
      return known->second;
    });
  }

  /// Whether what the stage has left in `file` is what it wrote; it always is where an earlier
  /// version has kept no sums.
  bool is_unchanged(std::size_t row, const Stage& stage, const Known& known, File file) const {
    const std::vector<std::int64_t>& kept = file == File::weights ? weights_checksum : checksum;
    if (kept.empty()) return true;
    const std::uint64_t sum =
        sum_of(stage, file, [&](const Slab& place) -> std::optional<std::uint64_t> {
          const DatasetSpec* spec = known.at({place.file, place.path});
          if (!has({{spec, &place, nullptr}})) return std::nullopt;
          return factsweep::checksum(read({spec, &place, nullptr}).bytes);
        });
    return kept[row] == sealed(row, sum);
  }

  Array read(const Transfer& transfer) const {
    const bool of_weights = transfer.source->file == File::weights;
    const std::string name = (of_weights ? weights_path(path) : path).string();
    if (of_weights && !weights.is_open())
      throw InputError(
          fmt::format("{}: no such file, but it holds weights of stages that {} has finished. "
                      "Bring it back, or "
                      "take that file out of run.reuse.",
                      name, path.string()));
    const std::lock_guard guard(h5::mutex());
    const std::string& dataset_path = transfer.source->path;
    const h5::Where where{name, dataset_path};
    const h5::Dataset dataset(h5::check(
        H5Dopen2((of_weights ? weights : results).id(), dataset_path.c_str(), H5P_DEFAULT),
        where, "open the dataset"));
    return h5::read_part(dataset.id(), where, transfer.from->dtype, transfer.from->text_length,
                         transfer.source->offset, transfer.source->count);
  }
};

EarlierSweep::EarlierSweep(const std::filesystem::path& results)
    : files_(std::make_unique<Files>()) {
  const std::lock_guard guard(h5::mutex());
  h5::prepare();
  const std::string name = results.string();
  Files& files = *files_;
  files.path = results;
  files.results = open_results(results);
  files.study = h5::text_attribute(files.results.id(), {name}, "study");
  files.deck = h5::text_attribute(files.results.id(), {name}, "deck");
  files.keys = h5::read_all(files.results, {name, "/stages/key"}, DType::text).as_text();
  files.status = read_column<std::uint8_t>(files.results, name, "/stages/status");
  files.seconds = read_column<double>(files.results, name, "/stages/seconds");
  files.peak_bytes = read_peak_bytes(files.results, name, files.keys.size());
  if (H5Lexists(files.results.id(), "/stages/checksum", H5P_DEFAULT) > 0) {
    files.checksum = read_column<std::int64_t>(files.results, name, "/stages/checksum");
    files.weights_checksum =
        read_column<std::int64_t>(files.results, name, "/stages/weights_checksum");
  }
  std::error_code ignored;
  if (std::filesystem::exists(weights_path(results), ignored))
    files.weights = h5::open_serial(weights_path(results), H5F_ACC_RDONLY);
}

EarlierSweep::~EarlierSweep() {
  const std::lock_guard guard(h5::mutex());
  files_.reset();
}

const std::string& EarlierSweep::study() const {
  return files_->study;
}

const std::string& EarlierSweep::deck() const {
  return files_->deck;
}

bool EarlierSweep::is_of(const Plan& plan) const {
  return std::equal(files_->keys.begin(), files_->keys.end(), plan.stages.begin(),
                    plan.stages.end(),
                    [](const std::string& key, const Stage& stage) { return key == stage.key; });
}

std::string EarlierSweep::changed_input(const Plan& plan) const {
  const std::lock_guard guard(h5::mutex());
  return shortened(input_changes(files_->results, files_->path.string(), plan).content);
}

/// Stages by their keys.
std::map<std::string, std::size_t> EarlierSweep::finished(const Plan& earlier) const {
  if (!is_of(earlier)) {
    const std::string changed = changed_input(earlier);
    throw InputError(fmt::format(
        "{}: its deck means other work today: {}. Take it out of run.reuse, or bring back what was "
        "there.",
        files_->path.string(), changed.empty() ? "the code changed since" : changed));
  }
  std::map<std::string, std::size_t> finished;
  for (std::size_t i = 0; i < files_->keys.size(); ++i) {
    if (is_finished(files_->status[i], files_->seconds[i])) finished[files_->keys[i]] = i;
  }
  return finished;
}

std::vector<bool> EarlierSweep::offers(const Plan& earlier, const Plan& plan) const {
  const Layout was(earlier, /*with_content=*/false), is(plan, /*with_content=*/false);
  const Known from = known_datasets(was), to = known_datasets(is);
  const std::map<std::string, std::size_t> finished = this->finished(earlier);
  std::vector<bool> offered(plan.stages.size());
  for (std::size_t i = 0; i < plan.stages.size(); ++i) {
    const auto done = finished.find(plan.stages[i].key);
    if (done == finished.end()) continue;
    const auto list = transfers(earlier.stages[done->second], from, plan.stages[i], to);
    offered[i] = list && files_->has(*list);
  }
  return offered;
}

EarlierSweep::Taken EarlierSweep::take_over(const Communicator& comm, const Plan& earlier,
                                            const Plan& plan, Store& store) const {
  const Layout was(earlier, /*with_content=*/false), is(plan, /*with_content=*/false);
  const Known from = known_datasets(was), to = known_datasets(is);
  const std::map<std::string, std::size_t> finished = this->finished(earlier);
  Taken taken;
  for (auto i = static_cast<std::size_t>(comm.rank()); i < plan.stages.size();
       i += static_cast<std::size_t>(comm.size())) {
    const Stage& stage = plan.stages[i];
    const auto done = finished.find(stage.key);
    if (done == finished.end() || store.record(i).status == Status::done) continue;
    const auto list = transfers(earlier.stages[done->second], from, stage, to);
    if (!list || !files_->has(*list)) continue;
    const std::size_t row = done->second;
    const bool with_weights = std::any_of(list->begin(), list->end(), [](const Transfer& transfer) {
      return transfer.source->file == File::weights;
    });
    const auto is_unchanged = [&](File file) {
      return files_->is_unchanged(row, earlier.stages[row], from, file);
    };
    if (!is_unchanged(File::results) || (with_weights && !is_unchanged(File::weights))) {
      ++taken.changed;
      continue;
    }
    StageSums sums;
    for (const Transfer& transfer : *list) {
      const Array array =
          widened(files_->read(transfer), *transfer.source, transfer.to->places.front());
      sums.of(transfer.to->places.front().file) += store.write(*transfer.to, array);
    }
    if (!std::isnan(files_->peak_bytes[row])) store.set_peak_bytes(i, files_->peak_bytes[row]);
    store.set_record(i, {Status::done, files_->seconds[row], comm.rank(), "", sums});
    ++taken.stages;
  }
  return taken;
}

}  // namespace factsweep
