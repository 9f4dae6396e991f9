// Reading back the weight deltas of one point, for `factsweep export`.
#include <fmt/format.h>

#include <algorithm>

#include "factsweep/store/store.hpp"
#include "h5.hpp"

namespace factsweep {
namespace {

std::vector<std::string> text_column(const h5::File& file, const std::string& name,
                                     const std::string& path) {
  const h5::Where where{name, path};
  const h5::Dataset dataset(
      h5::check(H5Dopen2(file.id(), path.c_str(), H5P_DEFAULT), where, "open"));
  const h5::Type stored(h5::check(H5Dget_type(dataset.id()), where, "ask for the type"));
  return h5::read_all(file, where, DType::text, H5Tget_size(stored.id())).as_text();
}

std::vector<std::string> members(const h5::File& file, const std::string& name,
                                 const std::string& path) {
  const h5::Where where{name, path};
  H5G_info_t info{};
  h5::check(H5Gget_info_by_name(file.id(), path.c_str(), &info, H5P_DEFAULT), where, "list");
  std::vector<std::string> names;
  for (hsize_t i = 0; i < info.nlinks; ++i) {
    const auto length = h5::check(H5Lget_name_by_idx(file.id(), path.c_str(), H5_INDEX_NAME,
                                                     H5_ITER_INC, i, nullptr, 0, H5P_DEFAULT),
                                  where, "list");
    std::string member(static_cast<std::size_t>(length) + 1, '\0');
    h5::check(H5Lget_name_by_idx(file.id(), path.c_str(), H5_INDEX_NAME, H5_ITER_INC, i,
                                 member.data(), member.size(), H5P_DEFAULT),
              where, "list");
    member.pop_back();
    names.push_back(std::move(member));
  }
  return names;
}

std::string listing(const std::vector<std::string>& ids) {
  std::string list;
  for (std::size_t i = 0; i < std::min<std::size_t>(ids.size(), 10); ++i)
    list += (i == 0 ? "" : ", ") + ids[i];
  return ids.size() > 10 ? list + ", ..." : list;
}

}  // namespace

StoredDeltas read_deltas(const std::filesystem::path& results, const std::string& point,
                         const std::string& when) {
  const std::lock_guard guard(h5::mutex());
  h5::prepare();
  const std::string name = results.string();
  const h5::File file = h5::open_serial(results, H5F_ACC_RDONLY);
  const std::vector<std::string> ids = text_column(file, name, "/points/id");
  const auto found = std::find(ids.begin(), ids.end(), point);
  if (found == ids.end())
    throw InputError(
        fmt::format("{}: has no point '{}'. Its points: {}.", name, point, listing(ids)));
  const auto row = static_cast<std::size_t>(found - ids.begin());
  const Array status = h5::read_all(file, {name, "/points/status"}, DType::uint8);
  if (status.as<std::uint8_t>()[row] != static_cast<std::uint8_t>(Status::done)) {
    throw InputError(
        fmt::format("{}: point '{}' is not done. Run the sweep again to finish it.", name, point));
  }
  const Array leaves = h5::read_all(file, {name, "/points/stage"}, DType::int64);
  const auto stage = static_cast<std::size_t>(leaves.as<std::int64_t>()[row]);
  const std::string key = text_column(file, name, "/stages/key").at(stage);

  const std::filesystem::path weights = weights_path(results);
  const std::string weights_name = weights.string(),
                    group = fmt::format("/deltas/{}/{}", key, when);
  if (!std::filesystem::exists(weights)) {
    throw InputError(
        fmt::format("{}: no such file, so the run kept no weights. Run it with store.deltas = "
                    "final or early_stop+final.",
                    weights_name));
  }
  const h5::File deltas = h5::open_serial(weights, H5F_ACC_RDONLY);
  if (H5Lexists(deltas.id(), fmt::format("/deltas/{}", key).c_str(), H5P_DEFAULT) <= 0 ||
      H5Lexists(deltas.id(), group.c_str(), H5P_DEFAULT) <= 0) {
    throw InputError(fmt::format(
        "{}: holds no {} deltas of point '{}'. Run with store.deltas = early_stop+final.",
        weights_name, when, point));
  }
  StoredDeltas found_deltas;
  const std::string config = fmt::format("/deltas/{}/{}", key, kAdapterConfig);
  if (H5Lexists(deltas.id(), config.c_str(), H5P_DEFAULT) > 0)
    found_deltas.adapter_config = text_column(deltas, weights_name, config).at(0);
  for (const std::string& member : members(deltas, weights_name, group)) {
    const std::string path = group + "/" + member;
    const h5::Where where{weights_name, path};
    const h5::Dataset dataset(
        h5::check(H5Dopen2(deltas.id(), path.c_str(), H5P_DEFAULT), where, "open"));
    found_deltas.tensors.push_back(
        {member, h5::shape_of(dataset.id(), where), h5::read_all(deltas, where, DType::float32)});
  }
  return found_deltas;
}

}  // namespace factsweep
