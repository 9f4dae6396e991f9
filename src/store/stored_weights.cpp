#include "factsweep/store/stored_weights.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "factsweep/core/error.hpp"
#include "factsweep/store/store.hpp"
#include "h5.hpp"

namespace factsweep {
namespace {

using h5::check;
using h5::Where;

bool exists(const h5::File& file, const std::string& path) {
  for (std::size_t end = path.find('/', 1); end != std::string::npos; end = path.find('/', end + 1))
    if (H5Lexists(file.id(), path.substr(0, end).c_str(), H5P_DEFAULT) <= 0) return false;
  return H5Lexists(file.id(), path.c_str(), H5P_DEFAULT) > 0;
}

std::vector<std::string> members(const h5::File& file, const std::string& name,
                                 const std::string& path) {
  const Where where{name, path};
  H5G_info_t info{};
  check(H5Gget_info_by_name(file.id(), path.c_str(), &info, H5P_DEFAULT), where, "list");
  std::vector<std::string> names;
  for (hsize_t i = 0; i < info.nlinks; ++i) {
    const auto length = check(H5Lget_name_by_idx(file.id(), path.c_str(), H5_INDEX_NAME,
                                                 H5_ITER_INC, i, nullptr, 0, H5P_DEFAULT),
                              where, "list");
    std::string member(static_cast<std::size_t>(length) + 1, '\0');
    check(H5Lget_name_by_idx(file.id(), path.c_str(), H5_INDEX_NAME, H5_ITER_INC, i, member.data(),
                             member.size(), H5P_DEFAULT),
          where, "list");
    member.pop_back();
    names.push_back(std::move(member));
  }
  return names;
}

/// Texts and tensors of a folder that holds datasets alone; with `row`, that row of each (a text
/// that all rows share has one).
void read_folder(const h5::File& file, const std::string& name, const std::string& folder,
                 std::optional<std::uint64_t> row, StoredWeights& into) {
  for (const std::string& member : members(file, name, folder)) {
    const std::string path = folder + "/" + member;
    const Where where{name, path};
    const h5::Dataset dataset(
        check(H5Dopen2(file.id(), path.c_str(), H5P_DEFAULT), where, "open the dataset"));
    const h5::Type stored(check(H5Dget_type(dataset.id()), where, "ask for the type"));
    const bool is_text = H5Tget_class(stored.id()) == H5T_STRING;
    std::vector<std::uint64_t> count = h5::shape_of(dataset.id(), where);
    std::vector<std::uint64_t> offset(count.size(), 0);
    if (row) {
      require(!count.empty(), "a dataset of a weight group has no rows: " + path);
      offset.front() = is_text && count.front() == 1 ? 0 : *row;
      count.front() = 1;
    }
    Array array = h5::read_part(dataset.id(), where, is_text ? DType::text : DType::float32,
                                H5Tget_size(stored.id()), offset, count);
    if (row) count.erase(count.begin());
    if (is_text) {
      into.about[member] = array.as_text().at(0);
    } else {
      into.tensors.push_back({member, count, std::move(array)});
    }
  }
}

/// A folder under /deltas, and the row that a stage has there.
struct Place {
  std::string folder;
  std::uint64_t row = 0;
};

std::optional<Place> place_of(const h5::File& file, const std::string& name, std::int64_t stage) {
  if (!exists(file, "/deltas")) return std::nullopt;
  for (const std::string& group : members(file, name, "/deltas")) {
    const std::string folder = "/deltas/" + group;
    const Array stages = h5::read_all(file, {name, folder + "/stage"}, DType::int64);
    const auto all = stages.as<std::int64_t>();
    const auto found = std::find(all.begin(), all.end(), stage);
    if (found != all.end()) return Place{folder, static_cast<std::uint64_t>(found - all.begin())};
  }
  return std::nullopt;
}

/// Row of /stages of the point's leaf, which has to be done.
std::int64_t leaf_of(const std::filesystem::path& results, const std::string& point) {
  const std::string name = results.string();
  const h5::File file = h5::open_serial(results, H5F_ACC_RDONLY);
  const std::vector<std::string> ids =
      h5::read_all(file, {name, "/points/id"}, DType::text).as_text();
  const auto found = std::find(ids.begin(), ids.end(), point);
  if (found == ids.end()) {
    std::string listing;
    for (std::size_t i = 0; i < std::min<std::size_t>(ids.size(), 10); ++i)
      listing += (i == 0 ? "" : ", ") + ids[i];
    throw InputError(fmt::format("{}: has no point '{}'. Its points: {}{}.", name, point, listing,
                                 ids.size() > 10 ? ", ..." : ""));
  }
  const auto row = static_cast<std::size_t>(found - ids.begin());
  const Array status = h5::read_all(file, {name, "/points/status"}, DType::uint8);
  if (status.as<std::uint8_t>()[row] != static_cast<std::uint8_t>(Status::done))
    throw InputError(
        fmt::format("{}: point '{}' is not done. Run the sweep again to finish it.", name, point));
  return h5::read_all(file, {name, "/points/stage"}, DType::int64).as<std::int64_t>()[row];
}

/// `when`: of the weights that are asked for.
std::string keep_advice(const std::string& when) {
  return fmt::format("Run it with store.deltas = {}; run.reuse takes over all else.",
                     when == "early_stop" ? "early_stop+final" : "final");
}

/// Folders at the root of a results file that list names and whether what bears them is usable, with
/// the names.
std::map<std::string, std::vector<std::string>> named_groups(const std::filesystem::path& results) {
  const std::lock_guard guard(h5::mutex());
  h5::prepare();
  const std::string name = results.string();
  const h5::File file = h5::open_serial(results, H5F_ACC_RDONLY);
  std::map<std::string, std::vector<std::string>> groups;
  for (const std::string& member : members(file, name, "/")) {
    const std::string folder = "/" + member;
    if (exists(file, folder + "/name") && exists(file, folder + "/usable"))
      groups[folder] = h5::read_all(file, {name, folder + "/name"}, DType::text).as_text();
  }
  return groups;
}

h5::File open_weights(const std::filesystem::path& weights, const std::string& when) {
  std::error_code ignored;
  if (!std::filesystem::exists(weights, ignored))
    throw InputError(fmt::format("{}: no such file, so the run kept no weights. {}", weights.string(),
                                 keep_advice(when)));
  return h5::open_serial(weights, H5F_ACC_RDONLY);
}

}  // namespace

StoredWeights read_weights(const std::filesystem::path& results, const std::string& point,
                           const std::string& when) {
  const std::lock_guard guard(h5::mutex());
  h5::prepare();
  const std::int64_t stage = leaf_of(results, point);
  const std::string name = weights_path(results).string();
  const h5::File file = open_weights(weights_path(results), when);
  const std::optional<Place> place = place_of(file, name, stage);
  if (!place || !exists(file, place->folder + "/" + when))
    throw InputError(fmt::format("{}: holds no {} weights of point '{}'. {}", name, when, point,
                                 keep_advice(when)));
  StoredWeights stored;
  if (exists(file, place->folder + "/about"))
    read_folder(file, name, place->folder + "/about", place->row, stored);
  read_folder(file, name, place->folder + "/" + when, place->row, stored);
  return stored;
}

StoredWeights read_weights_group(const std::filesystem::path& results, const std::string& group) {
  const std::lock_guard guard(h5::mutex());
  h5::prepare();
  const std::string name = weights_path(results).string();
  const h5::File file = open_weights(weights_path(results), "final");
  if (!exists(file, group)) throw InputError(fmt::format("{}: has no group {}.", name, group));
  StoredWeights stored;
  read_folder(file, name, group, std::nullopt, stored);
  return stored;
}

StoredWeights read_adapter(const std::filesystem::path& results, const std::string& name) {
  std::vector<std::string> names;
  for (const auto& [folder, has] : named_groups(results)) {
    names.insert(names.end(), has.begin(), has.end());
    const auto found = std::find(has.begin(), has.end(), name);
    if (found == has.end()) continue;
    const std::optional<Array> usable = find_dataset(results, folder + "/usable", DType::uint8);
    if (!usable || usable->as<std::uint8_t>()[static_cast<std::size_t>(found - has.begin())] != 1)
      throw InputError(
          fmt::format("{}: the adapter '{}' is not trained yet, or its training diverged.",
                      results.string(), name));
    return read_weights_group(results, folder + "/" + name);
  }
  if (names.empty())
    throw InputError(fmt::format(
        "{}: keeps no adapters by their names. Export what a point has made, with --point.",
        results.string()));
  throw InputError(fmt::format("{}: keeps no adapter '{}'. It has: {}.", results.string(), name,
                               fmt::join(names, ", ")));
}

std::string science_value(const std::filesystem::path& results, const std::string& key) {
  const std::lock_guard guard(h5::mutex());
  h5::prepare();
  const std::string name = results.string();
  const h5::File file = h5::open_serial(results, H5F_ACC_RDONLY);
  const auto science =
      nlohmann::json::parse(h5::text_attribute(file.id(), {name}, "science"), nullptr, false);
  if (!science.is_object() || !science.contains(key) || !science.at(key).is_string())
    throw InputError(fmt::format("{}: its deck has no '{}'.", name, key));
  return science.at(key).get<std::string>();
}

std::optional<Array> find_dataset(const std::filesystem::path& results, const std::string& path,
                                  DType dtype) {
  const std::lock_guard guard(h5::mutex());
  h5::prepare();
  const h5::File file = h5::open_serial(results, H5F_ACC_RDONLY);
  if (!exists(file, path)) return std::nullopt;
  return h5::read_all(file, {results.string(), path}, dtype);
}

std::optional<Array> find_row(const std::filesystem::path& results, const std::string& path,
                              DType dtype, std::uint64_t row) {
  const std::lock_guard guard(h5::mutex());
  h5::prepare();
  const h5::File file = h5::open_serial(results, H5F_ACC_RDONLY);
  if (!exists(file, path)) return std::nullopt;
  const std::string name = results.string();
  const Where where{name, path};
  const h5::Dataset dataset(
      check(H5Dopen2(file.id(), path.c_str(), H5P_DEFAULT), where, "open the dataset"));
  const h5::Type stored(check(H5Dget_type(dataset.id()), where, "ask for the type"));
  std::vector<std::uint64_t> count = h5::shape_of(dataset.id(), where);
  if (count.empty() || row >= count.front())
    throw InputError(fmt::format("{}: {} has no row {}.", name, path, row));
  std::vector<std::uint64_t> offset(count.size(), 0);
  offset.front() = row;
  count.front() = 1;
  return h5::read_part(dataset.id(), where, dtype, H5Tget_size(stored.id()), offset, count);
}

}  // namespace factsweep
