// Checked HDF5 calls.
#include "h5.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <functional>
#include <numeric>

namespace factsweep::h5 {
namespace {

// one call moves at most this much: MPI-IO and write(2) count bytes in 31 bits
constexpr std::uint64_t kCallBytes = std::uint64_t{256} << 20;

std::atomic<bool> g_left_open = false;  // HDF5's own list of what is open is global, too

herr_t keep_deepest(unsigned, const H5E_error2_t* error, void* into) {
  auto& reasons = *static_cast<std::string*>(into);
  const std::string_view text = error->desc == nullptr ? "" : error->desc;
  // the innermost entry says what broke ("write failed: errno = 28"), MPI's own text follows one
  // above it
  if (!text.empty() && std::count(reasons.begin(), reasons.end(), ';') < 1) {
    reasons += (reasons.empty() ? "" : "; ") + std::string(text);
  }
  return 0;
}

using Move = std::function<void(Extent offset, Extent count, std::size_t start)>;

/// Cuts a rectangle along its first long axis until a piece is small enough; pieces are contiguous
/// in memory.
void in_pieces(std::vector<std::uint64_t> offset, std::vector<std::uint64_t> count,
               std::size_t element, std::size_t start, const Move& move) {
  const std::uint64_t volume =
      std::accumulate(count.begin(), count.end(), std::uint64_t{1}, std::multiplies<>());
  if (volume == 0) return;
  const auto longest =
      std::find_if(count.begin(), count.end(), [](std::uint64_t n) { return n > 1; });
  if (volume * element <= kCallBytes || longest == count.end()) {
    move(offset, count, start);
    return;
  }
  const std::size_t axis = static_cast<std::size_t>(longest - count.begin());
  const std::uint64_t whole = *longest;
  const std::uint64_t half = whole / 2;
  count[axis] = half;
  in_pieces(offset, count, element, start, move);
  offset[axis] += half;
  count[axis] = whole - half;
  in_pieces(offset, count, element, start + volume / whole * half * element, move);
}

struct Selection {
  Space memory, file;
};

Selection select(hid_t dataset, Where where, Extent offset, Extent count) {
  Selection selection;
  selection.file = Space(check(H5Dget_space(dataset), where, "ask for the shape"));
  if (count.empty()) {
    selection.memory = Space(check(H5Screate(H5S_SCALAR), where, "describe a value"));
    return selection;
  }
  const std::vector<hsize_t> start(offset.begin(), offset.end());
  const std::vector<hsize_t> length(count.begin(), count.end());
  selection.memory =
      Space(check(H5Screate_simple(static_cast<int>(length.size()), length.data(), nullptr), where,
                  "describe a block"));
  check(H5Sselect_hyperslab(selection.file.id(), H5S_SELECT_SET, start.data(), nullptr,
                            length.data(), nullptr),
        where, "select a block");
  return selection;
}

Attribute open_attribute(hid_t object, Where where, const std::string& name) {
  Attribute attribute(H5Aopen(object, name.c_str(), H5P_DEFAULT));
  if (!attribute.is_open()) {
    throw InputError(fmt::format("{}: has no attribute '{}': it was not written by factsweep.",
                                 where.file, name));
  }
  return attribute;
}

Type text_attribute_type(Where where) {
  Type type(check(H5Tcopy(H5T_C_S1), where, "describe text"));
  check(H5Tset_size(type.id(), H5T_VARIABLE), where, "describe text");
  check(H5Tset_cset(type.id(), H5T_CSET_UTF8), where, "describe text");
  return type;
}

void write_scalar(hid_t object, Where where, const std::string& name, hid_t type,
                  const void* value) {
  const Space scalar(check(H5Screate(H5S_SCALAR), where, "describe an attribute"));
  const Attribute attribute(
      check(H5Acreate2(object, name.c_str(), type, scalar.id(), H5P_DEFAULT, H5P_DEFAULT), where,
            "create an attribute"));
  check(H5Awrite(attribute.id(), type, value), where, "write an attribute");
}

}  // namespace

std::mutex& mutex() {
  static std::mutex guard;
  return guard;
}

void prepare() {
  static std::once_flag once;
  std::call_once(once, [] {
    // at exit HDF5 would close files left open, collectively, with ranks that may be dead
    H5dont_atexit();
    H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);
  });
}

