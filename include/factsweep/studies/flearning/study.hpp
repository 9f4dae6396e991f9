// F-Learning, for the registry (docs/flearning.md).
#pragma once

#include <memory>

#include "factsweep/stage/study.hpp"

namespace factsweep::flearning {

std::unique_ptr<Study> make_study();

}  // namespace factsweep::flearning
