// The store as the job sees it: all ranks open the finished layout together, then each writes raw
// data alone.
#include "factsweep/store/store.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <exception>
#include <optional>
#include <unordered_map>

#include "factsweep/core/checksum.hpp"
#include "factsweep/core/random.hpp"
#include "factsweep/core/utf8.hpp"
#include "factsweep/mpi/deadline.hpp"
#include "files.hpp"
#include "job_lock.hpp"
#include "journal_rows.hpp"

namespace factsweep {
namespace fs = std::filesystem;
namespace {

using h5::check;
using h5::Where;

constexpr std::size_t kOpenDatasets =
    4096;  // handles kept a file; a weights file may hold 10^6 datasets

std::size_t index_of(File file) {
  return file == File::weights ? 1 : 0;
}

/// Collective. When a rank cannot open, the others leave theirs open: closing would wait for it.
h5::File open_parallel(const Communicator& comm, const fs::path& path) {
  const std::string name = path.string();
  on_all(comm, [&] {
    if (::access(name.c_str(), R_OK | W_OK) != 0) {
      throw EnvironmentError(
          fmt::format("{}: rank {} cannot open it: {}. Is the folder shared by all nodes?", name,
                      comm.rank(), std::strerror(errno)));
    }
  });
  h5::File file;
  try {
    on_all(comm, [&] {
      const h5::Properties access(check(H5Pcreate(H5P_FILE_ACCESS), {name}, "prepare to open"));
      check(H5Pset_fapl_mpio(access.id(), comm.handle(), MPI_INFO_NULL), {name}, "choose MPI-IO");
      file = h5::File(
          check(H5Fopen(name.c_str(), H5F_ACC_RDWR, access.id()), {name}, "open with MPI-IO"));
    });
  } catch (...) {
    h5::leave_open(file);
    throw;
  }
  return file;
}

struct KnownDataset {
  DType dtype;
  std::size_t text_length;
  std::vector<std::uint64_t> shape;
};

struct OpenFile {
  std::string name;
  h5::File file;
  std::unordered_map<std::string, KnownDataset> known;
  std::unordered_map<std::string, h5::Dataset> open;

  const KnownDataset& find(const std::string& path) const {
    const auto found = known.find(path);
    require(found != known.end(), "the plan has no dataset " + path + " in " + name);
    return found->second;
  }
  hid_t dataset(const std::string& path) {
    const auto found = open.find(path);
    if (found != open.end()) return found->second.id();
    if (open.size() >= kOpenDatasets) open.clear();
    h5::Dataset dataset(
        check(H5Dopen2(file.id(), path.c_str(), H5P_DEFAULT), {name, path}, "open the dataset"));
    return open.emplace(path, std::move(dataset)).first->second.id();
  }
  /// Leaves everything open: the ids die with the process.
  void abandon() {
    for (auto& [path, dataset] : open) dataset.release();
    open.clear();
    h5::leave_open(file);
  }
};

void check_slab(const KnownDataset& known, const Slab& slab) {
  require(slab.offset.size() == known.shape.size() && slab.count.size() == known.shape.size(),
          "slab and dataset differ in rank: " + slab.path.text());
  for (std::size_t axis = 0; axis < known.shape.size(); ++axis) {
    require(slab.offset[axis] + slab.count[axis] <= known.shape[axis],
            "slab outside of " + slab.path.text());
  }
}

}  // namespace

std::string hdf5_version() {
  unsigned major = 0, minor = 0, release = 0;
  H5get_libversion(&major, &minor, &release);
  return fmt::format("{}.{}.{}", major, minor, release);
}

bool files_left_open() {
  return h5::left_open();
}

fs::path weights_path(const fs::path& results) {
  fs::path weights = results;
  return weights.extension() == ".h5" ? weights.replace_extension(".weights.h5")
                                      : weights += ".weights.h5";
}

struct Store::Files {
  Communicator comm;
  JobLock lock;
  std::vector<std::string> notes;
  std::array<OpenFile, 2> files;  // results, weights
  std::vector<std::vector<std::uint64_t>> points_of_stage;
  Journal journal;
  std::optional<JournalRows> rows;
  std::unordered_map<std::size_t, std::string> reasons;
  int exceptions = std::uncaught_exceptions();

  Files(const Communicator& parent, const Plan& plan)
      : comm(parent.duplicate()),
        points_of_stage(plan.stages.size()),
        journal(plan.stages.size()) {}

