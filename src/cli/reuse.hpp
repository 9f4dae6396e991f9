// run.reuse: a sweep that begins with what others have done.
#pragma once

#include <filesystem>
#include <vector>

#include "factsweep/deck/deck.hpp"
#include "factsweep/mpi/communicator.hpp"
#include "factsweep/store/store.hpp"

namespace factsweep::cli {

/// Which stages of the plan the deck's run.reuse would bring. InputError: see below.
std::vector<bool> reusable_stages(const Deck& deck, const Plan& plan);

/// Brings the finished stages of the deck's run.reuse into `output`, which is made when it is not
/// there. Collective. InputError: a file is none, of another study, or its own deck cannot be
/// planned any more.
void reuse_finished_stages(const Communicator& world, const Deck& deck, const Plan& plan,
                           const std::filesystem::path& output, const RunDescription& run);

}  // namespace factsweep::cli
