#include "factsweep/model/safetensors.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>
#include <nlohmann/json.hpp>
#include <set>

#include "factsweep/core/error.hpp"
#include "factsweep/core/file.hpp"

namespace factsweep {
namespace fs = std::filesystem;
namespace {

const std::map<std::string, torch::Dtype> kDtypes = {
    {"F64", torch::kFloat64},   {"F32", torch::kFloat32}, {"F16", torch::kFloat16},
    {"BF16", torch::kBFloat16}, {"I64", torch::kInt64},   {"I32", torch::kInt32},
    {"U8", torch::kUInt8},      {"BOOL", torch::kBool}};

std::string dtype_name(torch::Dtype dtype) {
  for (const auto& [name, value] : kDtypes) {
    if (value == dtype) return name;
  }
  throw BugError("safetensors: this dtype cannot be written");
}

}  // namespace

struct SafetensorsReader::Mapping {
  std::byte* data = nullptr;
  std::size_t size = 0;
  Mapping(const fs::path& file) {
    const int descriptor = ::open(file.c_str(), O_RDONLY);
    struct stat facts {};
    if (descriptor < 0 || ::fstat(descriptor, &facts) != 0) {
      const int reason = errno;
      if (descriptor >= 0) ::close(descriptor);
      throw InputError(
          fmt::format("{}: cannot be read: {}.", file.string(), std::strerror(reason)));
    }
    size = static_cast<std::size_t>(facts.st_size);
    void* map =
        size == 0 ? MAP_FAILED : ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, descriptor, 0);
    ::close(descriptor);
    if (map == MAP_FAILED) {
      throw InputError(fmt::format("{}: cannot be memory-mapped ({} bytes).", file.string(), size));
    }
    data = static_cast<std::byte*>(map);
  }
  ~Mapping() { ::munmap(data, size); }
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;
};

void SafetensorsReader::map_file(const fs::path& file) {
  const auto mapping = std::make_shared<Mapping>(file);
  const auto damaged = [&](const std::string& reason) {
    return InputError(fmt::format("{}: {} The file is truncated or no safetensors; copy it again.",
                                  file.string(), reason));
  };
  std::uint64_t header_size = 0;
  if (mapping->size < sizeof header_size)
    throw damaged(fmt::format("only {} bytes long.", mapping->size));
  std::memcpy(&header_size, mapping->data, sizeof header_size);
  if (header_size > mapping->size - sizeof header_size) {
    throw damaged(fmt::format("the header needs {} bytes, the file has {}.", header_size,
                              mapping->size - sizeof header_size));
  }
  const char* text = reinterpret_cast<const char*>(mapping->data + sizeof header_size);
  const nlohmann::json header = nlohmann::json::parse(text, text + header_size, nullptr, false);
  if (!header.is_object()) throw damaged("the header is not a JSON object.");
  const std::size_t begin_of_data = sizeof header_size + header_size;
  const std::size_t data_size = mapping->size - begin_of_data;
  for (const auto& [name, item] : header.items()) {
    if (name == "__metadata__") {
      for (const auto& [key, value] : item.items())
        metadata_[key] = value.is_string() ? value.get<std::string>() : value.dump();
      continue;
    }
    try {
      const auto dtype = kDtypes.find(item.at("dtype").get<std::string>());
      if (dtype == kDtypes.end()) {
        throw InputError(fmt::format("{}: tensor '{}' has dtype {}, which is not supported.",
                                     file.string(), name, item["dtype"].dump()));
      }
      const auto offsets = item.at("data_offsets").get<std::vector<std::size_t>>();
      Entry entry{mapping, dtype->second, item.at("shape").get<std::vector<std::int64_t>>(),
                  begin_of_data + offsets.at(0)};
      const auto elements = static_cast<std::size_t>(c10::multiply_integers(entry.shape));
      if (offsets.at(1) > data_size ||
          offsets[1] - offsets[0] != elements * c10::elementSize(entry.dtype)) {
        throw damaged(fmt::format("tensor '{}' {} ends at byte {} of {}.", name,
                                  item["shape"].dump(), offsets[1], data_size));
      }
      entries_[name] = std::move(entry);
    } catch (const nlohmann::json::exception&) {
      throw damaged(fmt::format("the header entry of '{}' is malformed.", name));
    } catch (const std::out_of_range&) {
      throw damaged(fmt::format("the header entry of '{}' is malformed.", name));
    }
  }
}

