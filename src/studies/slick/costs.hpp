// What estimates of work assume.
#pragma once

namespace factsweep::slick {

inline constexpr double kTokensPerText = 28;  // a question with its answer
inline constexpr double kAnswerTokens = 4;    // of these

}  // namespace factsweep::slick
