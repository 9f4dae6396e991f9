#include "factsweep/core/shared_text.hpp"

#include <mutex>
#include <unordered_set>

namespace factsweep {

SharedText::SharedText(std::string_view text) {
  // never destroyed: other objects that are may still name their datasets
  static auto& texts = *new std::unordered_set<std::string>;
  static std::mutex mutex;
  const std::lock_guard lock(mutex);
  text_ = &*texts.emplace(text).first;
}

}  // namespace factsweep
