// Safetensors files and config.json: round trips, and messages for damaged or foreign ones.
#include <sys/resource.h>

#include <cmath>
#include <csignal>
#include <cstring>

#include "catch.hpp"
#include "tiny_model.hpp"

using namespace factsweep;
using namespace factsweep::test;
using Catch::Matchers::ContainsSubstring;

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

TEST_CASE("safetensors: writing holds no second copy, and what cannot be written leaves nothing") {
  const TemporaryFolder folder;
  const auto peak_kib = [] {
    struct rusage usage {};
    ::getrusage(RUSAGE_SELF, &usage);
    return usage.ru_maxrss;
  };
  const torch::Tensor one = torch::ones({4 << 20});  // 16 MiB, under eight names
  NamedTensors tensors;
  for (const char* name : {"a", "b", "c", "d", "e", "f", "g", "h"}) tensors.emplace_back(name, one);
  const auto before = peak_kib();
  write_safetensors(folder / "whole", tensors, {});
  CHECK(peak_kib() - before < 16 << 10);
  CHECK(std::filesystem::file_size(folder / "whole") > 128 << 20);

  // a limit on the size of files stands for a full disk
  struct rlimit usual {};
  REQUIRE(::getrlimit(RLIMIT_FSIZE, &usual) == 0);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  const struct rlimit tight { 20 << 20, usual.rlim_max };
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &tight) == 0);
  std::string message;
  try {
    write_safetensors(folder / "cut", tensors, {});
  } catch (const EnvironmentError& error) {
    message = error.what();
  }
  ::setrlimit(RLIMIT_FSIZE, &usual);
  std::signal(SIGXFSZ, handler);
  CHECK_THAT(message,
             ContainsSubstring((folder / "cut").string()) && ContainsSubstring("cannot write"));
  std::size_t files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder.path()))
    files += entry.exists() ? 1 : 0;
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
    CHECK_THAT(reading_error(file),
               ContainsSubstring(file.string()) && ContainsSubstring("truncated"));
  }
  write_file(file, "");
  CHECK_THAT(reading_error(file), ContainsSubstring(file.string()));
  CHECK_THAT(reading_error(folder / "absent"), ContainsSubstring((folder / "absent").string()));
  write_raw(file, 1000, "{}", 0);
  CHECK_THAT(reading_error(file), ContainsSubstring("header") && ContainsSubstring("1000"));
  write_raw(file, ~std::uint64_t{0}, "{}", 0);
  CHECK_THAT(reading_error(file), ContainsSubstring("header"));
  write_raw(file, 4, "[1]x", 0);
  CHECK_THAT(reading_error(file), ContainsSubstring("JSON"));
  const auto entry_error = [&](const std::string& entry) {
    const std::string header = "{\"w\": " + entry + "}";
    write_raw(file, header.size(), header, 16);
    return reading_error(file);
  };
  CHECK(entry_error(R"({"dtype":"F32","shape":[2,2],"data_offsets":[0,16]})").empty());
  CHECK_THAT(entry_error(R"({"dtype":"F32","shape":[2,3],"data_offsets":[0,24]})"),
             ContainsSubstring("'w'"));
  CHECK_THAT(entry_error(R"({"dtype":"F32","shape":[2,2],"data_offsets":[0,12]})"),
             ContainsSubstring("'w'"));
  CHECK_THAT(entry_error(R"({"dtype":"F32","shape":[2],"data_offsets":[24,16]})"),
             ContainsSubstring("'w'"));
  CHECK_THAT(entry_error(R"({"dtype":"F8_E4M3","shape":[16],"data_offsets":[0,16]})"),
             ContainsSubstring("F8_E4M3"));
  for (const char* bad : {"3", R"({"dtype":"F32"})", R"({"dtype":1,"shape":[4]})",
                          R"({"dtype":"F32","shape":[4],"data_offsets":[]})"}) {
    CHECK_THAT(entry_error(bad), ContainsSubstring("malformed"));
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
  CHECK_THAT(load_error(), ContainsSubstring(file.string()) &&
                               ContainsSubstring("model.embed_tokens.weight") &&
                               ContainsSubstring("64, 32") && ContainsSubstring("65, 32"));
  config["vocab_size"] = 64;
  config["num_hidden_layers"] = 3;
  CHECK_THAT(load_error(),
             ContainsSubstring(file.string()) && ContainsSubstring("model.layers.2."));
  std::filesystem::remove(file);
  CHECK_THAT(load_error(),
             ContainsSubstring(folder.path().string()) && ContainsSubstring("model.safetensors"));
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
  const Weights again = Weights::load(folder.path(), torch::kFloat32, test_device());
  for (std::size_t i = 0; i < named.size(); ++i) {
    CHECK(torch::equal(again.named()[i].second, named[i].second));
  }
  std::filesystem::remove(folder / "model-2.safetensors");
  CHECK_THAT(input_error([&] { SafetensorsReader::open_directory(folder.path()); }),
             ContainsSubstring("model-2.safetensors"));
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
             ContainsSubstring("config.json") && ContainsSubstring("T5ForConditionalGeneration") &&
                 ContainsSubstring("LlamaForCausalLM"));
  CHECK_THAT(config_error([](Json& c) { c.erase("hidden_size"); }),
             ContainsSubstring("hidden_size"));
  CHECK_THAT(config_error([](Json& c) { c.erase("architectures"); }),
             ContainsSubstring("architectures"));
  CHECK_THAT(config_error([](Json& c) { c["hidden_size"] = "big"; }),
             ContainsSubstring("hidden_size"));
  CHECK_THAT(config_error([](Json& c) { c["num_key_value_heads"] = 3; }),
             ContainsSubstring("multiple"));
  CHECK_THAT(config_error([](Json& c) { c["num_hidden_layers"] = 0; }),
             ContainsSubstring("positive"));
  CHECK_THAT(config_error([](Json& c) { c["head_dim"] = 7; }), ContainsSubstring("even"));
  CHECK_THAT(config_error([](Json& c) { c["hidden_act"] = "mish"; }),
             ContainsSubstring("mish") && ContainsSubstring("silu"));
  CHECK_THAT(config_error([](Json& c) {
               c["quantization_config"] = {{"bits", 4}};
             }),
             ContainsSubstring("quantization_config"));
  CHECK_THAT(config_error([](Json& c) {
               c["rope_scaling"] = {{"rope_type", "proportional"}};
             }),
             ContainsSubstring("proportional") && ContainsSubstring("llama3"));
  CHECK_THAT(config_error([](Json& c) {
               c["rope_scaling"] = {{"type", "linear"}};
             }),
             ContainsSubstring("factor"));
  CHECK_THAT(config_error([](Json& c) { c["partial_rotary_factor"] = 0.5; }),
             ContainsSubstring("partial_rotary_factor"));
  const TemporaryFolder folder;
  CHECK_THAT(input_error([&] { ModelConfig::read(folder / "nowhere"); }),
             ContainsSubstring("nowhere"));
}

