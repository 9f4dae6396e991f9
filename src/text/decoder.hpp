// The `decoder` of tokenizer.json: from tokens back to text.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "component.hpp"

namespace factsweep::text {

class DecoderStep {
 public:
  virtual ~DecoderStep() = default;
  /// Rewrites the tokens of a whole text.
  virtual void apply(std::vector<std::string>& tokens) const = 0;
  /// Rewrites one token inside a text; raw bytes may come out.
  virtual void apply_inside(std::string& token) const = 0;
};

class Decoder {
 public:
  /// Without a decoder Hugging Face joins the tokens with spaces.
  Decoder() = default;
  /// From the `decoder` object. UnknownComponent names a type that is not implemented.
  explicit Decoder(const Component& description);

  std::string decode(std::vector<std::string> tokens) const;
  /// The bytes that `token` adds to a text when it is not the first.
  std::string piece(std::string token) const;

 private:
  void add(const Component& description);

  bool joins_with_spaces_ = true;
  std::vector<std::unique_ptr<DecoderStep>> steps_;
};

}  // namespace factsweep::text
