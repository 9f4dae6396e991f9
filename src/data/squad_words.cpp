#include "factsweep/data/squad_words.hpp"

#include <algorithm>
#include <map>

#include "letters.hpp"
#include "squad_matcher.hpp"

namespace factsweep {

SquadWords squad_words(std::string_view answer) {
  const std::u32string text = squad_normalised(answer.substr(0, answer.find('\n')));
  SquadWords words;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find(U' ', begin), text.size());
    for (std::size_t i = begin; i < end;) {
      std::size_t next = i + 1;  // a character of a script without spaces is a word, with its marks
      if (is_unspaced(text[i])) {
        while (next < end && joins_before(text[next])) ++next;
      } else {
        while (next < end && !is_unspaced(text[next])) ++next;
      }
      words.push_back(text.substr(i, next - i));
      i = next;
    }
    begin = end + 1;
  }
  return words;
}

double word_f1(const SquadWords& answer, const SquadWords& gold) {
  if (answer.empty() || gold.empty()) return answer.empty() && gold.empty() ? 1 : 0;
  std::map<std::u32string_view, int> left;
  for (const std::u32string& word : gold) ++left[word];
  int shared = 0;
  for (const std::u32string& word : answer) shared += left[word]-- > 0 ? 1 : 0;
  return 2.0 * shared / static_cast<double>(answer.size() + gold.size());
}

}  // namespace factsweep