TEST_CASE("safetensors: headers that promise the impossible") {
  const TemporaryFolder folder;
  const auto file = folder / "model.safetensors";
  const auto header_error = [&](const std::string& header) {
    write_raw(file, header.size(), header, 32);
    return reading_error(file);
  };
  const auto entry = [](const std::string& shape, const std::string& offsets) {
    return R"({"dtype":"F32","shape":)" + shape + R"(,"data_offsets":)" + offsets + "}";
  };
  CHECK(header_error("{\"a\":" + entry("[4]", "[0,16]") + ",\"b\":" + entry("[4]", "[16,32]") + "}")
            .empty());
  for (const char* shape :
       {"[-4]", "[4.0]", "[\"4\"]", "4", "[4294967296,4294967296,4294967296]"}) {
    CHECK_THAT(header_error("{\"odd\":" + entry(shape, "[0,16]") + "}"),
               ContainsSubstring("'odd'") && ContainsSubstring("malformed"));
  }
  for (const char* offsets : {"[-16,0]", "[0]", "[0,16,32]", "[0.0,16.0]", "\"0,16\""}) {
    CHECK_THAT(header_error("{\"odd\":" + entry("[4]", offsets) + "}"),
               ContainsSubstring("'odd'") && ContainsSubstring("malformed"));
  }
  CHECK_THAT(header_error("{\"odd\":" + entry("[4]", "[32,48]") + "}"), ContainsSubstring("'odd'"));
  CHECK_THAT(
      header_error("{\"a\":" + entry("[4]", "[0,16]") + ",\"b\":" + entry("[4]", "[8,24]") + "}"),
      ContainsSubstring("'a'") && ContainsSubstring("'b'") && ContainsSubstring("overlap"));
  CHECK_THAT(
      header_error("{\"a\":" + entry("[4]", "[0,16]") + ",\"b\":" + entry("[4]", "[0,16]") + "}"),
      ContainsSubstring("'b'"));
}

