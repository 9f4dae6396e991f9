// What the pretended device has been asked to do: what a test or a report reads of it.
#pragma once

#include <cstdint>
#include <map>
#include <string>

namespace pretended {

struct Counts {
  std::int64_t launches = 0;        // kernels: operators that compute or move data on the device
  std::int64_t to_host = 0;         // copies, with those of single numbers (item())
  std::int64_t to_device = 0;       // copies
  std::int64_t synchronisations = 0;  // times the host waited for the device
  std::map<std::string, std::int64_t> operators;  // launches of each
};

/// Since the process began. Other threads may be at work.
Counts counts();
Counts operator-(const Counts& later, const Counts& earlier);

void count_launch(const std::string& name);
void count_copy_to_host();
void count_copy_to_device();
/// The host waits for all that was asked of the device: asynchronous copies to it arrive.
void synchronise();

/// Writes itself as "launches 3, ...".
std::string describe(const Counts& counts);

}  // namespace pretended
