// The operators of the pretended device.
#pragma once

namespace pretended {

/// Lets asynchronous copies to the host arrive.
void deliver_copies();

}  // namespace pretended
