// Looking into files of an earlier run: are they ours, and how far did it come?
#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "files.hpp"
#include "inputs.hpp"
#include "unchanged.hpp"

namespace factsweep {
namespace fs = std::filesystem;
namespace {

using h5::check;
using h5::Where;

void check_science(const h5::File& file, const std::string& name,
                   const std::map<std::string, std::string>& now) {
  const auto parsed =
      nlohmann::json::parse(h5::text_attribute(file.id(), {name}, "science"), nullptr, false);
  if (!parsed.is_object())
    throw InputError(fmt::format("{}: attribute 'science' is damaged.", name));
  const auto before = parsed.get<std::map<std::string, std::string>>();
  std::vector<std::string> differences;
  for (const auto& [key, value] : now) {
    const auto old = before.find(key);
    if (old == before.end())
      differences.push_back(fmt::format("{} (was not there, now '{}')", key, value));
    else if (old->second != value)
      differences.push_back(fmt::format("{} (was '{}', now '{}')", key, old->second, value));
  }
  for (const auto& [key, value] : before) {
    if (!now.contains(key))
      differences.push_back(fmt::format("{} (was '{}', now not there)", key, value));
  }
  if (differences.empty()) return;
  throw InputError(
      fmt::format("{}: was begun with another deck: {}. Set the old values to go on, or name "
                  "another run.output: run.reuse = {} then takes over what is the same.",
                  name, shortened(differences), name));
}

/// Equal decks mean other work where their files hold something else. Adds to `notes` what lies
/// elsewhere.
void check_inputs(const h5::File& file, const std::string& name, const Plan& plan,
                  std::vector<std::string>& notes) {
  const InputChanges changes = input_changes(file, name, plan);
  if (!changes.content.empty()) {
    throw InputError(
        fmt::format("{}: was begun with other input: {}. Bring back what was there, or name "
                    "another run.output.",
                    name, shortened(changes.content)));
  }
  if (!changes.place.empty())
    notes.push_back(fmt::format("{}: {}: it holds the same, so the sweep goes on", name,
                                shortened(changes.place)));
}

/// Stages also hash what of the input has no name of its own, and the code's version of the work.
void check_stages(const h5::File& file, const std::string& name, const Plan& plan) {
  const std::vector<std::string> keys =
      h5::read_all(file, {name, "/stages/key"}, DType::text).as_text();
  const std::string advice =
      "The code, or input that is not listed in /inputs, changed since. Name another run.output, or "
      "bring the old one back.";
  if (keys.size() != plan.stages.size()) {
    throw InputError(fmt::format("{}: holds {} stages, this plan has {}. {}", name, keys.size(),
                                 plan.stages.size(), advice));
  }
  for (std::size_t i = 0; i < keys.size(); ++i) {
    if (keys[i] == plan.stages[i].key) continue;
    throw InputError(fmt::format(
        "{}: stage {} ('{}') is other work than in this plan (key {} there, {} now). {}", name, i,
        plan.stages[i].title, keys[i], plan.stages[i].key, advice));
  }
}

void check_datasets(const h5::File& file, const std::string& name, File which,
                    const Layout& layout) {
  for (const DatasetSpec* spec : layout.datasets) {
    if (spec->file != which) continue;
    const Where where{name, spec->path};
    const h5::Dataset dataset(H5Dopen2(file.id(), spec->path.c_str(), H5P_DEFAULT));
    bool same = dataset.is_open() && h5::shape_of(dataset.id(), where) == spec->shape;
    // how long the names are that the file was made with: paths among them
    const bool is_known_text = spec->dtype == DType::text && !spec->content.bytes.empty();
    if (same) {
      const h5::Type stored(check(H5Dget_type(dataset.id()), where, "ask for the type"));
      if (is_known_text && H5Tget_class(stored.id()) == H5T_STRING) continue;
      same = H5Tequal(stored.id(), h5::type_of(spec->dtype, spec->text_length).id()) > 0;
    }
    if (!same) {
      throw InputError(fmt::format(
          "{}: has no dataset {} of this plan's shape and type. It was begun with other settings "
          "(store.*) or another version; name another run.output.",
          name, spec->path));
    }
  }
}

/// Opens the weights file that belongs to `results`; finishes its rename when the first run died
/// just before it.
void check_weights(const h5::File& results, const fs::path& path, const Layout& layout) {
  const fs::path weights = weights_path(path);
  const fs::path partial = weights.string() + ".partial";
  std::error_code ignored;
  if (!fs::exists(weights, ignored) && fs::exists(partial, ignored))
    fs::rename(partial, weights, ignored);
  if (!fs::exists(weights, ignored)) {
    throw InputError(
        fmt::format("{}: does not exist, but {} does and this deck stores weights (store.deltas). "
                    "Bring it back, or "
                    "name another run.output.",
                    weights.string(), path.string()));
  }
  const std::string name = weights.string();
  const h5::File file = h5::open_serial(weights, H5F_ACC_RDONLY);
  check_kind(file, name, "factsweep weights");
  if (h5::text_attribute(file.id(), {name}, "run_id") !=
      h5::text_attribute(results.id(), {path.string()}, "run_id")) {
    throw InputError(fmt::format("{}: belongs to another run than {}.", name, path.string()));
  }
  check_datasets(file, name, File::weights, layout);
}

/// Writes whole columns back with everything that is not done set to waiting, and empties the
/// reasons of those rows.
void reset_column(const h5::File& file, const std::string& name, const std::string& group,
                  const std::vector<std::uint8_t>& before, const std::vector<std::uint8_t>& after) {
  const std::string status_path = group + "/status";
  const std::string reason_path = group + "/reason";
  const h5::Type text = h5::type_of(DType::text, kReasonBytes);
  const std::vector<std::byte> empty(kReasonBytes);
  h5::Dataset reasons(
      check(H5Dopen2(file.id(), reason_path.c_str(), H5P_DEFAULT), {name, reason_path}, "open"));
  h5::Dataset status(
      check(H5Dopen2(file.id(), status_path.c_str(), H5P_DEFAULT), {name, status_path}, "open"));
  for (std::uint64_t row = 0; row < before.size(); ++row) {
    if (before[row] == after[row]) continue;
    const std::uint64_t one = 1;
    h5::write(reasons.id(), {name, reason_path}, text.id(), {&row, 1}, {&one, 1}, empty.data());
    h5::write(status.id(), {name, status_path}, H5T_NATIVE_UINT8, {&row, 1}, {&one, 1},
              reinterpret_cast<const std::byte*>(&after[row]));
  }
  reasons.close({name, reason_path}, "write");
  status.close({name, status_path}, "write");
}

/// Of stages with the status byte of finished ones, those whose results are what they wrote. Adds
/// to `notes` which are not.
std::vector<bool> finished_stages(const h5::File& file, const std::string& name, const Plan& plan,
                                  const Layout& layout, const std::vector<std::uint8_t>& status,
                                  std::vector<std::string>& notes) {
  std::vector<bool> told(status.size());
  for (std::size_t i = 0; i < status.size(); ++i)
    told[i] = status[i] == static_cast<std::uint8_t>(Status::done);
  if (std::find(told.begin(), told.end(), true) == told.end()) return told;
  std::vector<bool> kept = unchanged_results(file, name, plan, layout, told);
  std::vector<std::string> changed;
  for (std::size_t i = 0; i < told.size(); ++i) {
    if (told[i] && !kept[i]) changed.push_back(plan.stages[i].title);
  }
  if (!changed.empty())
    notes.push_back(fmt::format("{}: holds other results than these stages wrote: {}. The disk has "
                                "changed them, or the system had not written all when it went "
                                "down: they are computed anew",
                                name, shortened(changed)));
  return kept;
}

template <typename T>
void append(std::string& packed, const std::vector<T>& values) {
  packed.append(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T));
}

template <typename T>
void take(std::string_view& packed, std::vector<T>& values) {
  const std::size_t bytes = values.size() * sizeof(T);
  require(packed.size() >= bytes, "Journal::unpack: too short");
  if (bytes > 0) std::memcpy(values.data(), packed.data(), bytes);
  packed.remove_prefix(bytes);
}

}  // namespace