  OpenFile& of(File file) { return files[index_of(file)]; }
};

Store::Store(const Communicator& comm, const fs::path& path, const Plan& plan,
             const RunDescription& run)
    : files_(std::make_unique<Files>(comm, plan)) {
  const std::lock_guard guard(h5::mutex());
  h5::prepare();
  std::optional<Layout> planned;
  on_all(comm, [&] { planned.emplace(plan, comm.rank() == 0); });
  const Layout& layout = *planned;
  std::string packed;
  on_root(comm, [&] {
    std::error_code error;
    if (path.has_parent_path() && !fs::create_directories(path.parent_path(), error) && error) {
      throw EnvironmentError(
          fmt::format("{}: cannot create the folder: {}. Name another run.output.",
                      path.parent_path().string(), error.message()));
    }
    files_->lock = JobLock(path.string() + ".lock", run.ranks);
    if (!files_->lock.guards()) {
      files_->notes.push_back(
          path.string() +
          ": this file system has no locks: of two jobs that start at once on the same results "
          "neither notices the other. Start one at a time.");
    }
    if (!fs::exists(path, error)) create_files(path, plan, layout, run);
    try {
      packed = resume_files(path, plan, layout, run, files_->notes).pack();
    } catch (const InputError&) {
      if (!holds_nothing(path)) throw;
      fs::remove(weights_path(path));
      fs::remove(path);
      create_files(path, plan, layout, run);
      packed = resume_files(path, plan, layout, run, files_->notes).pack();
      files_->notes.push_back(
          path.string() +
          ": was begun with another deck, of which no stage has finished: begun anew");
    }
  });
  comm.broadcast(packed, 0);
  files_->journal.unpack(packed);
  for (std::size_t point = 0; point < plan.points.size(); ++point) {
    files_->points_of_stage.at(plan.points[point].leaf).push_back(point);
  }
  for (const DatasetSpec* spec : layout.datasets) {
    files_->of(spec->file)
        .known.emplace(spec->path, KnownDataset{spec->dtype, spec->text_length, spec->shape});
  }
  for (const File which : {File::results, File::weights}) {
    OpenFile& opened = files_->of(which);
    const fs::path name = which == File::weights ? weights_path(path) : path;
    opened.name = name.string();
    if (!opened.known.empty()) opened.file = open_parallel(files_->comm, name);
  }
  on_all(comm, [&] {
    const OpenFile& results = files_->of(File::results);
    files_->rows.emplace(results.file, results.name);
  });
  on_root(comm, [&] {
    const std::string lack = lacking_for_checkpoints(path, plan, run.ranks);
    if (!lack.empty()) files_->notes.push_back(lack);
  });
}

Store::~Store() {
  if (!files_) return;
  const std::lock_guard guard(h5::mutex());
  if (std::uncaught_exceptions() > files_->exceptions) {
    for (OpenFile& opened : files_->files) opened.abandon();
  }
  for (OpenFile& opened : files_->files) opened.open.clear();
  files_.reset();
}

namespace {

constexpr double kSecondsToClose = 40;

/// A rank whose write fails while HDF5 closes a file waits there for the others, and they for it;
/// or it returns, and the others wait: no rank would tell, and none would end.
void close_together(const Communicator& comm, std::array<OpenFile, 2>& files) {
  const Deadline deadline(
      kSecondsToClose,
      fmt::format("{}: HDF5 has not closed it after {} s: a rank's disk has failed, or hangs. What "
                  "is finished stays good; the same command goes on from here.",
                  files.front().name, kSecondsToClose));
  std::exception_ptr failure;
  try {
    for (OpenFile& opened : files) {
      opened.open.clear();
      if (opened.file.is_open()) opened.file.close({opened.name}, "close the file");
    }
  } catch (const std::exception& error) {
    if (!comm.all_arrive(kSecondsToClose / 2)) end_all_ranks(error);
    failure = std::current_exception();
  }
  if (!failure) comm.barrier();
  on_all(comm, [&] {
    if (failure) std::rethrow_exception(failure);
  });
}

}  // namespace

void Store::close() {
  require(files_ != nullptr, "Store::close twice");
  const std::lock_guard guard(h5::mutex());
  std::vector<std::string> names;
  for (const OpenFile& opened : files_->files)
    if (opened.file.is_open()) names.push_back(opened.name);
  on_all(files_->comm, [&] {
    for (const std::string& name : names) try_last_write(name);
  });
  const std::unique_ptr<Files> files = std::move(files_);
  try {
    close_together(files->comm, files->files);
  } catch (...) {
    for (OpenFile& opened : files->files) opened.abandon();
    throw;
  }
  on_all(files->comm, [&] {
    for (const std::string& name : names) sync_to_disk(name);
  });
  files->lock = JobLock();
  files->comm.barrier();  // whoever returns from here may open the sweep again
}

void Store::leave() {
  require(files_ != nullptr, "Store::leave after close");
  const std::lock_guard guard(h5::mutex());
  const std::unique_ptr<Files> files = std::move(files_);
  files->comm.leave();
  for (OpenFile& opened : files->files) {
    const bool is_open = opened.file.is_open();
    opened.abandon();
    if (is_open) sync_to_disk(opened.name);
  }
  files->lock = JobLock();
}

std::vector<std::string> Store::notes() const {
  require(files_ != nullptr, "Store::notes after close");
  return files_->notes;
}

void Store::write(const Slab& slab, const Array& array) {
  require(files_ != nullptr, "Store::write after close");
  OpenFile& target = files_->of(slab.file);
  const KnownDataset& known = target.find(slab.path);
  check_slab(known, slab);
  require(array.dtype == known.dtype,
          "the array's element type differs from the dataset's: " + slab.path.text());
  require(array.dtype != DType::text || array.text_length > 0,
          "a text array needs a length: " + slab.path.text());
  require(array.size() == volume_of(slab.count),
          "the array differs in size from its slab of " + slab.path.text());
  const std::lock_guard guard(h5::mutex());
  const h5::Type type = h5::type_of(array.dtype, array.text_length);
  h5::write(target.dataset(slab.path), {target.name, slab.path.text()}, type.id(), slab.offset,
            slab.count, array.bytes.data());
}

Array Store::read(const Slab& slab) const {
  require(files_ != nullptr, "Store::read after close");
  OpenFile& source = files_->of(slab.file);
  const KnownDataset& known = source.find(slab.path);
  check_slab(known, slab);
  const std::lock_guard guard(h5::mutex());
  return h5::read_part(source.dataset(slab.path), {source.name, slab.path.text()}, known.dtype,
                       known.text_length, slab.offset, slab.count);
}

std::uint64_t Store::write(const Output& output, const Array& array) {
  const std::uint64_t name = hash_text(output.name.text());
  const std::uint64_t data = checksum(array.bytes);
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < output.places.size(); ++i) {
    const Slab& place = output.places[i];
    write(place, array);
    // HDF5 makes texts as long as the dataset has them
    const bool is_same = array.dtype != DType::text ||
                         array.text_length == files_->of(place.file).find(place.path).text_length;
    sum += place_sum(name, i, is_same ? data : checksum(read(place).bytes));
  }
  return sum;
}

