// Folders of encoders: the spellings that count, and messages for damaged or foreign ones.
#include "catch.hpp"
#include "encoder_support.hpp"

using namespace factsweep;
using namespace factsweep::test;
using Catch::Matchers::ContainsSubstring;

namespace {

torch::Tensor embed_all(const std::filesystem::path& folder) {
  const std::vector<std::string> texts = reference_texts("bert");
  return load_float32(folder).embed(texts, {.pooling = Pooling::mean}).rows_ND;
}

void replace(std::string& text, const std::string& from, const std::string& to) {
  const auto at = text.find(from);
  if (at != std::string::npos) text.replace(at, from.size(), to);
}

}  // namespace

TEST_CASE(
    "encoder files: prefixes, old names of norms, buffers, poolers and heads change nothing") {
  const torch::Tensor expected = embed_all(encoder_data("bert"));
  const Copy copy("bert");
  copy.change_tensors([](NamedTensors& tensors) {
    for (auto& [name, tensor] : tensors) {
      replace(name, "LayerNorm.weight", "LayerNorm.gamma");
      replace(name, "LayerNorm.bias", "LayerNorm.beta");
      name = "bert." + name;
      tensor = tensor.to(torch::kFloat32);
    }
    tensors.emplace_back("bert.embeddings.position_ids", torch::arange(40).unsqueeze(0));
    tensors.emplace_back("cls.predictions.bias", torch::zeros({5}));
  });
  copy.set("config.json", "architectures", nlohmann::json::array({"BertForMaskedLM"}));
  CHECK(torch::equal(embed_all(copy.path()), expected));

  const Copy bare("xlm-roberta");
  bare.change_tensors([](NamedTensors& tensors) {
    std::erase_if(tensors, [](const auto& item) { return item.first.starts_with("lm_head."); });
    for (auto& [name, tensor] : tensors) replace(name, "roberta.", "");
  });
  bare.set("config.json", "architectures", nlohmann::json::array({"XLMRobertaModel"}));
  CHECK(torch::equal(embed_all(bare.path()), embed_all(encoder_data("xlm-roberta"))));
}

TEST_CASE("encoder files: tensors that do not fit the config are named") {
  const std::string query = "encoder.layer.1.attention.self.query.weight";
  const Copy missing("bert"), extra("bert"), wrong("bert"), integers("bert");
  missing.change_tensors([&](NamedTensors& tensors) {
    std::erase_if(tensors, [&](const auto& item) { return item.first == query; });
  });
  CHECK_THAT(missing.error(), ContainsSubstring("'" + query + "' is missing"));
  extra.change_tensors([](NamedTensors& tensors) {
    tensors.emplace_back("encoder.layer.2.output.dense.bias", torch::zeros({16}));
  });
  CHECK_THAT(extra.error(),
             ContainsSubstring("'encoder.layer.2.output.dense.bias' has no place in a "
                               "BertModel of 2 layers") &&
                 ContainsSubstring("model.safetensors"));
  wrong.set("config.json", "intermediate_size", 25);
  CHECK_THAT(wrong.error(),
             ContainsSubstring("'encoder.layer.0.intermediate.dense.weight' is [24, 16], "
                               "config.json needs [25, 16]"));
  integers.change_tensors([](NamedTensors& tensors) {
    for (auto& [name, tensor] : tensors) tensor = tensor.to(torch::kInt64);
  });
  CHECK_THAT(integers.error(), ContainsSubstring("has dtype I64"));
}