void check_kind(const h5::File& file, const std::string& name, const std::string& filetype) {
  const std::string found = h5::text_attribute(file.id(), {name}, "filetype");
  if (found != filetype) {
    throw InputError(fmt::format("{}: is a '{}' file, '{}' is needed.", name, found, filetype));
  }
  const std::int64_t version = h5::integer_attribute(file.id(), {name}, "layout_version");
  if (version != kLayoutVersion) {
    throw InputError(fmt::format(
        "{}: has layout version {}, this factsweep writes {}. Finish it with the factsweep that "
        "began it ({}), or name another run.output.",
        name, version, kLayoutVersion, h5::text_attribute(file.id(), {name}, "code_version")));
  }
}

h5::File open_results(const fs::path& path) {
  std::error_code ignored;
  if (!fs::exists(path, ignored)) throw InputError(fmt::format("{}: no such file.", path.string()));
  h5::File file = h5::open_serial(path, H5F_ACC_RDONLY);
  check_kind(file, path.string(), "factsweep results");
  return file;
}

bool holds_nothing(const fs::path& path) {
  const std::string name = path.string();
  const fs::path weights = weights_path(path);
  try {
    const h5::File file = open_results(path);
    const auto stages = read_column<std::uint8_t>(file, name, "/stages/status");
    if (std::count(stages.begin(), stages.end(), static_cast<std::uint8_t>(Status::done)) > 0)
      return false;
    if (fs::exists(weights)) {
      const h5::File other = h5::open_serial(weights, H5F_ACC_RDONLY);
      if (h5::text_attribute(other.id(), {weights.string()}, "run_id") !=
          h5::text_attribute(file.id(), {name}, "run_id"))
        return false;
    }
  } catch (const InputError&) {
    return false;
  }
  std::error_code none;
  const fs::directory_iterator checkpoints(name + ".checkpoints", none);
  return none || checkpoints == fs::directory_iterator();
}

