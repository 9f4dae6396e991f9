// SliCK, for the registry (docs/slick.md).
#pragma once

#include <memory>

#include "factsweep/stage/study.hpp"

namespace factsweep::slick {

std::unique_ptr<Study> make_study();

}  // namespace factsweep::slick
