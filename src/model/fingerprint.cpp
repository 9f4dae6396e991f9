#include "factsweep/model/fingerprint.hpp"

#include <algorithm>
#include <array>
#include <fstream>
#include <map>

#include "factsweep/core/file.hpp"
#include "factsweep/core/random.hpp"

namespace factsweep {
namespace {

/// What is read of a model's folder beside its weights and all that begins with "tokenizer".
constexpr std::array kRead = {"config.json",
                              "generation_config.json",
                              "model.safetensors.index.json",
                              "special_tokens_map.json",
                              "added_tokens.json",
                              "vocab.json",
                              "merges.txt",
                              "vocab.txt",
                              "sentencepiece.bpe.model"};

/// `path` without the .gz that any of the small files may have.
std::filesystem::path unpacked(std::filesystem::path path) {
  return path.extension() == ".gz" ? path.replace_extension() : path;
}

/// Hash of 64 blocks spread evenly over a file, header and end among them, and of its size.
std::uint64_t sample_file(const std::filesystem::path& path) {
  constexpr std::uintmax_t kBlocks = 64, kBlockBytes = 1 << 16;
  const std::uintmax_t size = std::filesystem::file_size(path);
  std::ifstream file(path, std::ios::binary);
  std::string block(kBlockBytes, '\0');
  std::uint64_t hash = size;
  for (std::uintmax_t i = 0; i < kBlocks; ++i) {
    const std::uintmax_t last = size > kBlockBytes ? size - kBlockBytes : 0;
    file.clear();
    file.seekg(static_cast<std::streamoff>(last / (kBlocks - 1) * i));
    file.read(block.data(), static_cast<std::streamsize>(block.size()));
    hash = hash_words({hash, hash_text(std::string_view(block).substr(
                                 0, static_cast<std::size_t>(file.gcount())))});
  }
  return hash;
}

std::string joined(const std::map<std::string, std::uint64_t>& hashes) {
  std::uint64_t hash = 0;
  for (const auto& [file, value] : hashes) hash = hash_words({hash, hash_text(file), value});
  return hex(hash);
}

}  // namespace

std::string model_fingerprint(const std::filesystem::path& directory) {
  std::map<std::string, std::uint64_t>
      hashes;  // by name: the order of a folder's entries is the file system's whim
  for (const auto& entry : std::filesystem::directory_iterator(directory)) {
    const std::string file = entry.path().filename().string();
    const std::string name = unpacked(entry.path()).filename().string();
    const bool matters = std::find(kRead.begin(), kRead.end(), name) != kRead.end() ||
                         name.starts_with("tokenizer");
    if (matters) hashes[file] = hash_text(read_file(entry.path()));
    if (entry.path().extension() == ".safetensors") hashes[file] = sample_file(entry.path());
  }
  return joined(hashes);
}

std::string weights_fingerprint(const std::filesystem::path& directory) {
  std::map<std::string, std::uint64_t> hashes;
  for (const auto& entry : std::filesystem::directory_iterator(directory)) {
    if (entry.path().extension() == ".safetensors")
      hashes[entry.path().filename().string()] = sample_file(entry.path());
  }
  return joined(hashes);
}

std::string encoder_fingerprint(const std::filesystem::path& directory) {
  std::map<std::string, std::uint64_t> hashes;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(directory)) {
    const std::string file = std::filesystem::relative(entry.path(), directory).string();
    const std::string kind = unpacked(entry.path()).extension().string();
    if (kind == ".json" || kind == ".txt" || kind == ".model")
      hashes[file] = hash_text(read_file(entry.path()));
    if (kind == ".safetensors") hashes[file] = sample_file(entry.path());
  }
  return joined(hashes);
}

}  // namespace factsweep
