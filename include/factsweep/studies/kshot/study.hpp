// K-shot open knowledge, for the registry (docs/kshot.md).
#pragma once

#include "factsweep/stage/study.hpp"

namespace factsweep::kshot {

Study make_study();

}  // namespace factsweep::kshot
