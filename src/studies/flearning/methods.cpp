#include "methods.hpp"

#include "factsweep/studies/support/lists.hpp"

namespace factsweep::flearning {

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

const Method& method(std::string_view name) {
  return by_name(methods(), name);
}

bool Method::needs_subject() const {
  return kind == Kind::edit && name != "ft_c";
}

}  // namespace factsweep::flearning
