// Rank 0 makes both files with the serial driver: a full disk is then one rank's clean error. When
// all ranks create together, a write that fails on one of them leaves the others in HDF5's barrier
// (docs/decisions/0001-store.md).
#include <fcntl.h>
#include <fmt/format.h>
#include <hdf5_hl.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <limits>
#include <unordered_map>

#include "factsweep/core/provenance.hpp"
#include "factsweep/core/random.hpp"
#include "files.hpp"

namespace factsweep {
namespace fs = std::filesystem;
namespace {

using h5::check;
using h5::Where;

constexpr std::uint64_t kMetadataBytes =
    4096;  // more than HDF5 needs for one dataset, its links and attributes

struct Attributes {
  std::vector<std::pair<std::string, std::string>> texts;
  std::vector<std::pair<std::string, std::int64_t>> integers;
};

Attributes describe(const Plan& plan, const RunDescription& run) {
  const auto now = std::chrono::system_clock::now().time_since_epoch().count();
  const std::uint64_t id = hash_words({hash_text(host_name()), static_cast<std::uint64_t>(getpid()),
                                       static_cast<std::uint64_t>(now), hash_text(run.deck_text)});
  return {{{"study", plan.study},
           {"run_id", hex(id)},
           {"code_version", code_version()},
           {"git_revision", git_revision()},
           {"library_versions", nlohmann::json(run.versions).dump()},
           {"deck", run.deck_text},
           {"deck_hash", hex(hash_text(run.deck_text))},
           {"science", nlohmann::json(run.science).dump()},
           {"command_line", run.command_line},
           {"start_time", utc_now()},
           {"host", host_name()}},
          {{"layout_version", kLayoutVersion}, {"ranks", run.ranks}}};
}

h5::Properties creation_of(const DatasetSpec& spec, hid_t type, Where where) {
  h5::Properties creation(check(H5Pcreate(H5P_DATASET_CREATE), where, "prepare a dataset"));
  check(H5Pset_layout(creation.id(), H5D_CONTIGUOUS), where, "prepare a dataset");
  check(H5Pset_alloc_time(creation.id(), H5D_ALLOC_TIME_EARLY), where, "prepare a dataset");
  if (spec.file == File::results && spec.dtype != DType::text) {
    check(H5Pset_fill_value(creation.id(), type, fill_value(spec.dtype).data()), where,
          "prepare a dataset");
  }
  const bool filled = spec.file == File::results && spec.content.bytes.empty();
  check(H5Pset_fill_time(creation.id(), filled ? H5D_FILL_TIME_ALLOC : H5D_FILL_TIME_NEVER), where,
        "prepare a dataset");
  return creation;
}

void create_dataset(const h5::File& file, const DatasetSpec& spec, bool is_scale, Where where) {
  const h5::Type type = h5::type_of(spec.dtype, spec.text_length);
  const std::vector<hsize_t> shape(spec.shape.begin(), spec.shape.end());
  const h5::Space space(
      check(shape.empty() ? H5Screate(H5S_SCALAR)
                          : H5Screate_simple(static_cast<int>(shape.size()), shape.data(), nullptr),
            where, "describe a dataset"));
  const h5::Properties creation = creation_of(spec, type.id(), where);
  const h5::Properties links(check(H5Pcreate(H5P_LINK_CREATE), where, "prepare a dataset"));
  check(H5Pset_create_intermediate_group(links.id(), 1), where, "prepare a dataset");
  h5::Dataset dataset(check(H5Dcreate2(file.id(), spec.path.c_str(), type.id(), space.id(),
                                       links.id(), creation.id(), H5P_DEFAULT),
                            where, "create the dataset"));
  for (const auto& [name, value] : {std::pair{"units", &spec.units},
                                    {"long_name", &spec.long_name},
                                    {"symbol", &spec.symbol}}) {
    if (!value->empty()) h5::write_attribute(dataset.id(), where, name, *value);
  }
  if (spec.path.starts_with("/points/"))
    h5::write_attribute(dataset.id(), where, "role", std::string(factsweep::name(spec.role)));
  if (is_scale) {
    const std::string name = spec.path.substr(spec.path.rfind('/') + 1);
    check(H5DSset_scale(dataset.id(), name.c_str()), where, "make a dimension scale");
  }
  if (!spec.content.bytes.empty()) {
    const std::vector<std::uint64_t> origin(shape.size(), 0);
    h5::write(dataset.id(), where, type.id(), origin, spec.shape, spec.content.bytes.data());
  }
  // closing writes what HDF5 still buffers, so this is where a full disk shows
  dataset.close(where, "write the dataset");
}

void attach_scales(const h5::File& file, File which, const Layout& layout,
                   const std::string& name) {
  std::unordered_map<std::string, h5::Dataset> scales;
  for (const DatasetSpec* spec : layout.datasets) {
    const bool is_scale = layout.scales.contains(Layout::key(which, spec->path));
    if (spec->file != which || spec->dimensions.empty() || is_scale) continue;
    const Where where{name, spec->path};
    h5::Dataset dataset(
        check(H5Dopen2(file.id(), spec->path.c_str(), H5P_DEFAULT), where, "open the dataset"));
    for (std::size_t axis = 0; axis < spec->shape.size(); ++axis) {
      const std::string path = Layout::scale_path(*spec, axis);
      h5::Dataset& scale = scales[path];
      if (!scale.is_open()) {
        scale = h5::Dataset(
            check(H5Dopen2(file.id(), path.c_str(), H5P_DEFAULT), where, "open a scale"));
      }
      check(H5DSattach_scale(dataset.id(), scale.id(), static_cast<unsigned>(axis)), where,
            "attach a scale");
    }
    dataset.close(where, "write the dataset");
  }
}

void fill_file(const h5::File& file, File which, const Layout& layout, const Attributes& attributes,
               const std::string& name) {
  const std::string filetype = which == File::weights ? "factsweep weights" : "factsweep results";
  h5::write_attribute(file.id(), {name}, "filetype", filetype);
  for (const auto& [key, value] : attributes.texts)
    h5::write_attribute(file.id(), {name}, key, value);
  for (const auto& [key, value] : attributes.integers)
    h5::write_attribute(file.id(), {name}, key, value);
  for (const DatasetSpec* spec : layout.datasets) {
    if (spec->file != which) continue;
    create_dataset(file, *spec, layout.scales.contains(Layout::key(which, spec->path)),
                   {name, spec->path});
  }
  attach_scales(file, which, layout, name);
  check(H5Fflush(file.id(), H5F_SCOPE_GLOBAL), {name}, "write the file");
}

/// Takes the file's space from the system once, then lets go of it. HDF5 1.10 cannot back out of a
/// file whose last writes fail (its dangling id crashes MPI_Finalize), so limits, quotas and full
/// disks must show before it begins.
void try_space(const fs::path& partial, File which, const Layout& layout,
               const Attributes& attributes) {
  std::uint64_t metadata = 1 << 20;
  std::uint64_t data = 0;
  for (const auto& [key, value] : attributes.texts) metadata += value.size();
  for (const DatasetSpec* spec : layout.datasets) {
    if (spec->file != which) continue;
    metadata += kMetadataBytes;
    data += bytes_of(*spec);
  }
  const int descriptor = ::open(partial.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  int why = descriptor < 0 ? errno : 0;
  if (why == 0 && ::ftruncate(descriptor, static_cast<off_t>(metadata + data)) != 0) why = errno;
  // weights stay holes until they are written: nobody needs their space yet
  const std::uint64_t taken = which == File::weights ? metadata : metadata + data;
  if (why == 0) why = ::posix_fallocate(descriptor, 0, static_cast<off_t>(taken));
  if (descriptor >= 0) ::close(descriptor);
  if (why == 0) return;
  std::error_code ignored;
  fs::remove(partial, ignored);
  throw EnvironmentError(fmt::format("{}: cannot take {:.1f} MB: {}", partial.string(),
                                     static_cast<double>(taken) / 1e6, explain_failed_write(why)));
}

void create_file(const fs::path& partial, File which, const Layout& layout,
                 const Attributes& attributes) {
  const std::string name = partial.string();
  try_space(partial, which, layout, attributes);
  const h5::Properties access(check(H5Pcreate(H5P_FILE_ACCESS), {name}, "prepare to create"));
  check(H5Pset_file_locking(access.id(), false, true), {name}, "switch file locks off");
  h5::File file(check(H5Fcreate(name.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, access.id()), {name},
                      "create the file"));
  try {
    fill_file(file, which, layout, attributes, name);
  } catch (...) {
    h5::leave_open(file);
    std::error_code ignored;
    fs::remove(partial, ignored);
    throw;
  }
  file.close({name}, "close the file");
  sync_to_disk(partial);
}

std::uint64_t free_space(const fs::path& folder) {
  struct statvfs disk {};
  if (statvfs(folder.c_str(), &disk) != 0) {
    throw EnvironmentError(fmt::format("{}: cannot ask for the free space: {}.", folder.string(),
                                       std::strerror(errno)));
  }
  return static_cast<std::uint64_t>(disk.f_bavail) * disk.f_frsize;
}

fs::path folder_of(const fs::path& path) {
  return path.has_parent_path() ? path.parent_path() : fs::path(".");
}

void check_space(const fs::path& folder, const Layout& layout) {
  std::uint64_t planned = 0;
  for (const DatasetSpec* spec : layout.datasets) planned += bytes_of(*spec);
  const std::uint64_t free = free_space(folder);
  if (planned > free) {
    throw EnvironmentError(fmt::format(
        "{}: the sweep's files need {:.1f} MB, {:.1f} MB are free. Name another run.output, or "
        "store less "
        "(store.deltas, label.keep_text).",
        folder.string(), static_cast<double>(planned) / 1e6, static_cast<double>(free) / 1e6));
  }
}

void rename_whole(const fs::path& from, const fs::path& to) {
  if (::rename(from.c_str(), to.c_str()) != 0) {
    throw EnvironmentError(fmt::format("{}: cannot be renamed to {}: {}", from.string(),
                                       to.string(), explain_failed_write(errno)));
  }
}

}  // namespace

std::array<std::byte, 8> fill_value(DType dtype) {
  std::array<std::byte, 8> bytes{};
  const auto set = [&bytes](auto value) { std::memcpy(bytes.data(), &value, sizeof value); };
  switch (dtype) {
    case DType::uint8:
      set(std::uint8_t{255});
      break;
    case DType::int32:
      set(std::int32_t{-1});
      break;
    case DType::int64:
      set(std::int64_t{-1});
      break;
    case DType::float32:
      set(std::numeric_limits<float>::quiet_NaN());
      break;
    case DType::float64:
      set(std::numeric_limits<double>::quiet_NaN());
      break;
    case DType::bfloat16:
      set(std::uint16_t{0x7fc0});
      break;
    case DType::text:
      break;
  }
  return bytes;
}

void create_files(const fs::path& path, const Plan& plan, const Layout& layout,
                  const RunDescription& run) {
  const fs::path weights = weights_path(path);
  const fs::path results_partial = path.string() + ".partial";
  const fs::path weights_partial = weights.string() + ".partial";
  const bool has_weights =
      std::any_of(layout.datasets.begin(), layout.datasets.end(),
                  [](const DatasetSpec* spec) { return spec->file == File::weights; });
  std::error_code ignored;
  if (has_weights && fs::exists(weights, ignored)) {
    throw InputError(fmt::format(
        "{}: exists, but its results file {} does not. Bring that back; or, to begin anew, remove or move the weights, too.",
        weights.string(), path.string()));
  }
  fs::remove(results_partial, ignored);
  fs::remove(weights_partial, ignored);
  const fs::path folder = folder_of(path);
  check_space(folder, layout);
  const Attributes attributes = describe(plan, run);
  if (has_weights) create_file(weights_partial, File::weights, layout, attributes);
  create_file(results_partial, File::results, layout, attributes);
  // results first: a weights file whose rename was missed is still there as .partial, whole, and a
  // rerun finishes it
  rename_whole(results_partial, path);
  if (has_weights) rename_whole(weights_partial, weights);
  sync_to_disk(folder);
}

std::string lacking_for_checkpoints(const fs::path& path, const Plan& plan, int ranks) {
  double largest = 0;
  for (const Stage& stage : plan.stages) largest = std::max(largest, stage.checkpoint_bytes);
  const double needed = largest * ranks, free = static_cast<double>(free_space(folder_of(path)));
  if (needed <= free) return "";
  return fmt::format(
      "{}.checkpoints: trainings of {} ranks may keep {:.1f} MB there, {:.1f} MB are free. One that "
      "does not fit is not written: its training goes on, and begins anew after a stop.",
      path.string(), ranks, needed / 1e6, free / 1e6);
}

void try_last_write(const fs::path& path) {
  std::array<char, 96> first{};  // a superblock
  const int descriptor = ::open(path.c_str(), O_RDWR | O_CLOEXEC);
  const ssize_t bytes = descriptor < 0 ? -1 : ::pread(descriptor, first.data(), first.size(), 0);
  const bool written =
      bytes > 0 &&
      ::pwrite(descriptor, first.data(), static_cast<std::size_t>(bytes), 0) == bytes &&
      ::fsync(descriptor) == 0;
  const int why = errno;
  if (descriptor >= 0) ::close(descriptor);
  if (!written) {
    throw EnvironmentError(fmt::format("{}: cannot be written and flushed to the disk: {}",
                                       path.string(), explain_failed_write(why)));
  }
}

void sync_to_disk(const fs::path& path) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  const bool synced = descriptor >= 0 && ::fsync(descriptor) == 0;
  const int why = errno;
  if (descriptor >= 0) ::close(descriptor);
  if (!synced) {
    throw EnvironmentError(fmt::format("{}: cannot be flushed to the disk: {}", path.string(),
                                       explain_failed_write(why)));
  }
}

}  // namespace factsweep
