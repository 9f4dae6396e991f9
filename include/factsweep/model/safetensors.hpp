// Safetensors files: read through a memory map, written whole or not at all.
#pragma once

#include <torch/types.h>

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace factsweep {

using NamedTensors = std::vector<std::pair<std::string, torch::Tensor>>;

/// One or several (model.safetensors.index.json) mapped files; tensors are views of the map until
/// they are copied. The ranks of a node share the pages: no rank has a copy of its own.
class SafetensorsReader {
 public:
  /// InputError: not safetensors, header beyond the file's end, truncated data, unsupported dtype,
  /// tensors that overlap.
  explicit SafetensorsReader(const std::filesystem::path& file);
  /// model.safetensors, or the shards that model.safetensors.index.json lists. InputError: neither,
  /// a shard missing or no plain file name, a tensor in another shard than listed, or in two.
  static SafetensorsReader open_directory(const std::filesystem::path& directory);

  bool has(const std::string& name) const { return entries_.count(name) != 0; }
  std::vector<std::string> names() const;
  /// The file that holds a tensor. InputError: absent.
  std::string file_of(const std::string& name) const;
  /// InputError: absent, its shape is not `shape` (both shown), or it does not hold real numbers.
  void check(const std::string& name, at::IntArrayRef shape) const;
  /// Copied to `device` as `dtype`. InputError: see check().
  torch::Tensor read(const std::string& name, at::IntArrayRef shape, torch::Dtype dtype,
                     torch::Device device) const;
  /// As stored, shape as in the file; a view of the map that keeps it alive.
  torch::Tensor view(const std::string& name) const;
  /// Lets this process forget the pages of a tensor that has been copied; a view still reads them.
  void release(const std::string& name) const;
  const std::map<std::string, std::string>& metadata() const { return metadata_; }

 private:
  SafetensorsReader() = default;
  void map_file(const std::filesystem::path& file);
  struct Mapping;
  struct Entry;
  const Entry& entry(const std::string& name) const;
  struct Entry {
    std::shared_ptr<Mapping> mapping;
    torch::Dtype dtype;
    std::vector<std::int64_t> shape;
    std::size_t offset;
  };
  std::map<std::string, Entry> entries_;
  std::map<std::string, std::string> metadata_;
  std::string where_;
};

/// Writes `tensors` one after the other, so that memory holds a copy of at most one of them (none
/// of one that lies whole on the CPU); atomic (temporary name, sync, rename). EnvironmentError.
void write_safetensors(const std::filesystem::path& file, const NamedTensors& tensors,
                       const std::map<std::string, std::string>& metadata);

}  // namespace factsweep
