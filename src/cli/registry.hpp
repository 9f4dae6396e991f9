// The studies that there are. Nothing else knows their names.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "factsweep/stage/study.hpp"

namespace factsweep::cli {

std::vector<std::string> study_names();
/// Precondition: `name` is one of them.
std::unique_ptr<Study> make_study(std::string_view name);

}  // namespace factsweep::cli
