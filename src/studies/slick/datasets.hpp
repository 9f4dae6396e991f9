// Every dataset that SliCK fills, with its shape, unit and name (docs/layout.md).
#pragma once

#include <map>
#include <string>
#include <vector>

#include "slick.hpp"

namespace factsweep::slick {

/// /labels/base: the questions, what was found out about them, and the exemplars.
std::vector<DatasetSpec> label_datasets(const Deck& deck, const Corpus& corpus,
                                        const std::map<std::string, ExemplarSets>& exemplars);

/// /points, /curves, /predictions and /variants of `points` grid points.
std::vector<DatasetSpec> point_datasets(const Corpus& corpus, std::uint64_t points,
                                        std::uint64_t epochs);

}  // namespace factsweep::slick
