// The list of families.
#include <algorithm>
#include <array>

#include "../family.hpp"
#include "factsweep/core/error.hpp"

namespace factsweep {

extern const Family kLlama, kMistral, kQwen2, kQwen3, kGpt2, kGptNeoX, kGptJ, kOpt, kBloom, kGemma1,
    kGemma2, kGemma3, kOlmo1, kOlmo2, kOlmo3, kSmolLm3, kPhi, kPhi3, kGranite, kStableLm, kGlm,
    kGlm4, kCohere1, kCohere2, kStarCoder2, kMinistral3, kApertus, kFalcon, kMpt, kMixtral, kOlmoE,
    kQwen2Moe, kQwen3Moe;

namespace {

constexpr std::array kFamilies = {
    &kLlama, &kMistral, &kQwen2,   &kQwen3,      &kGpt2,       &kGptNeoX,  &kGptJ,
    &kOpt,   &kBloom,   &kGemma1,  &kGemma2,     &kGemma3,     &kOlmo1,    &kOlmo2,
    &kOlmo3, &kSmolLm3, &kPhi,     &kPhi3,       &kGranite,    &kStableLm, &kGlm,
    &kGlm4,  &kCohere1, &kCohere2, &kStarCoder2, &kMinistral3, &kApertus,  &kFalcon,
    &kMpt,   &kMixtral, &kOlmoE,   &kQwen2Moe,   &kQwen3Moe};

}  // namespace

const Family* find_family(const std::string& architecture) {
  for (const Family* family : kFamilies) {
    const auto& names = family->architectures;
    if (std::find(names.begin(), names.end(), architecture) != names.end()) return family;
  }
  return nullptr;
}

const Family& family_of(const ModelConfig& config) {
  require(config.family != nullptr, "family_of: a config of no family");
  return *config.family;
}

std::vector<std::string> supported_architectures() {
  std::vector<std::string> names;
  for (const Family* family : kFamilies) {
    names.insert(names.end(), family->architectures.begin(), family->architectures.end());
  }
  return names;
}

}  // namespace factsweep
