#include "factsweep/sweep/survivors.hpp"

#include <sys/prctl.h>

#include <csignal>
#include <cstdlib>
#include <string_view>
#include <utility>

namespace factsweep {
namespace {

// Open MPI hands its options to the ranks, as it does with the same settings in the environment
constexpr const char* kOfOpenMpi4 = "OMPI_MCA_orte_enable_recovery";  // --enable-recovery
constexpr const char* kOfOpenMpi5 = "OMPI_MCA_mpi_ft_enable";         // --with-ft ulfm

bool is_on(const char* setting) {
  const char* told = std::getenv(setting);
  if (told == nullptr) return false;
  const std::string_view value = told;
  for (const std::string_view yes : {"1", "t", "true", "y", "yes", "enabled"})
    if (value == yes) return true;
  return false;
}

}  // namespace

bool launcher_lets_survivors_live() {
  return is_on(kOfOpenMpi4) || is_on(kOfOpenMpi5);
}

void end_with_launcher() {
  if (is_on(kOfOpenMpi5)) ::prctl(PR_SET_PDEATHSIG, SIGKILL);
}

void Survivors::begin() {
  const std::lock_guard lock(mutex_);
  is_open_ = allowed_;
}

bool Survivors::leave_behind(int rank, const std::string& why) {
  const std::lock_guard lock(mutex_);
  if (lost_.contains(rank)) return true;
  if (!is_open_ || 2 * (lost_.size() + 1) > static_cast<std::size_t>(ranks_)) return false;
  lost_.insert(rank);
  news_[rank] = why;
  any_lost_ = has_news_ = true;
  return true;
}

bool Survivors::end() {
  const std::lock_guard lock(mutex_);
  is_open_ = !lost_.empty();
  return !is_open_;
}

bool Survivors::is_lost(int rank) const {
  if (!any_lost_) return false;
  const std::lock_guard lock(mutex_);
  return lost_.contains(rank);
}

std::map<int, std::string> Survivors::newly_lost() {
  if (!has_news_) return {};
  const std::lock_guard lock(mutex_);
  has_news_ = false;
  return std::exchange(news_, {});
}

}  // namespace factsweep
