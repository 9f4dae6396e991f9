// The list of studies, one line each.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "factsweep/core/error.hpp"
#include "factsweep/studies/study.hpp"
#include "flearning/flearning.hpp"
#include "kshot/kshot.hpp"
#include "slick/slick.hpp"

namespace factsweep {

std::vector<std::string> study_names() {
  return {"slick", "flearning", "kshot"};
}

std::unique_ptr<Study> make_study(std::string_view name) {
  if (name == "slick") return std::make_unique<slick::SlickStudy>();
  if (name == "flearning") return std::make_unique<flearning::FLearningStudy>();
  if (name == "kshot") return std::make_unique<kshot::KShotStudy>();
  throw InputError(
      fmt::format("run.study = {} is no study. Known: {}.", name, fmt::join(study_names(), ", ")));
}

}  // namespace factsweep
