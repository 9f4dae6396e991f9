#include "factsweep/data/question.hpp"

namespace factsweep {

std::string_view name(Split split) {
  switch (split) {
    case Split::train:
      return "train";
    case Split::dev:
      return "dev";
    case Split::test:
      break;
  }
  return "test";
}

}  // namespace factsweep
