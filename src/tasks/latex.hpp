// Answers in LaTeX, as MATH has them (Hendrycks et al., arXiv 2103.03874). Private to the tasks
// module.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace factsweep::tasks {

/// The next problem of a text with worked ones: an answer ends in front of it.
inline constexpr std::string_view kNextProblem = "Problem:";

/// What stands in the last \boxed{...} (or \fbox{...}, or \boxed of one bare word); nothing where
/// there is none, or it is never closed.
std::optional<std::string> last_boxed(std::string_view text);

/// The answer in front of kNextProblem: last_boxed(), else what follows the last "answer is" on its
/// line, without dollar signs around it and a full stop behind it. Empty: none.
std::string latex_answer(std::string_view text);

/// MATH's own comparison (is_equiv of its math_equivalence.py): equal after removing what does not
/// change a value in print, such as blanks, \left, \!, degrees, units and "x =", and writing
/// \tfrac12, 1/2 and 0.5 as \frac{1}{2}. It knows no algebra: 2+x is not x+2.
bool latex_equal(std::string_view one, std::string_view other);

}  // namespace factsweep::tasks
