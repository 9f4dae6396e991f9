// Safetensors files and config.json: round trips, and messages for damaged or foreign ones.
#include <cstring>

#include "catch.hpp"
#include "tiny_model.hpp"

using namespace factsweep;
using namespace factsweep::test;
using Catch::Contains;

namespace {

/// A safetensors file of the given header and some bytes of data.
void write_raw(const std::filesystem::path& file, std::uint64_t header_size,
               const std::string& header, std::size_t data) {
  std::string content(sizeof header_size, '\0');
  std::memcpy(content.data(), &header_size, sizeof header_size);
  write_file(file, content + header + std::string(data, '\1'));
}

std::string reading_error(const std::filesystem::path& file) {
  return input_error([&] { SafetensorsReader reader(file); });
}

/// The tiny model's config with one change; the message of reading it, empty when it is fine.
template <typename Change>
std::string config_error(Change change) {
  const TemporaryFolder folder;
  nlohmann::json config = read_json(model_data("llama-tied") / "config.json");
  change(config);
  write_file(folder / "config.json", config.dump());
  return input_error([&] { ModelConfig::read(folder.path()); });
}

}  // namespace

TEST_CASE("safetensors: what is written comes back, bit for bit") {
  const TemporaryFolder folder;
  const NamedTensors tensors = {
      {"f32", torch::randn({3, 5})},
      {"transposed", torch::randn({4, 2}).t()},
      {"bf16", torch::randn({7}).to(torch::kBFloat16)},
      {"i64", torch::arange(6).view({1, 2, 3})},
      {"u8", torch::arange(5).to(torch::kUInt8)},
      {"scalar", torch::tensor(2.5, torch::kFloat64)},
      {"nothing", torch::empty({0, 4})},
  };
  write_safetensors(folder / "t.safetensors", tensors, {{"step", "12"}});
  const SafetensorsReader reader(folder / "t.safetensors");
  CHECK(reader.names().size() == tensors.size());
  CHECK(reader.metadata().at("step") == "12");
  for (const auto& [name, tensor] : tensors) {
    INFO(name);
    const torch::Tensor stored = reader.view(name);
    CHECK(stored.scalar_type() == tensor.scalar_type());
    CHECK(torch::equal(stored, tensor));
  }
  const torch::Tensor converted = reader.read("bf16", {7}, torch::kFloat32, torch::kCPU);
  CHECK(torch::equal(converted, tensors[2].second.to(torch::kFloat32)));
  std::size_t files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder.path())) {
    files += entry.exists() ? 1 : 0;
  }
  CHECK(files == 1);
}

TEST_CASE("safetensors: a view outlives its reader") {
  torch::Tensor view;
  {
    const SafetensorsReader reader(model_data("llama-tied") / "model.safetensors");
    view = reader.view("model.norm.weight");
  }
  CHECK(view.sum().item<float>() > 0);
}

TEST_CASE("safetensors: damaged files are InputErrors that name the file") {
  const TemporaryFolder folder;
  const auto file = folder / "model.safetensors";
  std::filesystem::copy_file(model_data("llama-tied") / "model.safetensors", file);
  const auto size = std::filesystem::file_size(file);
  for (const std::uintmax_t kept : {size - 1, size / 2, std::uintmax_t{100}, std::uintmax_t{3}}) {
    std::filesystem::resize_file(file, kept);
    INFO(kept);
    CHECK_THAT(reading_error(file), Contains(file.string()) && Contains("truncated"));
  }
  write_file(file, "");
  CHECK_THAT(reading_error(file), Contains(file.string()));
  CHECK_THAT(reading_error(folder / "absent"), Contains((folder / "absent").string()));
  write_raw(file, 1000, "{}", 0);
  CHECK_THAT(reading_error(file), Contains("header") && Contains("1000"));
  write_raw(file, ~std::uint64_t{0}, "{}", 0);
  CHECK_THAT(reading_error(file), Contains("header"));
  write_raw(file, 4, "[1]x", 0);
  CHECK_THAT(reading_error(file), Contains("JSON"));
  const auto entry_error = [&](const std::string& entry) {
    const std::string header = "{\"w\": " + entry + "}";
    write_raw(file, header.size(), header, 16);
    return reading_error(file);
  };
  CHECK(entry_error(R"({"dtype":"F32","shape":[2,2],"data_offsets":[0,16]})").empty());
  CHECK_THAT(entry_error(R"({"dtype":"F32","shape":[2,3],"data_offsets":[0,24]})"),
             Contains("'w'"));
  CHECK_THAT(entry_error(R"({"dtype":"F32","shape":[2,2],"data_offsets":[0,12]})"),
             Contains("'w'"));
  CHECK_THAT(entry_error(R"({"dtype":"F32","shape":[2],"data_offsets":[24,16]})"), Contains("'w'"));
  CHECK_THAT(entry_error(R"({"dtype":"F8_E4M3","shape":[16],"data_offsets":[0,16]})"),
             Contains("F8_E4M3"));
  for (const char* bad : {"3", R"({"dtype":"F32"})", R"({"dtype":1,"shape":[4]})",
                          R"({"dtype":"F32","shape":[4],"data_offsets":[]})"}) {
    CHECK_THAT(entry_error(bad), Contains("malformed"));
  }
}

