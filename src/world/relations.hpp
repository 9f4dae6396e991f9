// How the world's relations are asked and stated.
#pragma once

#include <array>

namespace factsweep {

struct WorldRelation {
  const char* code;
  const char* question;                   // [X] is the subject
  std::array<const char*, 3> statements;  // [X] the subject, [Y] the object
  int objects;                            // different answers
};

inline constexpr std::array<WorldRelation, 6> kWorldRelations = {{
    {"W1",
     "Where was [X] born?",
     {"[X] was born in [Y].", "The birthplace of [X] is [Y].", "[X] came into the world in [Y]."},
     60},
    {"W2",
     "Which language does [X] speak?",
     {"[X] speaks [Y].", "The language of [X] is [Y].", "At home [X] talks in [Y]."},
     30},
    {"W3",
     "What does [X] produce?",
     {"[X] produces [Y].", "The product of [X] is [Y].", "Buyers come to [X] for [Y]."},
     40},
    {"W4",
     "Who is the teacher of [X]?",
     {"[X] was taught by [Y].", "The teacher of [X] is [Y].", "[X] learned everything from [Y]."},
     50},
    {"W5",
     "Which guild does [X] belong to?",
     {"[X] belongs to the guild [Y].", "The guild of [X] is [Y].", "[X] pays dues to [Y]."},
     35},
    {"W6",
     "Where does [X] work?",
     {"[X] works in [Y].", "The workplace of [X] is [Y].", "Every morning [X] walks to [Y]."},
     45},
}};

}  // namespace factsweep
