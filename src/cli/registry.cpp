#include "registry.hpp"

#include "factsweep/studies/flearning/study.hpp"
#include "factsweep/studies/kshot/study.hpp"
#include "factsweep/studies/slick/study.hpp"

namespace factsweep::cli {

const std::vector<Study>& studies() {
  static const std::vector<Study> all = {
      slick::make_study(),
      flearning::make_study(),
      kshot::make_study(),
  };
  return all;
}

}  // namespace factsweep::cli
