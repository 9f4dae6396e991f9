// Reading back the weight deltas of one point, or an adapter of a bank, for `factsweep export`.
#include <fmt/format.h>
#include <fmt/ranges.h>

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

/// The tensors of `group`, and the text of `config` where it is there.
StoredDeltas read_group(const h5::File& weights, const std::string& name, const std::string& config,
                        const std::string& group) {
  StoredDeltas stored;
  if (H5Lexists(weights.id(), config.c_str(), H5P_DEFAULT) > 0)
    stored.adapter_config = text_column(weights, name, config).at(0);
  for (const std::string& member : members(weights, name, group)) {
    const std::string path = group + "/" + member;
    if (path == config) continue;
    const h5::Where where{name, path};
    const h5::Dataset dataset(
        h5::check(H5Dopen2(weights.id(), path.c_str(), H5P_DEFAULT), where, "open"));
    stored.tensors.push_back(
        {member, h5::shape_of(dataset.id(), where), h5::read_all(weights, where, DType::float32)});
  }
  return stored;
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
  StoredDeltas stored =
      read_group(deltas, weights_name, fmt::format("/deltas/{}/{}", key, kAdapterConfig), group);
  const std::string mixture = fmt::format("/deltas/{}/{}", key, kMixtureConfig);
  if (H5Lexists(deltas.id(), mixture.c_str(), H5P_DEFAULT) > 0)
    stored.mixture_config = text_column(deltas, weights_name, mixture).at(0);
  return stored;
}

StoredDeltas read_bank_adapter(const std::filesystem::path& results, const std::string& adapter) {
  const std::lock_guard guard(h5::mutex());
  h5::prepare();
  const std::string name = results.string(), weights_name = weights_path(results).string();
  const h5::File file = h5::open_serial(results, H5F_ACC_RDONLY);
  if (H5Lexists(file.id(), "/bank", H5P_DEFAULT) <= 0)
    throw InputError(fmt::format("{}: holds no bank of adapters; it is no K-shot study's.", name));
  const std::vector<std::string> names = text_column(file, name, "/bank/name");
  const auto found = std::find(names.begin(), names.end(), adapter);
  if (found == names.end())
    throw InputError(fmt::format("{}: its bank has no '{}'. It has: {}.", name, adapter,
                                 fmt::join(names, ", ")));
  const Array usable = h5::read_all(file, {name, "/bank/usable"}, DType::uint8);
  if (usable.as<std::uint8_t>()[static_cast<std::size_t>(found - names.begin())] != 1)
    throw InputError(fmt::format(
        "{}: the adapter '{}' is not trained yet, or its training diverged.", name, adapter));
  const h5::File weights = h5::open_serial(weights_path(results), H5F_ACC_RDONLY);
  const std::string group = "/bank/" + adapter;
  return read_group(weights, weights_name, group + "/" + kAdapterConfig, group);
}

}  // namespace factsweep
