// Embeddings against what transformers and sentence-transformers computed
// (tests/parity/make_encoder_references.py), and against themselves in other batches.
#include "catch.hpp"
#include "encoder_support.hpp"

using namespace factsweep;
using namespace factsweep::test;
using Catch::Matchers::ContainsSubstring;

namespace {

constexpr double kTolerance = 1e-5;

SafetensorsReader reference(const std::string& family) {
  return SafetensorsReader(encoder_data(family) / "reference.safetensors");
}

double root_mean_square(const torch::Tensor& x) {
  return x.square().mean().sqrt().item<double>();
}

}  // namespace

TEST_CASE("encoders: pooled states are transformers'") {
  const std::string family = GENERATE(from_range(kFamilies));
  INFO(family);
  const Encoder encoder = load_float32(encoder_data(family));
  const std::vector<std::string> texts = reference_texts(family);
  const SafetensorsReader expected = reference(family);
  for (const auto& [name, pooling] : {std::pair{"cls", Pooling::cls}, {"mean", Pooling::mean}}) {
    INFO(name);
    const Embeddings found = encoder.embed(texts, {.pooling = pooling, .normalize = false});
    REQUIRE(found.rows_ND.sizes() == expected.view(name).sizes());
    CHECK(found.rows_ND.scalar_type() == torch::kFloat32);
    CHECK(distance(found.rows_ND, expected.view(name)) < kTolerance);
    CHECK(found.truncated == expected.view("truncated").item<std::int64_t>());
    CHECK(found.truncated > 0);
  }
}

TEST_CASE("encoders: pooling, normalisation and prompt are those of the folder") {
  const std::string family = GENERATE(from_range(kFamilies));
  INFO(family);
  const Encoder encoder = load_float32(encoder_data(family));
  const std::vector<std::string> texts = reference_texts(family);
  const SafetensorsReader expected = reference(family);
  if (family == "roberta") {
    CHECK_THAT(input_error([&] { encoder.embed(texts); }), ContainsSubstring("no modules.json"));
    CHECK_THAT(input_error([&] { Encoder::check(encoder_data(family)); }),
               ContainsSubstring("no modules.json"));
    const torch::Tensor rows = encoder.embed(texts, {.pooling = Pooling::mean}).rows_ND;
    CHECK(distance(rows, expected.view("mean")) < kTolerance);
  } else {
    CHECK(distance(encoder.embed(texts).rows_ND, expected.view("embedding")) < kTolerance);
    CHECK(input_error([&] { Encoder::check(encoder_data(family)); }) == "");
  }
  const torch::Tensor lengths =
      encoder.embed(texts, {.pooling = Pooling::cls, .normalize = true}).rows_ND.norm(2, 1);
  CHECK(distance(lengths, torch::ones_like(lengths)) < kTolerance);
}

TEST_CASE("encoders: a language model is none, which is known before it is loaded") {
  CHECK_THAT(input_error([&] { Encoder::check(model_data("llama-tied")); }),
             ContainsSubstring("is no encoder that is supported"));
}

TEST_CASE("encoders: in bfloat16 no further from float32 than transformers in bfloat16") {
  const std::string family = GENERATE(from_range(kFamilies));
  INFO(family);
  const Encoder encoder = Encoder::load(encoder_data(family), torch::kBFloat16, test_device());
  const SafetensorsReader expected = reference(family);
  const torch::Tensor exact = expected.view("mean");
  const torch::Tensor found =
      encoder.embed(reference_texts(family), {.pooling = Pooling::mean, .normalize = false})
          .rows_ND.cpu();
  const double theirs = root_mean_square(expected.view("mean_bfloat16") - exact);
  // theirs is of the CPU; elsewhere fewer operators are one, and so more is rounded
  const double more = test_device().is_cpu() ? 1.1 : 1.5;
  CHECK(root_mean_square(found - exact) < more * theirs);
  CHECK(root_mean_square(found - exact) > 0.1 * theirs);
}

TEST_CASE("encoders: neither order nor batch changes an embedding") {
  const std::string family = GENERATE(from_range(kFamilies));
  INFO(family);
  const Pooling pooling = GENERATE(Pooling::cls, Pooling::mean);
  const Encoder encoder = load_float32(encoder_data(family));
  std::vector<std::string> texts = reference_texts(family);
  const torch::Tensor whole = encoder.embed(texts, {.pooling = pooling}).rows_ND;
  for (const std::int64_t batch_tokens : {1, 7, 30}) {
    const EmbedSettings settings = {.pooling = pooling, .batch_tokens = batch_tokens};
    CHECK(distance(encoder.embed(texts, settings).rows_ND, whole) < kTolerance);
  }
  for (std::size_t i = 0; i < texts.size(); ++i) {
    const torch::Tensor alone =
        encoder.embed(std::span(texts).subspan(i, 1), {.pooling = pooling}).rows_ND[0];
    CHECK(distance(alone, whole[static_cast<std::int64_t>(i)]) < kTolerance);
  }
  std::reverse(texts.begin(), texts.end());
  std::vector<std::string> both = texts;
  both.insert(both.end(), texts.begin(), texts.end());
  const torch::Tensor twice = encoder.embed(both, {.pooling = pooling}).rows_ND;
  CHECK(distance(twice, torch::cat({whole, whole}).flip(0)) < kTolerance);
}

TEST_CASE("encoders: no texts are no rows, and settings are checked") {
  const Encoder encoder = load_float32(encoder_data("bert"));
  CHECK(encoder.embed({}).rows_ND.sizes() == at::IntArrayRef{0, encoder.width()});
  CHECK(encoder.longest() == 12);
  CHECK(load_float32(encoder_data("xlm-roberta")).longest() == 28);
  CHECK_THAT(input_error([&] { encoder.embed({}, {.batch_tokens = -1}); }),
             ContainsSubstring("batch_tokens = -1"));
}

TEST_CASE("encoders: a cut text keeps its closing token, and its tail counts for nothing") {
  const Encoder encoder = load_float32(encoder_data("bert"));
  std::string text;
  for (int i = 0; i < 10; ++i) text += "cat ";
  const std::vector<std::string> texts = {text, text + "whales", text + "on and on",
                                          "cat cat cat cat cat cat cat cat cat"};
  const Embeddings found = encoder.embed(texts);
  CHECK(found.truncated == 2);
  CHECK(distance(found.rows_ND[0], found.rows_ND[1]) < kTolerance);
  CHECK(distance(found.rows_ND[0], found.rows_ND[2]) < kTolerance);
  CHECK(distance(found.rows_ND[0], found.rows_ND[3]) > 1e-3);
}
