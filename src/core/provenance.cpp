#include "factsweep/core/provenance.hpp"

#include <unistd.h>

#include <array>
#include <chrono>
#include <ctime>

#include "factsweep_version.hpp"

namespace factsweep {

std::string code_version() {
  return FACTSWEEP_VERSION;
}
std::string git_revision() {
  return FACTSWEEP_GIT_REVISION;
}

std::string utc_now() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  gmtime_r(&now, &parts);
  std::array<char, 32> text{};
  std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%SZ", &parts);
  return text.data();
}

std::string host_name() {
  std::array<char, 256> name{};
  gethostname(name.data(), name.size() - 1);
  return name.data();
}

}  // namespace factsweep
