// Where the number of a generated text is. Private to the tasks module.
#pragma once

#include <string_view>

namespace factsweep::tasks {

/// Where the text that last_number() reads ends for good; npos: it may go on.
std::size_t number_end(std::string_view text);

}  // namespace factsweep::tasks
