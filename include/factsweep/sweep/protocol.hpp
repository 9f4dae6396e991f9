// The messages between the coordinator (a thread of rank 0's process) and the ranks that compute.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "factsweep/core/array.hpp"

namespace factsweep {

enum class Request : std::uint8_t {
  work,      // I am there: the first message of a rank
  finished,  // `stage` is done; its shared outputs follow
  failed,    // `stage` failed
  stopped,   // `stage` was interrupted by a stop; it stays to be done
  sick,      // my machine fails: `stage` goes back, and I take no more
  back,      // `stages`, which I was handed, to other ranks: the one that I run takes long
  fetch,     // send me the shared outputs of `stage`
  progress,  // of the running `stage`: how far it is, and `tokens` more were processed
};

enum class Reply : std::uint8_t { run, end, artifact, result };

/// One shared output of a stage on its way between ranks.
struct SharedOutput {
  std::string name;
  Array array;
};

struct Message {
  std::uint8_t kind = 0;  // Request or Reply
  std::int64_t stage = -1;
  std::vector<std::int64_t> stages;  // run: one after the other; back
  std::int64_t tokens = 0;
  double begun = 0, fraction = 0;  // progress: share of the stage done, when it began and now
  double seconds = 0;              // finished: that it took
  std::string text;                // reason of a failure
  std::vector<SharedOutput> outputs;

  std::vector<std::byte> pack() const;
  static Message unpack(const std::vector<std::byte>& bytes);
};

inline constexpr int kRequestTag = 1, kReplyTag = 2;

/// How often a rank tells its progress: all together at most 2000 times a second.
double report_interval_s(int ranks);

}  // namespace factsweep
