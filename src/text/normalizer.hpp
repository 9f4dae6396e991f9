// The `normalizer` of tokenizer.json: what happens to the text before it is cut into words.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "component.hpp"

namespace factsweep::text {

class Normalizer {
 public:
  virtual ~Normalizer() = default;
  /// Valid UTF-8 in, valid UTF-8 out.
  virtual std::string apply(std::string text) const = 0;
};

/// From the `normalizer` object. UnknownComponent names a type that is not implemented.
std::unique_ptr<Normalizer> make_normalizer(const Component& description);

/// One after the other.
std::unique_ptr<Normalizer> chain(std::vector<std::unique_ptr<Normalizer>> steps);

}  // namespace factsweep::text
