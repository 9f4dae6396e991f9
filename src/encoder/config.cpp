#include "config.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <vector>

#include "../model/config_reader.hpp"
#include "factsweep/core/error.hpp"
#include "factsweep/core/file.hpp"

namespace factsweep::encoder {
namespace {

const std::vector<Family>& families() {
  static const std::vector<Family> list = [] {
    const Family bert{.name = "Bert",
                      .root = "bert.",
                      .query = "self.query",
                      .key = "self.key",
                      .value = "self.value",
                      .mixed = "output.dense",
                      .mixed_norm = "output.LayerNorm"};
    Family roberta = bert, xlm = bert;
    roberta.name = "Roberta";
    roberta.root = "roberta.";
    roberta.padding = 1;
    xlm = roberta;
    xlm.name = "XLMRoberta";
    const Family mpnet{.name = "MPNet",
                       .root = "mpnet.",
                       .query = "attn.q",
                       .key = "attn.k",
                       .value = "attn.v",
                       .mixed = "attn.o",
                       .mixed_norm = "LayerNorm",
                       .padding = 1,
                       .padding_is_fixed = true,
                       .token_types = false,
                       .relative_bias = true};
    return std::vector{bert, roberta, xlm, mpnet};
  }();
  return list;
}

const Family& find_family(const ConfigReader& reader, const std::string& architecture) {
  std::vector<std::string> supported;
  for (const Family& family : families()) {
    for (const char* kind : {"Model", "ForMaskedLM"}) {
      if (architecture == family.name + kind) return family;
      supported.push_back(family.name + kind);
    }
  }
  reader.fail(fmt::format("architecture '{}' is no encoder that is supported. Supported: {}.",
                          architecture, fmt::join(supported, ", ")));
}

}  // namespace

Config Config::read(const std::filesystem::path& directory) {
  if (!std::filesystem::is_directory(directory)) {
    throw InputError(
        fmt::format("{}: no such model folder. Give a Hugging Face directory with config.json.",
                    directory.string()));
  }
  const std::string file = (directory / "config.json").string();
  const nlohmann::json source = read_json(file);
  const ConfigReader untyped(source, file, "");
  const std::vector<std::string> names = untyped.words("architectures");
  Config c;
  c.architecture = names.empty() ? "" : names.front();
  c.family = find_family(untyped, c.architecture);
  const ConfigReader reader(source, file, c.architecture);
  if (reader.has("quantization_config")) reader.refuse("quantization_config", "none");
  reader.only("position_embedding_type", "absolute");
  reader.only("hidden_act", "gelu");
  reader.only("is_decoder", false);
  reader.only("add_cross_attention", false);
  if (c.family.relative_bias) reader.only("relative_attention_num_buckets", kRelativeBuckets);
  c.vocabulary = reader.size("vocab_size");
  c.width = reader.size("hidden_size");
  c.layers = reader.layers("num_hidden_layers");
  c.heads = reader.size("num_attention_heads");
  c.mlp_width = reader.size("intermediate_size");
  c.position_rows = reader.size("max_position_embeddings");
  c.norm_epsilon = reader.positive("layer_norm_eps", 1e-12);
  if (c.family.token_types) c.token_types = reader.size("type_vocab_size", 2);
  if (c.family.padding && !c.family.padding_is_fixed)
    c.family.padding = reader.count("pad_token_id", *c.family.padding);
  if (c.width % c.heads != 0) {
    reader.fail(fmt::format("'hidden_size' = {} is no multiple of 'num_attention_heads' = {}.",
                            c.width, c.heads));
  }
  if (c.positions() < 1) {
    reader.fail(fmt::format("'max_position_embeddings' = {} leaves no position after the first {}.",
                            c.position_rows, c.first_position()));
  }
  return c;
}

}  // namespace factsweep::encoder