std::string Journal::pack() const {
  std::string packed;
  append(packed, status);
  append(packed, seconds);
  append(packed, rank);
  return packed;
}

void Journal::unpack(const std::string& packed) {
  std::string_view rest = packed;
  take(rest, status);
  take(rest, seconds);
  take(rest, rank);
}

Journal resume_files(const fs::path& path, const Plan& plan, const Layout& layout,
                     const RunDescription& run, std::vector<std::string>& notes) {
  const std::string name = path.string();
  h5::File file = h5::open_serial(path, H5F_ACC_RDWR);
  check_kind(file, name, "factsweep results");
  const std::string study = h5::text_attribute(file.id(), {name}, "study");
  if (study != plan.study) {
    throw InputError(fmt::format(
        "{}: holds the study '{}', the deck asks for '{}' (run.study). Name another run.output.",
        name, study, plan.study));
  }
  check_science(file, name, run.science);
  check_inputs(file, name, plan, notes);
  check_stages(file, name, plan);
  check_datasets(file, name, File::results, layout);
  const bool has_weights =
      std::any_of(layout.datasets.begin(), layout.datasets.end(),
                  [](const DatasetSpec* spec) { return spec->file == File::weights; });
  if (has_weights) check_weights(file, path, layout);

  Journal journal(plan.stages.size());
  const std::vector<std::uint8_t> stages = read_column<std::uint8_t>(file, name, "/stages/status");
  journal.seconds = read_column<double>(file, name, "/stages/seconds");
  journal.rank = read_column<std::int32_t>(file, name, "/stages/rank");
  const std::vector<bool> kept = finished_stages(file, name, plan, layout, stages, notes);
  for (std::size_t i = 0; i < stages.size(); ++i) {
    if (kept[i]) journal.status[i] = static_cast<std::uint8_t>(Status::done);
  }
  // a run that died between a stage's two status bytes has not reached its points, so they follow
  // their leaf stage
  std::vector<std::uint8_t> points;
  for (const Point& point : plan.points) points.push_back(journal.status.at(point.leaf));
  reset_column(file, name, "/stages", stages, journal.status);
  reset_column(file, name, "/points", read_column<std::uint8_t>(file, name, "/points/status"),
               points);
  file.close({name}, "write the journal");
  return journal;
}

}  // namespace factsweep
