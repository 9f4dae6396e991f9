#include "factsweep/core/text_source.hpp"

#include <utility>

#include "factsweep/core/error.hpp"

namespace factsweep {
namespace {
thread_local const TextSource* t_current = nullptr;
}

TextSource::TextSource(Source source) : source_(std::move(source)) {
  require(t_current == nullptr, "TextSource: there is one already");
  t_current = this;
}

TextSource::~TextSource() {
  t_current = nullptr;
}

const TextSource* TextSource::current() {
  return t_current;
}

std::string TextSource::text(const std::filesystem::path& path, const Read& read) const {
  return source_(path, read);
}

}  // namespace factsweep
