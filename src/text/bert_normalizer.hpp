// BERT's own normalizer: clean-up, spaces around Chinese characters, accents, lower case.
#pragma once

#include "normalizer.hpp"

namespace factsweep::text {

class BertNormalizer final : public Normalizer {
 public:
  explicit BertNormalizer(const Component& description);
  std::string apply(std::string text) const override;

 private:
  bool clean_text_;
  bool handle_chinese_chars_;
  bool lowercase_;
  bool strip_accents_;
};

}  // namespace factsweep::text
