// SliCK, for the registry (docs/slick.md).
#pragma once

#include "factsweep/stage/study.hpp"

namespace factsweep::slick {

Study make_study();

}  // namespace factsweep::slick
