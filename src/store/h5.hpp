// The little of HDF5 that the store needs: owned ids, checked calls, types, attributes, slabs.
// HDF5 as packaged is not thread-safe: hold mutex() around every call.
#pragma once

#include <hdf5.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "factsweep/core/array.hpp"

namespace factsweep::h5 {

std::mutex& mutex();

/// Call before anything else: HDF5 prints nothing by itself and closes nothing at exit.
void prepare();

/// What a failed call was about: "sweep.h5:/points/status: cannot write: No space left on device."
struct Where {
  std::string_view file;
  std::string_view object = {};
};

/// Throws EnvironmentError with the deepest reasons on HDF5's error stack.
[[noreturn]] void fail(Where where, std::string_view attempted);
/// The innermost reasons on HDF5's error stack, of the call that just failed.
std::string reason();

template <typename T>
T check(T value, Where where, std::string_view attempted) {
  if (value < 0) fail(where, attempted);
  return value;
}

/// A file is open that could not be closed; has there been one in this process?
void note_left_open();
bool left_open();

/// Owns one id. The destructor ignores errors; close() reports them.
template <herr_t (*Close)(hid_t)>
class Handle {
 public:
  Handle() = default;
  explicit Handle(hid_t id) : id_(id) {}
  Handle(Handle&& other) noexcept : id_(other.release()) {}
  Handle& operator=(Handle&& other) noexcept {
    std::swap(id_, other.id_);
    return *this;
  }
  ~Handle() {
    if (id_ >= 0) Close(id_);
  }

  hid_t id() const { return id_; }
  bool is_open() const { return id_ >= 0; }
  /// Gives the id up without closing it.
  hid_t release() { return std::exchange(id_, H5I_INVALID_HID); }
  void close(Where where, std::string_view attempted) {
    if (id_ < 0 || Close(release()) >= 0) return;
    note_left_open();
    fail(where, attempted);
  }

 private:
  hid_t id_ = H5I_INVALID_HID;
};

using File = Handle<H5Fclose>;
using Dataset = Handle<H5Dclose>;
using Space = Handle<H5Sclose>;
using Type = Handle<H5Tclose>;
using Attribute = Handle<H5Aclose>;
using Properties = Handle<H5Pclose>;

/// Gives a file up after an error: closing it would fail again, or wait for ranks that are gone.
void leave_open(File& file);

/// The type of one element, in memory and in the file.
Type type_of(DType dtype, std::size_t text_length);

/// Opens an existing file serially, without file locks (a running job may hold it).
/// EnvironmentError when the system refuses; InputError when it is not a whole HDF5 file.
File open_serial(const std::filesystem::path& path, unsigned flags);

/// Variable-length UTF-8: h5py reads str, and there is no 64 KB limit.
void write_attribute(hid_t object, Where where, const std::string& name, const std::string& value);
void write_attribute(hid_t object, Where where, const std::string& name, std::int64_t value);
/// InputError when there is none.
std::string text_attribute(hid_t object, Where where, const std::string& name);
std::int64_t integer_attribute(hid_t object, Where where, const std::string& name);

/// The length of each axis.
std::vector<std::uint64_t> shape_of(hid_t dataset, Where where);

/// Where the first element of a contiguous dataset lies in the file, in bytes; it stays there. Of a
/// dataset without elements: no place.
std::uint64_t begin_of(const File& file, Where where);

using Extent = std::span<const std::uint64_t>;
/// Reads or writes the rectangle `count` at `offset` (empty: a scalar). Independent on a file
/// opened with MPI.
void write(hid_t dataset, Where where, hid_t type, Extent offset, Extent count,
           const std::byte* bytes);
void read(hid_t dataset, Where where, hid_t type, Extent offset, Extent count, std::byte* bytes);

/// The rectangle `count` at `offset` as an array. `text_length`: bytes of an element, of text.
Array read_part(hid_t dataset, Where where, DType dtype, std::size_t text_length, Extent offset,
                Extent count);

/// A whole dataset of numbers or text, opened by name.
Array read_all(const File& file, Where where, DType dtype, std::size_t text_length = 0);

}  // namespace factsweep::h5
