// Which of config.json's objects holds the parameters of the rotary embedding, and what several
// families read there.
#pragma once

#include "../config_reader.hpp"

namespace factsweep {

/// "rope_scaling" where it says something, else "rope_parameters", as transformers 5 chooses. The
/// one not taken counts for nothing: InputError naming both where it holds another base than
/// `theta`, what rope_scaling and the keys outside both leave.
ConfigReader rope_section(const ConfigReader& reader, double theta);

/// "partial_rotary_factor" of that object, else `fallback`: in (0, 1].
double read_rotary_part(const ConfigReader& reader, double theta, double fallback);

/// The parameters of longrope in `object`, for a model of `positions` that was trained on
/// `original`.
RopeConfig read_longrope(const ConfigReader& object, double theta, double positions,
                         double original);

}  // namespace factsweep
