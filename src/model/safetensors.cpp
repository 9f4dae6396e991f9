#include "factsweep/model/safetensors.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>
#include <span>

#include "factsweep/core/checksum.hpp"
#include "factsweep/core/error.hpp"
#include "factsweep/core/file.hpp"
#include "factsweep/core/file_writer.hpp"
#include "factsweep/model/checkpoint_file.hpp"

namespace factsweep {
namespace fs = std::filesystem;
namespace {

constexpr std::uint64_t kLongestHeader = 100'000'000;  // the format's own limit

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
  const std::string file;
  std::byte* data = nullptr;
  std::size_t size = 0;
  explicit Mapping(const fs::path& path) : file(path.string()) {
    const int descriptor = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
    struct stat facts {};
    if (descriptor < 0 || ::fstat(descriptor, &facts) != 0) {
      const int reason = errno;
      if (descriptor >= 0) ::close(descriptor);
      throw InputError(fmt::format("{}: cannot be read: {}.", file, std::strerror(reason)));
    }
    size = static_cast<std::size_t>(facts.st_size);
    void* map =
        size == 0 ? MAP_FAILED : ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, descriptor, 0);
    ::close(descriptor);
    if (map == MAP_FAILED) {
      throw InputError(fmt::format("{}: cannot be memory-mapped ({} bytes).", file, size));
    }
    data = static_cast<std::byte*>(map);
  }
  ~Mapping() { ::munmap(data, size); }
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;
};

namespace {

/// One entry of a header. The numbers are unsigned in the file: a negative or fractional one is
/// damage, and would convert to something else in silence.
struct Described {
  std::string dtype;
  std::vector<std::int64_t> shape;
  std::uint64_t begin = 0, end = 0;
};

std::vector<std::uint64_t> whole_numbers(const nlohmann::json& list) {
  std::vector<std::uint64_t> numbers;
  for (const nlohmann::json& item : list) {
    if (!list.is_array() || !item.is_number_unsigned()) throw std::out_of_range("no whole number");
    numbers.push_back(item.get<std::uint64_t>());
  }
  return numbers;
}

/// std::out_of_range or nlohmann::json::exception: malformed.
Described describe(const nlohmann::json& item) {
  Described described;
  described.dtype = item.at("dtype").get<std::string>();
  std::uint64_t elements = 1;
  for (const std::uint64_t size : whole_numbers(item.at("shape"))) {
    if (size > 0 && elements > (std::uint64_t{1} << 56) / size)
      throw std::out_of_range("more elements than any file holds");
    elements *= size;
    described.shape.push_back(static_cast<std::int64_t>(size));
  }
  const std::vector<std::uint64_t> offsets = whole_numbers(item.at("data_offsets"));
  if (offsets.size() != 2) throw std::out_of_range("not two offsets");
  described.begin = offsets[0];
  described.end = offsets[1];
  return described;
}

/// What holds `bytes` of the map as a JSON object; `damaged` makes the error.
template <typename Damaged>
nlohmann::json read_header(const std::byte* data, std::size_t bytes, const Damaged& damaged) {
  std::uint64_t size = 0;
  if (bytes < sizeof size) throw damaged(fmt::format("only {} bytes long.", bytes));
  std::memcpy(&size, data, sizeof size);
  if (size > bytes - sizeof size || size > kLongestHeader) {
    throw damaged(
        fmt::format("the header needs {} bytes, the file has {}.", size, bytes - sizeof size));
  }
  const char* text = reinterpret_cast<const char*>(data + sizeof size);
  nlohmann::json header = nlohmann::json::parse(text, text + size, nullptr, false);
  if (!header.is_object()) throw damaged("the header is not a JSON object.");
  return header;
}

}  // namespace

