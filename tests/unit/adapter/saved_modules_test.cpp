// Adapters that hold token embedding or head whole (modules_to_save), against PEFT's logits
// (tests/parity/make_peft_references.py).
#include <nlohmann/json.hpp>

#include "catch.hpp"
#include "factsweep/model/transformer.hpp"
#include "tiny_adapter.hpp"

using namespace factsweep;
using namespace factsweep::test;
using Catch::Matchers::ContainsSubstring;

namespace {

constexpr double kSavedTolerance = 5e-6;  // of the largest logit

struct SavedCase {
  std::string name, family;
  bool is_tied;  // with the adapter
};

const std::vector<SavedCase> kSavedCases = {{"llama-saved", "llama", false},
                                            {"gptj-saved", "gptj", false},
                                            {"qwen2-saved-head", "qwen2", false},
                                            {"qwen2-saved-tied", "qwen2", true},
                                            {"gpt2-saved-embedding", "gpt2", false},
                                            {"gpt2-saved-tied", "gpt2", true}};

}  // namespace

TEST_CASE("saved modules take the place of the base's, beside it and merged, as PEFT's do") {
  torch::NoGradGuard no_grad;
  for (const SavedCase& one : kSavedCases) {
    INFO(one.name);
    const Weights base = family_weights(one.family);
    const LoraAdapter adapter = LoraAdapter::load(adapter_data(one.name), base);
    const Reference reference(adapter_data(one.name) / "reference.safetensors");
    const torch::Tensor expected = reference.reader.view("logits");
    const torch::Tensor before = logits_of(base, reference.sequences);
    CHECK(relative_distance(before, expected) > 0.05);
    const std::vector<LoraAdapter> list = {adapter};
    CHECK(relative_distance(logits_of(with_adapters(base, list), reference.sequences), expected) <
          kSavedTolerance);
    CHECK(torch::equal(logits_of(base, reference.sequences), before));

    Weights merged = base.clone(torch::kFloat32);
    adapter.merge(merged);
    CHECK(relative_distance(logits_of(merged, reference.sequences), expected) < kSavedTolerance);
    CHECK(merged.config.tied_head == one.is_tied);
    const TemporaryFolder folder;
    merged.save(folder / "model");
    const Weights again = Weights::load(folder / "model", torch::kFloat32, test_device());
    CHECK(again.config.tied_head == one.is_tied);
    CHECK(torch::equal(logits_of(again, reference.sequences), logits_of(merged, reference.sequences)));
    // what is written into the model is not written into the adapter
    merged.embedding.zero_();
    merged.head.zero_();
    CHECK(relative_distance(logits_of(with_adapters(base, list), reference.sequences), expected) <
          kSavedTolerance);
    // in bfloat16, too
    const Weights narrow = base.clone(torch::kBFloat16);
    const std::vector<LoraAdapter> narrow_list = {LoraAdapter::load(adapter_data(one.name), narrow)};
    const torch::Tensor rough = logits_of(with_adapters(narrow, narrow_list), reference.sequences);
    CHECK(relative_distance(rough.to(torch::kFloat32), expected) < 0.1);
  }
}

TEST_CASE("an adapter with saved modules is written as PEFT wrote it") {
  for (const SavedCase& one : kSavedCases) {
    INFO(one.name);
    const Weights base = family_weights(one.family);
    const LoraAdapter adapter = LoraAdapter::load(adapter_data(one.name), base);
    const TemporaryFolder folder;
    adapter.clone(torch::kFloat32).save(folder / "copy");
    const SafetensorsReader mine(folder / "copy/adapter_model.safetensors");
    const SafetensorsReader theirs(adapter_data(one.name) / "adapter_model.safetensors");
    CHECK(mine.names() == theirs.names());
    for (const std::string& name : theirs.names())
      CHECK(torch::equal(mine.view(name), theirs.view(name)));
    const auto shapes = adapter_shapes(adapter.config(), base.config, "test");
    const NamedTensors named = adapter.named();
    REQUIRE(shapes.size() == named.size());
    for (std::size_t i = 0; i < named.size(); ++i)
      CHECK(shapes[i] == std::pair{named[i].first, named[i].second.sizes().vec()});
    const LoraConfig config = LoraConfig::read(folder / "copy/adapter_config.json");
    CHECK(config.saved == adapter.config().saved);
    CHECK(config.keeps_tied == adapter.config().keeps_tied);
    CHECK(adapter.saved().head.is_same(adapter.saved().embedding) == one.is_tied);
  }
}

TEST_CASE("saved modules that cannot be taken are named") {
  const Weights base = family_weights("llama");
  const LoraAdapter adapter = LoraAdapter::load(adapter_data("llama-saved"), base);
  const std::vector<LoraAdapter> twice = {adapter, adapter};
  CHECK_THAT(input_error([&] { with_adapters(base, twice); }), ContainsSubstring("modules_to_save"));

  LoraConfig config = adapter.config();
  const auto mistake = [&](const char* saved) {
    config.saved = {saved};
    return input_error([&] { find_targets(config, base.config, "here"); });
  };
  for (const char* module : {"model.norm", "mlp.up_proj", "input_layernorm"})
    CHECK_THAT(mistake(module), ContainsSubstring("here: '") && ContainsSubstring(module) &&
                                    ContainsSubstring("'model.embed_tokens'") &&
                                    ContainsSubstring("'lm_head'"));
  CHECK(mistake("lm_head") == "");
  config.targets.names = {"q_proj"};
  CHECK(mistake("classifier") == "");  // PEFT counts for nothing what fits nothing
  CHECK_FALSE(find_saved(config, base.config, "here").any());

  LoraConfig low_rank;
  low_rank.targets.names = {"q_proj", "embed_tokens"};
  const auto refusal = [&](bool strict) {
    return input_error([&] { find_targets(low_rank, base.config, "here", strict); });
  };
  CHECK_THAT(refusal(false), ContainsSubstring("here: 'model.embed_tokens' is chosen") &&
                                 ContainsSubstring("modules_to_save"));
  CHECK_THAT(refusal(true), !ContainsSubstring("modules_to_save"));  // of a deck's lora.targets

  NamedTensors tensors = adapter.named();
  const auto error = [&] {
    return input_error(
        [&] { LoraAdapter::of(adapter.config(), tensors, base, "config", "a.safetensors"); });
  };
  tensors.back().second = torch::zeros({99, 32});
  CHECK_THAT(error(), ContainsSubstring("a.safetensors: the tensor 'base_model.model.lm_head.weight' is "
                                        "[99, 32]") &&
                          ContainsSubstring("[96, 32]") && ContainsSubstring("resize_token_embeddings"));
  tensors.pop_back();
  CHECK_THAT(error(), ContainsSubstring("'base_model.model.lm_head.weight' is missing"));
}
