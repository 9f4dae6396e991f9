// Which of config.json's objects holds the parameters of the rotary embedding.
#pragma once

#include "../config_reader.hpp"

namespace factsweep {

/// "rope_scaling" where it says something, else "rope_parameters", as transformers 5 chooses. The
/// one not taken counts for nothing: InputError naming both where it holds another base than
/// `theta`, what rope_scaling and the keys outside both leave.
ConfigReader rope_section(const ConfigReader& reader, double theta);

}  // namespace factsweep