void SafetensorsReader::map_file(const fs::path& file) {
  const auto mapping = std::make_shared<Mapping>(file);
  const auto damaged = [&](const std::string& reason) {
    return InputError(fmt::format("{}: {} The file is truncated or no safetensors; copy it again.",
                                  file.string(), reason));
  };
  const nlohmann::json header = read_header(mapping->data, mapping->size, damaged);
  std::uint64_t begin_of_data = 0;
  std::memcpy(&begin_of_data, mapping->data, sizeof begin_of_data);
  begin_of_data += sizeof begin_of_data;
  const std::uint64_t data_size = mapping->size - begin_of_data;
  std::map<std::uint64_t, std::pair<std::uint64_t, std::string>> extents;  // begin: end, name
  for (const auto& [name, item] : header.items()) {
    if (name == "__metadata__") {
      for (const auto& [key, value] : item.items())
        metadata_[key] = value.is_string() ? value.get<std::string>() : value.dump();
      continue;
    }
    Described found;
    try {
      found = describe(item);
    } catch (const nlohmann::json::exception&) {
      throw damaged(fmt::format("the header entry of '{}' is malformed.", name));
    } catch (const std::out_of_range&) {
      throw damaged(fmt::format("the header entry of '{}' is malformed.", name));
    }
    const auto dtype = kDtypes.find(found.dtype);
    if (dtype == kDtypes.end()) {
      throw InputError(fmt::format("{}: tensor '{}' has dtype {}, which is not supported.",
                                   file.string(), name, found.dtype));
    }
    const auto elements = static_cast<std::uint64_t>(c10::multiply_integers(found.shape));
    if (found.begin > found.end || found.end > data_size ||
        found.end - found.begin != elements * c10::elementSize(dtype->second)) {
      throw damaged(fmt::format("tensor '{}' {} ends at byte {} of {}.", name, item["shape"].dump(),
                                found.end, data_size));
    }
    if (found.begin < found.end && !extents.try_emplace(found.begin, found.end, name).second)
      throw damaged(fmt::format("two tensors begin where '{}' does.", name));
    const Entry entry{mapping, dtype->second, found.shape, begin_of_data + found.begin};
    if (!entries_.try_emplace(name, entry).second) {
      throw InputError(fmt::format("{}: tensor '{}' is in {} too.", file.string(), name,
                                   entries_.at(name).mapping->file));
    }
  }
  for (auto next = extents.begin(); next != extents.end();) {
    const auto& [end, name] = next->second;
    if (++next != extents.end() && next->first < end)
      throw damaged(fmt::format("tensors '{}' and '{}' overlap.", name, next->second.second));
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
  const auto map = listing.is_object() ? listing.find("weight_map") : listing.end();
  if (map == listing.end() || !map->is_object())
    throw InputError(fmt::format("{}: 'weight_map' is missing.", index.string()));
  std::set<std::string> shards;
  for (const auto& [name, shard] : map->items()) {
    // a shard stands beside its index; anything else is damage or mischief
    if (!shard.is_string() || shard.get<std::string>().empty() ||
        shard.get<std::string>().find('/') != std::string::npos) {
      throw InputError(fmt::format("{}: '{}' lies in {}, which is no file name.", index.string(),
                                   name, shard.dump()));
    }
    shards.insert(shard.get<std::string>());
  }
  SafetensorsReader reader;
  reader.where_ = directory.string();
  for (const std::string& shard : shards) {
    if (!fs::is_regular_file(directory / shard)) {
      throw InputError(fmt::format("{}: shard '{}', listed in {}, is missing.", directory.string(),
                                   shard, index.filename().string()));
    }
    reader.map_file(directory / shard);
  }
  for (const auto& [name, shard] : map->items()) {
    if (reader.file_of(name) != (directory / shard.get<std::string>()).string()) {
      throw InputError(fmt::format("{}: tensor '{}' is not in the shard {}, but in {}.",
                                   index.string(), name, shard.dump(), reader.file_of(name)));
    }
  }
  return reader;
}

std::vector<std::string> SafetensorsReader::names() const {
  std::vector<std::string> names;
  for (const auto& [name, entry] : entries_) names.push_back(name);
  return names;
}

const SafetensorsReader::Entry& SafetensorsReader::entry(const std::string& name) const {
  const auto found = entries_.find(name);
  if (found != entries_.end()) return found->second;
  throw InputError(
      fmt::format("{}: tensor '{}' is missing. Is config.json of the same model?", where_, name));
}

std::string SafetensorsReader::file_of(const std::string& name) const {
  return entry(name).mapping->file;
}

void SafetensorsReader::check(const std::string& name, at::IntArrayRef shape) const {
  const Entry& found = entry(name);
  if (at::IntArrayRef(found.shape) != shape) {
    throw InputError(fmt::format("{}: '{}' is [{}], config.json needs [{}].", found.mapping->file,
                                 name, fmt::join(found.shape, ", "), fmt::join(shape, ", ")));
  }
  if (!c10::isFloatingType(found.dtype)) {
    throw InputError(fmt::format("{}: '{}' has dtype {}; weights are F64, F32, F16 or BF16.",
                                 found.mapping->file, name, dtype_name(found.dtype)));
  }
}

torch::Tensor SafetensorsReader::view(const std::string& name) const {
  const Entry& found = entry(name);
  return torch::from_blob(
      found.mapping->data + found.offset, found.shape, [keep = found.mapping](void*) {},
      found.dtype);
}

void SafetensorsReader::release(const std::string& name) const {
  const Entry& found = entry(name);
  const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  const std::size_t begin = (found.offset + page - 1) / page * page;
  const auto bytes =
      static_cast<std::size_t>(c10::multiply_integers(found.shape)) * c10::elementSize(found.dtype);
  const std::size_t end = (found.offset + bytes) / page * page;
  if (begin < end) ::madvise(found.mapping->data + begin, end - begin, MADV_DONTNEED);
}

torch::Tensor SafetensorsReader::read(const std::string& name, at::IntArrayRef shape,
                                      torch::Dtype dtype, torch::Device device) const {
  check(name, shape);
  return view(name).to(torch::TensorOptions().dtype(dtype).device(device), /*non_blocking=*/false,
                       /*copy=*/true);
}

namespace {

constexpr const char* kChecksum = "checksum";

void write_file(const fs::path& file, const NamedTensors& tensors,
                const std::map<std::string, std::string>& metadata, bool with_checksum) {
  nlohmann::json header = nlohmann::json::object();
  if (!metadata.empty()) header["__metadata__"] = metadata;
  std::size_t offset = 0;
  const auto announce = [&](const std::string& name, const char* dtype,
                            const std::vector<std::int64_t>& shape, std::size_t bytes) {
    header[name] = {{"dtype", dtype}, {"shape", shape}, {"data_offsets", {offset, offset + bytes}}};
    offset += bytes;
  };
  for (const auto& [name, tensor] : tensors)
    announce(name, dtype_name(tensor.scalar_type()).c_str(), tensor.sizes().vec(), tensor.nbytes());
  if (with_checksum) announce(kChecksum, "U8", {sizeof(std::uint32_t)}, sizeof(std::uint32_t));
  std::string text = header.dump();
  text.resize((text.size() + 7) / 8 * 8, ' ');  // tensors start at a multiple of 8
  const std::uint64_t size = text.size();
  FileWriter out(file);
  std::uint32_t sum = 0;
  const auto append = [&](std::string_view bytes) {
    out.append(bytes);
    if (with_checksum) sum = checksum(std::as_bytes(std::span(bytes)), sum);
  };
  append({reinterpret_cast<const char*>(&size), sizeof size});
  append(text);
  for (const auto& [name, tensor] : tensors) {
    const torch::Tensor whole = tensor.detach().to(torch::kCPU).contiguous();
    append({static_cast<const char*>(whole.data_ptr()), whole.nbytes()});
  }
  if (with_checksum) out.append({reinterpret_cast<const char*>(&sum), sizeof sum});
  out.finish();
}

/// Whether the file's last four bytes are the CRC-32 of all the others. Also of a torn file.
bool keeps_its_checksum(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  std::error_code absent;
  std::uint64_t left = fs::file_size(file, absent);
  std::uint32_t stored = 0;
  if (absent || left < sizeof stored) return false;
  left -= sizeof stored;
  std::uint32_t sum = 0;
  std::vector<char> piece(1 << 20);
  while (left > 0) {
    const auto bytes = static_cast<std::streamsize>(std::min<std::uint64_t>(left, piece.size()));
    if (!in.read(piece.data(), bytes)) return false;
    sum = checksum(std::as_bytes(std::span(piece).first(static_cast<std::size_t>(bytes))), sum);
    left -= static_cast<std::uint64_t>(bytes);
  }
  return in.read(reinterpret_cast<char*>(&stored), sizeof stored) && stored == sum;
}

}  // namespace

void write_safetensors(const fs::path& file, const NamedTensors& tensors,
                       const std::map<std::string, std::string>& metadata) {
  write_file(file, tensors, metadata, /*with_checksum=*/false);
}

void write_checkpoint_file(const fs::path& file, const NamedTensors& tensors,
                           const std::map<std::string, std::string>& metadata) {
  write_file(file, tensors, metadata, /*with_checksum=*/true);
}

std::optional<SafetensorsReader> open_checkpoint_file(const fs::path& file) {
  std::error_code unknown;
  if (!fs::exists(file, unknown)) return std::nullopt;
  std::string why = "it is torn, or has changed since it was written: its checksum differs.";
  if (keeps_its_checksum(file)) {
    SafetensorsReader reader(file);
    if (reader.has(kChecksum)) return reader;
    why = "it has no checksum.";
  }
  throw InputError(fmt::format("{}: {}", file.string(), why));
}

std::string put_aside(const fs::path& file) {
  const fs::path aside = file.string() + ".refused";
  std::error_code failed;
  fs::rename(file, aside, failed);
  return failed ? file.string() : aside.string();
}

}  // namespace factsweep
