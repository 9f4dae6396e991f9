#include "methods.hpp"

#include <algorithm>

#include "factsweep/core/error.hpp"

namespace factsweep::flearning {

std::string_view name(Tuning tuning) {
  return tuning == Tuning::full ? "full" : tuning == Tuning::lora ? "lora" : "none";
}

Tuning parse_tuning(std::string_view name) {
  return name == "full" ? Tuning::full : name == "lora" ? Tuning::lora : Tuning::none;
}

const std::vector<Method>& methods() {
  using K = Method::Kind;
  using T = Tuning;
  static const std::vector<Method> list = {
      {"original", K::original},
      {"ft", K::tune, T::none, T::full},
      {"lora", K::tune, T::none, T::lora},
      {"forget_ft", K::tune, T::full, T::none},
      {"forget_lora", K::tune, T::lora, T::none},
      {"f_learning_ft", K::tune, T::full, T::full},
      {"f_learning_lora", K::tune, T::lora, T::lora},
      {"f_learning_lora_ft", K::tune, T::lora, T::full},
      {"ft_c", K::edit},
      {"rome", K::edit},
      {"rome_reset", K::edit},
      {"memit", K::edit},
  };
  return list;
}

std::vector<std::string> method_names() {
  std::vector<std::string> names;
  for (const Method& method : methods()) names.push_back(method.name);
  return names;
}

const Method& method(std::string_view name) {
  const auto found = std::find_if(methods().begin(), methods().end(),
                                  [&](const Method& item) { return item.name == name; });
  require(found != methods().end(), "flearning: no such method");
  return *found;
}

}  // namespace factsweep::flearning
