// config.json of an encoder, checked: sizes and the few switches in which the families differ.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

namespace factsweep::encoder {

/// What checkpoints call the modules of a layer, and where positions count from.
struct Family {
  std::string name;                     // architectures: nameModel, nameForMaskedLM
  std::string root;                     // before all names in files saved with a head
  std::string query, key, value;        // in "encoder.layer.N.attention."
  std::string mixed, mixed_norm;        // the output projection of attention, the norm after it
  std::optional<std::int64_t> padding;  // positions begin after this row of the table, and go
                                        // around tokens of this id; config.json's pad_token_id
  bool padding_is_fixed = false;        // whatever config.json says
  bool token_types = true;
  bool relative_bias = false;  // MPNet: scores get a learned bias of the distance
};

struct Config {
  Family family;
  std::string architecture;
  std::int64_t vocabulary = 0, width = 0, layers = 0, heads = 0, mlp_width = 0;
  std::int64_t position_rows = 0, token_types = 0;
  double norm_epsilon = 1e-12;

  std::int64_t head_size() const { return width / heads; }
  /// Longest sequence.
  std::int64_t positions() const { return position_rows - first_position(); }
  std::int64_t first_position() const { return family.padding ? *family.padding + 1 : 0; }

  /// InputError: file missing or malformed, architecture or value not supported (says what is).
  static Config read(const std::filesystem::path& directory);
};

constexpr std::int64_t kRelativeBuckets = 32;  // transformers computes MPNet's with no other number

}  // namespace factsweep::encoder
