// Modules that an adapter holds whole: PEFT's modules_to_save, for token embedding and head.
#include <fmt/format.h>

#include <algorithm>

#include "factsweep/adapter/lora.hpp"
#include "factsweep/adapter/peft_names.hpp"
#include "factsweep/core/error.hpp"
#include "factsweep/model/torch.hpp"

namespace factsweep {
namespace {

using torch::Tensor;

constexpr const char* kTied = "tie_word_embeddings";

/// The first of `modules` whose name one of `ends` ends; empty: none.
std::string chosen(const std::vector<std::string>& modules, const std::vector<std::string>& ends) {
  for (const std::string& module : modules) {
    if (std::any_of(ends.begin(), ends.end(),
                    [&](const std::string& end) { return module.ends_with(end); }))
      return module;
  }
  return "";
}

std::string embedding_module(const ModelConfig& base) {
  return module_name(base, tensor_shapes(base).front().first);
}

/// Whether PEFT sees that a module is an embedding or head: it knows these names alone.
bool names_embedding(const std::vector<std::string>& saved) {
  return std::any_of(saved.begin(), saved.end(), [](const std::string& name) {
    const std::string last = name.substr(name.rfind('.') + 1);
    return last == "embed_tokens" || last == "lm_head";
  });
}

/// A config.json that ties embedding and head, or does not.
void set_tied(ModelConfig& config, bool tied) {
  if (config.tied_head == tied) return;
  config.tied_head = tied;
  config.source[kTied] = tied;
}

}  // namespace

std::vector<std::string> head_modules(const ModelConfig& base) {
  std::vector<std::string> names = {module_name(base, base.stored_head + ".weight")};
  if (names.front() != "lm_head") names.emplace_back("lm_head");
  return names;
}

std::vector<std::string> SavedNames::list() const {
  std::vector<std::string> names;
  for (const std::string& name : {embedding, head}) {
    if (!name.empty()) names.push_back(name);
  }
  return names;
}

SavedNames find_saved(const LoraConfig& config, const ModelConfig& base, const std::string& where) {
  SavedNames saved;
  if (config.saved.empty()) return saved;
  const std::vector<std::string> heads = head_modules(base);
  const std::string embedding = embedding_module(base);
  saved.embedding = chosen({embedding}, config.saved);
  saved.head = chosen(heads, config.saved);
  for (const auto& [tensor, shape] : tensor_shapes(base)) {
    const std::string module = module_name(base, tensor);
    if (module == embedding || module == heads.front() || chosen({module}, config.saved).empty())
      continue;
    throw InputError(
        fmt::format("{}: '{}' is chosen, but only the token embedding '{}' and the head '{}' can be "
                    "saved whole.",
                    where, module, embedding, heads.front()));
  }
  saved.tied = config.keeps_tied && base.tied_head && saved.any() && names_embedding(config.saved);
  if (saved.tied) {
    saved.embedding = embedding;
    saved.head = heads.back();
  }
  return saved;
}

SavedModules SavedModules::unfilled(const SavedNames& names, const ModelConfig& base,
                                    torch::TensorOptions options) {
  SavedModules saved;
  saved.names = names;
  if (!names.embedding.empty())
    saved.embedding = torch::empty({base.vocabulary, base.width}, options);
  if (names.head.empty()) return saved;
  saved.head =
      names.tied ? saved.embedding : torch::empty({base.vocabulary, base.width}, options);
  if (base.head_bias) saved.head_bias = torch::empty({base.vocabulary}, options);
  return saved;
}

NamedTensors SavedModules::named() const {
  NamedTensors tensors;
  if (!names.embedding.empty())
    tensors.emplace_back(saved_tensor(names.embedding + ".weight"), embedding);
  if (!names.head.empty()) {
    tensors.emplace_back(saved_tensor(names.head + ".weight"), head);
    if (head_bias.defined()) tensors.emplace_back(saved_tensor(names.head + ".bias"), head_bias);
  }
  return tensors;
}

SavedModules SavedModules::to(torch::Dtype dtype) const {
  const auto converted = [&](const Tensor& tensor) {
    return tensor.defined() ? tensor.to(dtype, /*non_blocking=*/false, /*copy=*/true) : tensor;
  };
  SavedModules copy{names, converted(embedding), {}, converted(head_bias)};
  copy.head = names.tied ? copy.embedding : converted(head);
  return copy;
}

void SavedModules::replace(Weights& weights) const {
  if (!names.any()) return;
  if (embedding.defined()) weights.embedding = embedding;
  if (head.defined()) weights.head = head;
  if (head_bias.defined()) weights.head_bias = head_bias;
  set_tied(weights.config, names.tied);
}

}  // namespace factsweep
