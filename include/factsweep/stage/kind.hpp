// A kind of stage is a struct. Its fields are listed once, and that list is what a stage's key is
// hashed from, what the plan stores and what the running stage reads back; what a stage reads of
// the deck is a slice that is hashed with them. So nothing can be read that is not in the key.
//
//   struct Label {
//     static constexpr const char* kind = "label";
//     std::string relation, questions;          // a name, and a hash of what is asked
//     std::uint64_t first = 0;                  // row of this sweep's table
//
//     static void fields(auto& self, auto&& field) {
//       field("relation", self.relation);
//       field("questions", self.questions);
//       field.local("first", self.first);       // not hashed: another sweep may have other rows
//     }
//     std::vector<std::string> deck_keys() const { return {"model.dtype", "label."}; }
//     void run(Worker& worker, StageRun& run) const;
//   };
#pragma once

#include <cmath>
#include <concepts>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <type_traits>
#include <vector>

#include "factsweep/core/error.hpp"
#include "factsweep/deck/deck.hpp"
#include "factsweep/plan/plan.hpp"

namespace factsweep {

/// Another stage, whose outputs a stage reads: its place in Plan::stages. A field of this type, of
/// optional or of vector of it, names what it is to the stage.
struct Upstream {
  std::size_t stage = 0;

  bool operator==(const Upstream&) const = default;
};

/// Fields into a stage.
class FieldWriter {
 public:
  explicit FieldWriter(Stage& stage) : stage_(stage) {}

  template <typename T>
  void operator()(const char* name, const T& value) {
    require(!stage_.configuration.contains(name), std::string("a stage has two fields ") + name);
    stage_.configuration[name] = encode(value);
  }
  void operator()(const char* name, const Upstream& value) { (*this)(name, std::vector{value}); }
  void operator()(const char* name, const std::optional<Upstream>& value) {
    (*this)(name, value ? std::vector{*value} : std::vector<Upstream>());
  }
  /// How many there are is stored; which ones, Stage::upstream says, field after field.
  void operator()(const char* name, const std::vector<Upstream>& value) {
    (*this)(name, value.size());
    for (const Upstream& one : value) stage_.upstream.push_back(one.stage);
  }
  /// A field that only says where this sweep keeps what the stage is about: it is not hashed.
  template <typename T>
  void local(const char* name, const T& value) {
    stage_.local[name] = encode(value);
  }

 private:
  /// JSON has no NaN: it is null, as an absent value is.
  template <typename T>
  static nlohmann::json encode(const T& value) {
    if constexpr (std::floating_point<T>) {
      return std::isnan(value) ? nlohmann::json() : nlohmann::json(value);
    } else {
      return value;
    }
  }
  template <typename T>
  static nlohmann::json encode(const std::optional<T>& value) {
    return value ? encode(*value) : nlohmann::json();
  }

  Stage& stage_;
};

/// A stage into fields.
class FieldReader {
 public:
  explicit FieldReader(const Stage& stage) : stage_(stage) {}

  template <typename T>
  void operator()(const char* name, T& value) {
    decode(stage_.configuration.at(name), value);
  }
  void operator()(const char* name, Upstream& value) {
    std::vector<Upstream> one;
    (*this)(name, one);
    value = one.at(0);
  }
  void operator()(const char* name, std::optional<Upstream>& value) {
    std::vector<Upstream> some;
    (*this)(name, some);
    value = some.empty() ? std::nullopt : std::optional(some.front());
  }
  void operator()(const char* name, std::vector<Upstream>& value) {
    value.resize(stage_.configuration.at(name).get<std::size_t>());
    for (Upstream& one : value) one.stage = stage_.upstream.at(next_++);
  }
  template <typename T>
  void local(const char* name, T& value) {
    decode(stage_.local.at(name), value);
  }

 private:
  template <typename T>
  static void decode(const nlohmann::json& json, T& value) {
    if constexpr (std::floating_point<T>) {
      value = json.is_null() ? std::numeric_limits<T>::quiet_NaN() : json.get<T>();
    } else {
      value = json.get<T>();
    }
  }
  template <typename T>
  static void decode(const nlohmann::json& json, std::optional<T>& value) {
    value.reset();
    if (!json.is_null()) decode(json, value.emplace());
  }

  const Stage& stage_;
  std::size_t next_ = 0;  // of Stage::upstream
};

template <typename K>
concept StageKind = std::default_initializable<K> && requires(K& fields, FieldReader& reader) {
  { K::kind } -> std::convertible_to<std::string>;
  { fields.deck_keys() } -> std::same_as<std::vector<std::string>>;
  K::fields(fields, reader);
};

/// The slice of a deck that a stage with these fields may read.
template <StageKind K>
Deck slice_of(const K& fields, const Deck& deck) {
  return deck.only(fields.deck_keys());
}

/// What a plan knows of a stage with these fields; its title, cost and outputs are the caller's.
/// `science`: of slice_of().
template <StageKind K>
Stage stage_of(const K& fields, nlohmann::json science) {
  Stage stage;
  stage.kind = K::kind;
  FieldWriter writer(stage);
  K::fields(fields, writer);
  require(!stage.configuration.contains("deck"), "'deck' is the name of a stage's slice");
  stage.science = std::move(science);
  return stage;
}
template <StageKind K>
Stage stage_of(const K& fields, const Deck& deck) {
  return stage_of(fields, nlohmann::json(slice_of(fields, deck).science()));
}

/// The one place where a stage's configuration is read.
template <StageKind K>
K fields_of(const Stage& stage) {
  require(stage.kind == K::kind, "a stage of kind " + stage.kind + " is read as " + K::kind);
  K fields;
  FieldReader reader(stage);
  K::fields(fields, reader);
  return fields;
}

}  // namespace factsweep
