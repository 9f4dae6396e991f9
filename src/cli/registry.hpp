// The studies that there are. Nothing else knows their names.
#pragma once

#include <vector>

#include "factsweep/stage/study.hpp"

namespace factsweep::cli {

const std::vector<Study>& studies();

}  // namespace factsweep::cli
