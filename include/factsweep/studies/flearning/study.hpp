// F-Learning, for the registry (docs/flearning.md).
#pragma once

#include "factsweep/stage/study.hpp"

namespace factsweep::flearning {

Study make_study();

}  // namespace factsweep::flearning