SafetensorsReader::SafetensorsReader(const fs::path& file) : where_(file.string()) {
  map_file(file);
}

SafetensorsReader SafetensorsReader::open_directory(const fs::path& directory) {
  const fs::path single = directory / "model.safetensors";
  const fs::path index = directory / "model.safetensors.index.json";
  if (fs::exists(single)) return SafetensorsReader(single);
  if (!fs::exists(index)) {
    throw InputError(fmt::format(
        "{}: neither model.safetensors nor model.safetensors.index.json. Weights in other formats "
        "must be saved as safetensors first (transformers' save_pretrained).",
        directory.string()));
  }
  const nlohmann::json listing = read_json(index);
  std::set<std::string> shards;
  if (!listing.contains("weight_map") || !listing["weight_map"].is_object()) {
    throw InputError(fmt::format("{}: 'weight_map' is missing.", index.string()));
  }
  for (const auto& [name, shard] : listing["weight_map"].items())
    shards.insert(shard.get<std::string>());
  SafetensorsReader reader;
  reader.where_ = directory.string();
  for (const std::string& shard : shards) {
    if (!fs::exists(directory / shard)) {
      throw InputError(fmt::format("{}: shard '{}', listed in {}, is missing.", directory.string(),
                                   shard, index.filename().string()));
    }
    reader.map_file(directory / shard);
  }
  return reader;
}

std::vector<std::string> SafetensorsReader::names() const {
  std::vector<std::string> names;
  for (const auto& [name, entry] : entries_) names.push_back(name);
  return names;
}

torch::Tensor SafetensorsReader::view(const std::string& name) const {
  const auto found = entries_.find(name);
  if (found == entries_.end()) {
    throw InputError(
        fmt::format("{}: tensor '{}' is missing. Is config.json of the same model?", where_, name));
  }
  const Entry& entry = found->second;
  return torch::from_blob(
      entry.mapping->data + entry.offset, entry.shape, [keep = entry.mapping](void*) {},
      entry.dtype);
}

torch::Tensor SafetensorsReader::read(const std::string& name, at::IntArrayRef shape,
                                      torch::Dtype dtype, torch::Device device) const {
  const torch::Tensor stored = view(name);
  if (stored.sizes() != shape) {
    throw InputError(fmt::format("{}: '{}' is [{}], config.json needs [{}].", where_, name,
                                 fmt::join(stored.sizes(), ", "), fmt::join(shape, ", ")));
  }
  return stored.to(torch::TensorOptions().dtype(dtype).device(device), /*non_blocking=*/false,
                   /*copy=*/true);
}

void write_safetensors(const fs::path& file, const NamedTensors& tensors,
                       const std::map<std::string, std::string>& metadata) {
  nlohmann::json header = nlohmann::json::object();
  if (!metadata.empty()) header["__metadata__"] = metadata;
  std::size_t offset = 0;
  for (const auto& [name, tensor] : tensors) {
    header[name] = {{"dtype", dtype_name(tensor.scalar_type())},
                    {"shape", tensor.sizes().vec()},
                    {"data_offsets", {offset, offset + tensor.nbytes()}}};
    offset += tensor.nbytes();
  }
  std::string text = header.dump();
  text.resize((text.size() + 7) / 8 * 8, ' ');  // tensors start at a multiple of 8
  std::string content(sizeof(std::uint64_t), '\0');
  const std::uint64_t size = text.size();
  std::memcpy(content.data(), &size, sizeof size);
  content.reserve(content.size() + text.size() + offset);
  content += text;
  for (const auto& [name, tensor] : tensors) {
    const torch::Tensor whole = tensor.detach().to(torch::kCPU).contiguous();
    content.append(static_cast<const char*>(whole.data_ptr()), whole.nbytes());
  }
  write_file(file, content);
}

}  // namespace factsweep
