// What a finished sweep's files hold, for whoever takes weights out of them: read serially, by
// path.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "factsweep/core/array.hpp"

namespace factsweep {

struct StoredTensor {
  std::string name;  // within its group
  std::vector<std::uint64_t> shape;
  Array values;  // float32, whatever the file's precision
};

struct StoredWeights {
  std::map<std::string, std::string> about;  // texts that say what the tensors are, by name
  std::vector<StoredTensor> tensors;
};

/// The weights that the leaf stage of a point left, `when` = "early_stop" or "final". InputError:
/// no such point (names those there are), point not done, no weights stored.
StoredWeights read_weights(const std::filesystem::path& results, const std::string& point,
                           const std::string& when);

/// An adapter that the weights file beside `results` keeps by its name, whatever group it is in. The
/// results file has the same group with `name`, and `usable`: whether an adapter came about.
/// InputError: there is none of that name (says which there are), or it is not usable.
StoredWeights read_adapter(const std::filesystem::path& results, const std::string& name);

/// A group of the weights file beside `results` by its path ("/bank/sst2"): its texts and tensors.
/// InputError: no such file or group.
StoredWeights read_weights_group(const std::filesystem::path& results, const std::string& group);

/// The value that the sweep's deck had for a key that results depend on. InputError: no such key.
std::string science_value(const std::filesystem::path& results, const std::string& key);

/// A dataset of a results file by its path; nothing where there is none.
std::optional<Array> find_dataset(const std::filesystem::path& results, const std::string& path,
                                  DType dtype);

/// A row of one: its first index is `row`. InputError: it has no such row.
std::optional<Array> find_row(const std::filesystem::path& results, const std::string& path,
                              DType dtype, std::uint64_t row);

}  // namespace factsweep
