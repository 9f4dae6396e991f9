#include "registry.hpp"

#include "factsweep/studies/flearning/study.hpp"
#include "factsweep/studies/kshot/study.hpp"
#include "factsweep/studies/slick/study.hpp"

namespace factsweep::cli {
namespace {

struct Entry {
  std::string_view name;
  std::unique_ptr<Study> (*make)();
};

/// A line a study.
constexpr Entry kStudies[] = {
    {"slick", slick::make_study},
    {"flearning", flearning::make_study},
    {"kshot", kshot::make_study},
};

}  // namespace

std::vector<std::string> study_names() {
  std::vector<std::string> names;
  for (const Entry& study : kStudies) names.emplace_back(study.name);
  return names;
}

std::unique_ptr<Study> make_study(std::string_view name) {
  for (const Entry& study : kStudies) {
    if (study.name == name) return study.make();
  }
  throw BugError("no study of that name is registered");
}

}  // namespace factsweep::cli
