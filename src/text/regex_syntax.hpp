// Oniguruma's regular expressions, which tokenizer.json holds, in the terms of PCRE2. The two
// differ in white space and word characters, nested and intersected classes, \h and \v, {,n}, and
// {n,m}+.
#pragma once

#include <string>
#include <string_view>

namespace factsweep::text {

/// For a PCRE2 compiled with UTF, UCP and MULTILINE. What neither knows is left as it
/// stands: PCRE2 finds the words for the error.
std::string translate_regex(std::string_view pattern);

}  // namespace factsweep::text