TEST_CASE("an index that lies about its shards") {
  const TemporaryFolder folder;
  const auto index = folder / "model.safetensors.index.json";
  write_safetensors(folder / "one", {{"a", torch::ones({2})}}, {});
  write_safetensors(folder / "two", {{"b", torch::ones({2})}}, {});
  const auto index_error = [&](const nlohmann::json& map) {
    write_file(index, nlohmann::json{{"weight_map", map}}.dump());
    return input_error([&] { SafetensorsReader::open_directory(folder.path()); });
  };
  CHECK(index_error({{"a", "one"}, {"b", "two"}}).empty());
  CHECK_THAT(index_error({{"a", 1}}),
             ContainsSubstring(index.string()) && ContainsSubstring("'a'"));
  CHECK_THAT(index_error({{"a", "../one"}}), ContainsSubstring("../one"));
  CHECK_THAT(index_error({{"a", ""}}), ContainsSubstring("'a'"));
  CHECK_THAT(index_error({{"a", "two"}, {"b", "one"}}),
             ContainsSubstring("'a'") && ContainsSubstring("two"));
  CHECK_THAT(index_error({{"a", "one"}, {"c", "two"}}),
             ContainsSubstring("'c'") && ContainsSubstring("missing"));
  write_safetensors(folder / "two", {{"a", torch::ones({2})}}, {});
  CHECK_THAT(index_error({{"a", "one"}, {"b", "two"}}),
             ContainsSubstring("'a'") && ContainsSubstring("too"));
  write_file(index, "[]");
  CHECK_THAT(input_error([&] { SafetensorsReader::open_directory(folder.path()); }),
             ContainsSubstring("weight_map"));
}

TEST_CASE("tensors that the config has no place for, and buffers that are none") {
  const TemporaryFolder folder;
  std::filesystem::copy_file(model_data("llama-tied") / "config.json", folder / "config.json");
  const auto file = folder / "model.safetensors";
  const Weights weights = tiny_model().weights;
  const auto error_with = [&](const std::string& name, const torch::Tensor& tensor) {
    NamedTensors tensors = weights.named();
    tensors.emplace_back(name, tensor);
    write_safetensors(file, tensors, {});
    return input_error([&] { Weights::load(folder.path(), torch::kFloat32, torch::kCPU); });
  };
  CHECK(error_with("model.layers.0.self_attn.rotary_emb.inv_freq", torch::ones({4})).empty());
  CHECK(error_with("lm_head.weight", weights.embedding).empty());
  CHECK_THAT(error_with("lm_head.weight", weights.embedding + 1),
             ContainsSubstring("lm_head.weight") && ContainsSubstring("tie_word_embeddings"));
  CHECK_THAT(error_with("model.layers.2.input_layernorm.weight", torch::ones({32})),
             ContainsSubstring(file.string()) && ContainsSubstring("model.layers.2.") &&
                 ContainsSubstring("no place"));
  NamedTensors tensors = weights.named();
  tensors.front().second = torch::ones(tensors.front().second.sizes(), torch::kInt64);
  write_safetensors(file, tensors, {});
  CHECK_THAT(input_error([&] { Weights::load(folder.path(), torch::kFloat32, torch::kCPU); }),
             ContainsSubstring(tensors.front().first) && ContainsSubstring("I64"));
}
