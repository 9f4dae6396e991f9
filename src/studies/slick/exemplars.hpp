// Which questions stand as exemplars before those that are labelled.
#pragma once

#include <map>
#include <string>

#include "corpus.hpp"
#include "factsweep/deck/deck.hpp"
#include "factsweep/label/labelling.hpp"

namespace factsweep::slick {

/// By relation: drawn from its dev questions, or the rows of label.exemplars in their order, the
/// first label.shots of a relation for set 0, the next for set 1. InputError: too few dev
/// questions; rows that are too few or too many, or one that is labelled, too, and would be told
/// its answer.
std::map<std::string, ExemplarSets> exemplars_of(const Deck& deck, const Corpus& corpus);

}  // namespace factsweep::slick
