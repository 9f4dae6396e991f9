// K-shot open knowledge, for the registry (docs/kshot.md).
#pragma once

#include <memory>

#include "factsweep/stage/study.hpp"

namespace factsweep::kshot {

std::unique_ptr<Study> make_study();

}  // namespace factsweep::kshot