TEST_CASE("encoder files: what config.json may not say is named, with what it may") {
  const auto error = [](const std::string& key, const nlohmann::json& value,
                        const std::string& family = "bert") {
    const Copy copy(family);
    copy.set("config.json", key, value);
    return copy.error();
  };
  CHECK_THAT(error("architectures", nlohmann::json::array({"LlamaForCausalLM"})),
             ContainsSubstring("config.json: architecture 'LlamaForCausalLM'") &&
                 ContainsSubstring("BertModel") && ContainsSubstring("XLMRobertaModel") &&
                 ContainsSubstring("RobertaModel") && ContainsSubstring("MPNetModel"));
  CHECK_THAT(error("architectures", nlohmann::json::array()), ContainsSubstring("architecture ''"));
  CHECK_THAT(error("position_embedding_type", "relative_key"),
             ContainsSubstring(
                 "'position_embedding_type' = \"relative_key\" is not supported for BertModel"
                 ". Supported: \"absolute\""));
  CHECK_THAT(error("hidden_act", "relu"), ContainsSubstring("'hidden_act' = \"relu\"") &&
                                              ContainsSubstring("Supported: \"gelu\""));
  CHECK_THAT(error("is_decoder", true), ContainsSubstring("'is_decoder' = true"));
  CHECK_THAT(error("add_cross_attention", true), ContainsSubstring("'add_cross_attention' = true"));
  CHECK_THAT(error("quantization_config", {{"bits", 4}}),
             ContainsSubstring("'quantization_config'"));
  CHECK_THAT(error("hidden_size", nullptr), ContainsSubstring("'hidden_size' is missing"));
  CHECK_THAT(error("hidden_size", 0), ContainsSubstring("'hidden_size' = 0"));
  CHECK_THAT(error("num_attention_heads", 3),
             ContainsSubstring("no multiple of 'num_attention_heads' = 3"));
  CHECK_THAT(error("vocab_size", 20), ContainsSubstring("config.json needs [20, 16]"));
  CHECK_THAT(error("pad_token_id", 29, "xlm-roberta"),
             ContainsSubstring("leaves no position after"));
}

TEST_CASE("encoder files: sentence-transformers' own files are checked") {
  const auto error = [](const std::string& file, const std::string& key,
                        const nlohmann::json& value) {
    const Copy copy("bert");
    copy.set(file, key, value);
    return copy.error();
  };
  const std::string pooling = "1_Pooling/config.json", limits = "sentence_bert_config.json";
  CHECK_THAT(
      error(pooling, "pooling_mode_max_tokens", true),
      ContainsSubstring("pooling by [mean, max] is not supported. Supported: one of cls, mean"));
  CHECK_THAT(error(pooling, "pooling_mode", "lasttoken"),
             ContainsSubstring("pooling by [lasttoken]"));
  CHECK_THAT(error(pooling, "word_embedding_dimension", 17), ContainsSubstring("17 numbers"));
  CHECK_THAT(error(limits, "do_lower_case", true), ContainsSubstring("'do_lower_case' = true"));
  CHECK_THAT(error(limits, "max_seq_length", 2), ContainsSubstring("at most 2 tokens"));
  CHECK_THAT(error("tokenizer_config.json", "truncation_side", "left"),
             ContainsSubstring("'truncation_side' = \"left\""));
  CHECK_THAT(error("tokenizer.json", "post_processor", nullptr),
             ContainsSubstring("no special tokens"));

  const Copy dense("bert"), unknown("mpnet"), without_prompt("mpnet"), pieces("bert");
  nlohmann::json modules = read_json(dense / "modules.json");
  modules[2]["type"] = "sentence_transformers.models.Dense";
  write_file(dense / "modules.json", modules.dump());
  CHECK_THAT(dense.error(), ContainsSubstring("module 2 is 'sentence_transformers.models.Dense'") &&
                                ContainsSubstring("Supported: Transformer, Pooling"));
  unknown.set("config_sentence_transformers.json", "default_prompt_name", "passage");
  CHECK_THAT(unknown.error(), ContainsSubstring("'default_prompt_name' = 'passage'"));
  without_prompt.set("1_Pooling/config.json", "include_prompt", false);
  CHECK_THAT(without_prompt.error(), ContainsSubstring("'include_prompt' = false"));
  write_file(pieces / "modules.json", "[]");
  CHECK_THAT(pieces.error(), ContainsSubstring("two or three modules"));
}

TEST_CASE("encoder files: weights that are not finite are refused") {
  const Copy copy("bert");
  copy.change_tensors([](NamedTensors& tensors) {
    for (auto& [name, tensor] : tensors) {
      if (name == "encoder.layer.1.output.dense.bias") tensor[3] = std::nan("");
    }
  });
  CHECK_THAT(copy.error(), ContainsSubstring("not finite"));
  CHECK_THAT(input_error([] { load_float32("nowhere"); }), ContainsSubstring("nowhere"));
}