void note_left_open() {
  g_left_open = true;
}

bool left_open() {
  return g_left_open;
}

void leave_open(File& file) {
  if (file.is_open()) note_left_open();
  file.release();
}

std::string reason() {
  std::string reasons;
  H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, keep_deepest, &reasons);
  std::erase(reasons, '\n');  // after the time, which HDF5 tells with a failed write
  return reasons.empty() ? "HDF5 gives no reason" : reasons;
}

void fail(Where where, std::string_view attempted) {
  const std::string why = reason();
  throw EnvironmentError(fmt::format("{}{}{}: cannot {}: {}.", where.file,
                                     where.object.empty() ? "" : ":", where.object, attempted,
                                     why));
}

Type type_of(DType dtype, std::size_t text_length) {
  const auto copy = [](hid_t of) { return Type(check(H5Tcopy(of), {"HDF5"}, "copy a type")); };
  switch (dtype) {
    case DType::uint8:
      return copy(H5T_NATIVE_UINT8);
    case DType::int32:
      return copy(H5T_NATIVE_INT32);
    case DType::int64:
      return copy(H5T_NATIVE_INT64);
    case DType::float32:
      return copy(H5T_NATIVE_FLOAT);
    case DType::float64:
      return copy(H5T_NATIVE_DOUBLE);
    case DType::bfloat16: {
      Type type = copy(H5T_NATIVE_FLOAT);
      check(H5Tset_fields(type.id(), 15, 7, 8, 0, 7), {"HDF5"}, "describe bfloat16");
      check(H5Tset_size(type.id(), 2), {"HDF5"}, "describe bfloat16");
      check(H5Tset_ebias(type.id(), 127), {"HDF5"}, "describe bfloat16");
      return type;
    }
    case DType::text: {
      Type type = copy(H5T_C_S1);
      check(H5Tset_size(type.id(), std::max<std::size_t>(text_length, 1)), {"HDF5"},
            "describe text");
      check(H5Tset_strpad(type.id(), H5T_STR_NULLPAD), {"HDF5"}, "describe text");
      check(H5Tset_cset(type.id(), H5T_CSET_UTF8), {"HDF5"}, "describe text");
      return type;
    }
  }
  throw BugError("h5::type_of: unknown DType");
}

File open_serial(const std::filesystem::path& path, unsigned flags) {
  const bool writes = (flags & H5F_ACC_RDWR) != 0;
  const int descriptor = ::open(path.c_str(), (writes ? O_RDWR : O_RDONLY) | O_CLOEXEC);
  if (descriptor < 0) {
    throw EnvironmentError(fmt::format("{}: cannot be opened{}: {}.", path.string(),
                                       writes ? " for writing" : "", std::strerror(errno)));
  }
  ::close(descriptor);
  const std::string name = path.string();
  const Properties access(check(H5Pcreate(H5P_FILE_ACCESS), {name}, "prepare to open"));
  check(H5Pset_file_locking(access.id(), false, true), {name}, "switch file locks off");
  File file(H5Fopen(name.c_str(), flags, access.id()));
  if (!file.is_open()) {
    const std::string why = reason();
    // opening for writing writes
    if (writes && File(H5Fopen(name.c_str(), H5F_ACC_RDONLY, access.id())).is_open())
      throw EnvironmentError(fmt::format("{}: cannot be opened for writing: {}.", name, why));
    throw InputError(
        fmt::format("{}: is no whole HDF5 file ({}). Name another file, or move this one away.",
                    name, why));
  }
  return file;
}

void write_attribute(hid_t object, Where where, const std::string& name, const std::string& value) {
  const char* text = value.c_str();
  write_scalar(object, where, name, text_attribute_type(where).id(), &text);
}

void write_attribute(hid_t object, Where where, const std::string& name, std::int64_t value) {
  write_scalar(object, where, name, H5T_NATIVE_INT64, &value);
}