TEST_CASE("a model folder whose tensors do not fit its config") {
  const TemporaryFolder folder;
  nlohmann::json config = read_json(model_data("llama-tied") / "config.json");
  const auto file = folder / "model.safetensors";
  std::filesystem::copy_file(model_data("llama-tied") / "model.safetensors", file);
  const auto load_error = [&] {
    write_file(folder / "config.json", config.dump());
    return input_error([&] { Weights::load(folder.path(), torch::kFloat32, torch::kCPU); });
  };
  CHECK(load_error().empty());
  config["vocab_size"] = 65;
  CHECK_THAT(load_error(), Contains(file.string()) && Contains("model.embed_tokens.weight") &&
                               Contains("64, 32") && Contains("65, 32"));
  config["vocab_size"] = 64;
  config["num_hidden_layers"] = 3;
  CHECK_THAT(load_error(), Contains(file.string()) && Contains("model.layers.2."));
  std::filesystem::remove(file);
  CHECK_THAT(load_error(), Contains(folder.path().string()) && Contains("model.safetensors"));
}

TEST_CASE("a sharded model is the model") {
  const TemporaryFolder folder;
  const Weights weights = tiny_model("llama3-untied").weights;
  const NamedTensors named = weights.named();
  NamedTensors first(named.begin(), named.begin() + 5), second(named.begin() + 5, named.end());
  write_safetensors(folder / "model-1.safetensors", first, {});
  write_safetensors(folder / "model-2.safetensors", second, {});
  write_file(folder / "config.json", weights.config.source.dump());
  nlohmann::json map;
  for (const auto& [name, tensor] : first) map[name] = "model-1.safetensors";
  for (const auto& [name, tensor] : second) map[name] = "model-2.safetensors";
  write_file(folder / "model.safetensors.index.json", nlohmann::json{{"weight_map", map}}.dump());
  const Weights again = Weights::load(folder.path(), torch::kFloat32, torch::kCPU);
  for (std::size_t i = 0; i < named.size(); ++i) {
    CHECK(torch::equal(again.named()[i].second, named[i].second));
  }
  std::filesystem::remove(folder / "model-2.safetensors");
  CHECK_THAT(input_error([&] { SafetensorsReader::open_directory(folder.path()); }),
             Contains("model-2.safetensors"));
}

TEST_CASE("config.json: what is read, what is refused") {
  const ModelConfig config = ModelConfig::read(model_data("llama3-untied"));
  CHECK(config.vocabulary == 64);
  CHECK(config.head_size == 8);
  CHECK_FALSE(config.tied_head);
  CHECK(config.rope.scaling == "llama3");
  CHECK(config.rope.factor == 8);
  CHECK(config.rope.original_positions == 128);
  CHECK(config.eos == std::vector<std::int32_t>{2});

  using Json = nlohmann::json;
  CHECK(config_error([](Json& c) { c["eos_token_id"] = {2, 5}; }).empty());
  CHECK_THAT(config_error([](Json& c) { c["architectures"] = {"T5ForConditionalGeneration"}; }),
             Contains("config.json") && Contains("T5ForConditionalGeneration") &&
                 Contains("LlamaForCausalLM"));
  CHECK_THAT(config_error([](Json& c) { c.erase("hidden_size"); }), Contains("hidden_size"));
  CHECK_THAT(config_error([](Json& c) { c.erase("architectures"); }), Contains("architectures"));
  CHECK_THAT(config_error([](Json& c) { c["hidden_size"] = "big"; }), Contains("hidden_size"));
  CHECK_THAT(config_error([](Json& c) { c["num_key_value_heads"] = 3; }), Contains("multiple"));
  CHECK_THAT(config_error([](Json& c) { c["num_hidden_layers"] = 0; }), Contains("positive"));
  CHECK_THAT(config_error([](Json& c) { c["head_dim"] = 7; }), Contains("even"));
  CHECK_THAT(config_error([](Json& c) { c["hidden_act"] = "mish"; }),
             Contains("mish") && Contains("silu"));
  CHECK_THAT(config_error([](Json& c) {
               c["quantization_config"] = {{"bits", 4}};
             }),
             Contains("quantization_config"));
  CHECK_THAT(config_error([](Json& c) {
               c["rope_scaling"] = {{"rope_type", "longrope"}};
             }),
             Contains("longrope") && Contains("llama3"));
  CHECK_THAT(config_error([](Json& c) {
               c["rope_scaling"] = {{"type", "linear"}};
             }),
             Contains("factor"));
  CHECK_THAT(config_error([](Json& c) { c["partial_rotary_factor"] = 0.5; }),
             Contains("partial_rotary_factor"));
  const TemporaryFolder folder;
  CHECK_THAT(input_error([&] { ModelConfig::read(folder / "nowhere"); }), Contains("nowhere"));
}
