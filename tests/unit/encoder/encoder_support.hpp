// The tiny encoders of tests/unit/encoder/data, whole or with something changed.
#pragma once

#include <string>
#include <vector>

#include "factsweep/encoder/encoder.hpp"
#include "tiny_model.hpp"

namespace factsweep::test {

inline const std::vector<std::string> kFamilies = {"bert", "xlm-roberta", "roberta", "mpnet"};

inline std::filesystem::path encoder_data(const std::string& family) {
  return model_data("").parent_path().parent_path().parent_path() / "encoder/data" / family;
}

inline Encoder load_float32(const std::filesystem::path& folder) {
  return Encoder::load(folder, torch::kFloat32, test_device());
}

inline std::vector<std::string> reference_texts(const std::string& family) {
  return read_json(encoder_data(family) / "texts.json").get<std::vector<std::string>>();
}

inline double distance(const torch::Tensor& a, const torch::Tensor& b) {
  return (a.cpu() - b.cpu()).abs().max().item<double>();
}

/// A copy of a family's folder that a test may change.
class Copy {
 public:
  explicit Copy(const std::string& family) {
    std::filesystem::copy(encoder_data(family), folder_.path(),
                          std::filesystem::copy_options::recursive);
  }
  std::filesystem::path operator/(const std::string& name) const { return folder_ / name; }
  const std::filesystem::path& path() const { return folder_.path(); }

  /// Sets a key of a JSON file; a null value removes it.
  void set(const std::string& file, const std::string& key, const nlohmann::json& value) const {
    nlohmann::json content = read_json(folder_ / file);
    if (value.is_null()) {
      content.erase(key);
    } else {
      content[key] = value;
    }
    write_file(folder_ / file, content.dump());
  }

  /// Rewrites model.safetensors with what `change` makes of its tensors.
  template <typename Change>
  void change_tensors(Change change) const {
    NamedTensors tensors;
    {
      const SafetensorsReader reader(folder_ / "model.safetensors");
      for (const std::string& name : reader.names())
        tensors.emplace_back(name, reader.view(name).clone());
    }
    change(tensors);
    write_safetensors(folder_ / "model.safetensors", tensors, {});
  }

  /// The message of loading it and embedding a text; empty when that works.
  std::string error() const {
    return input_error([&] {
      const std::vector<std::string> text = {"the cat"};
      load_float32(path()).embed(text);
    });
  }

 private:
  TemporaryFolder folder_;
};

}  // namespace factsweep::test