std::string text_attribute(hid_t object, Where where, const std::string& name) {
  const Attribute attribute = open_attribute(object, where, name);
  const Type stored(check(H5Aget_type(attribute.id()), where, "read an attribute"));
  if (H5Tis_variable_str(stored.id()) <= 0) {
    throw InputError(fmt::format("{}: attribute '{}' is not text: it was not written by factsweep.",
                                 where.file, name));
  }
  char* text = nullptr;
  check(H5Aread(attribute.id(), text_attribute_type(where).id(), &text), where,
        "read an attribute");
  std::string value = text == nullptr ? "" : text;
  H5free_memory(text);
  return value;
}

std::int64_t integer_attribute(hid_t object, Where where, const std::string& name) {
  const Attribute attribute = open_attribute(object, where, name);
  std::int64_t value = 0;
  check(H5Aread(attribute.id(), H5T_NATIVE_INT64, &value), where, "read an attribute");
  return value;
}

std::vector<std::uint64_t> shape_of(hid_t dataset, Where where) {
  const Space space(check(H5Dget_space(dataset), where, "ask for the shape"));
  std::vector<hsize_t> shape(
      check(H5Sget_simple_extent_ndims(space.id()), where, "ask for the shape"));
  if (!shape.empty())
    check(H5Sget_simple_extent_dims(space.id(), shape.data(), nullptr), where, "ask for the shape");
  return {shape.begin(), shape.end()};
}

std::uint64_t begin_of(const File& file, Where where) {
  const std::string path(where.object);
  const Dataset dataset(
      check(H5Dopen2(file.id(), path.c_str(), H5P_DEFAULT), where, "open the dataset"));
  return H5Dget_offset(dataset.id());
}

void write(hid_t dataset, Where where, hid_t type, Extent offset, Extent count,
           const std::byte* bytes) {
  in_pieces(
      {offset.begin(), offset.end()}, {count.begin(), count.end()}, H5Tget_size(type), 0,
      [&](Extent from, Extent length, std::size_t start) {
        const Selection part = select(dataset, where, from, length);
        errno = 0;  // MPI-IO reports little; the system's reason mostly survives here
        const herr_t code =
            H5Dwrite(dataset, type, part.memory.id(), part.file.id(), H5P_DEFAULT, bytes + start);
        const int why = errno;
        if (code >= 0) return;
        throw EnvironmentError(fmt::format("{}:{}: cannot write: {} (HDF5: {})", where.file,
                                           where.object, explain_failed_write(why), reason()));
      });
}

void read(hid_t dataset, Where where, hid_t type, Extent offset, Extent count, std::byte* bytes) {
  in_pieces(
      {offset.begin(), offset.end()}, {count.begin(), count.end()}, H5Tget_size(type), 0,
      [&](Extent from, Extent length, std::size_t start) {
        const Selection part = select(dataset, where, from, length);
        check(H5Dread(dataset, type, part.memory.id(), part.file.id(), H5P_DEFAULT, bytes + start),
              where, "read");
      });
}

Array read_part(hid_t dataset, Where where, DType dtype, std::size_t text_length, Extent offset,
                Extent count) {
  const Type type = type_of(dtype, text_length);
  const std::uint64_t volume =
      std::accumulate(count.begin(), count.end(), std::uint64_t{1}, std::multiplies<>());
  Array array{dtype, dtype == DType::text ? text_length : 0,
              std::vector<std::byte>(volume * H5Tget_size(type.id()))};
  read(dataset, where, type.id(), offset, count, array.bytes.data());
  return array;
}

Array read_all(const File& file, Where where, DType dtype, std::size_t text_length) {
  const std::string name(where.object);
  const Dataset dataset(H5Dopen2(file.id(), name.c_str(), H5P_DEFAULT));
  if (!dataset.is_open()) {
    throw InputError(
        fmt::format("{}: has no dataset {}: it was not written by this version of factsweep.",
                    where.file, name));
  }
  const std::vector<std::uint64_t> count = shape_of(dataset.id(), where);
  const std::vector<std::uint64_t> offset(count.size(), 0);
  if (dtype == DType::text && text_length == 0) {
    const Type stored(check(H5Dget_type(dataset.id()), where, "ask for the type"));
    text_length = H5Tget_size(stored.id());
  }
  return read_part(dataset.id(), where, dtype, text_length, offset, count);
}

}  // namespace factsweep::h5
