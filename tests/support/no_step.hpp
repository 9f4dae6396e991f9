// For calls whose progress nobody watches.
#pragma once

#include <cstdint>
#include <functional>

namespace factsweep::test {

inline const std::function<void(double, std::int64_t)> kNoStep = [](double, std::int64_t) {};

}  // namespace factsweep::test