std::uint64_t Store::sum(const Output& output) const {
  const std::uint64_t name = hash_text(output.name.text());
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < output.places.size(); ++i)
    sum += place_sum(name, i, checksum(read(output.places[i]).bytes));
  return sum;
}

bool Store::keeps_weights(std::size_t stage, const Stage& planned) const {
  const std::uint64_t sum = sum_of(planned, File::weights, [this](const Slab& place) {
    return checksum(read(place).bytes);
  });
  const Array kept = read({File::results, "/stages/weights_checksum", {stage}, {1}});
  return sum == 0 || kept.as<std::int64_t>()[0] == sealed(stage, sum);
}

StageRecord Store::record(std::size_t stage) const {
  require(files_ != nullptr, "Store::record after close");
  const std::lock_guard guard(h5::mutex());
  const Journal& journal = files_->journal;
  const auto status = static_cast<Status>(journal.status.at(stage));
  if (status == Status::waiting) return {};
  const auto reason = files_->reasons.find(stage);
  return {status, journal.seconds[stage], journal.rank[stage],
          reason == files_->reasons.end() ? std::string() : reason->second};
}

void Store::set_peak_bytes(std::size_t stage, double bytes) {
  require(files_ != nullptr, "Store::set_peak_bytes after close");
  const std::lock_guard guard(h5::mutex());
  files_->rows->write_peak_bytes(stage, bytes);
}

void Store::set_record(std::size_t stage, const StageRecord& record) {
  require(files_ != nullptr, "Store::set_record after close");
  const std::lock_guard guard(h5::mutex());
  files_->rows->write(stage, files_->points_of_stage.at(stage), record);
  Journal& journal = files_->journal;
  journal.status[stage] = static_cast<std::uint8_t>(record.status);
  journal.seconds[stage] = record.seconds;
  journal.rank[stage] = record.rank;
  if (record.reason.empty())
    files_->reasons.erase(stage);
  else
    files_->reasons[stage] = utf8_prefix(record.reason, kReasonBytes);
}

void Store::tell(const JobProgress& progress) const {
  require(files_ != nullptr, "Store::tell after close");
  files_->lock.tell(progress);
}

}  // namespace factsweep
