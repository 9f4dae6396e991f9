// One stage at work: what it reads and emits, by columns.
#pragma once

#include <functional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "factsweep/stage/column.hpp"
#include "factsweep/stage/kind.hpp"
#include "factsweep/stage/workbench.hpp"

namespace factsweep {

/// How far a stage is, in [0, 1], and the tokens processed since the last call.
using StepCallback = std::function<void(double fraction, std::int64_t tokens)>;

class StageRun {
 public:
  /// `deck`: the stage's slice.
  StageRun(const Plan& plan, std::size_t stage, Deck deck, Workbench& bench);

  const Stage& stage() const { return stage_; }
  const Deck& deck() const { return deck_; }
  Workbench& bench() { return bench_; }

  /// An output of a stage that this one depends on.
  template <typename T>
  std::vector<T> input(Upstream upstream, const Column<T>& column) {
    const Array& array = input(upstream, column.output());
    if constexpr (std::same_as<T, std::string>) {
      return array.as_text();
    } else {
      const auto values = array.as<T>();
      return {values.begin(), values.end()};
    }
  }
  const Array& input(Upstream upstream, const std::string& output) {
    return bench_.input(upstream.stage, output);
  }
  /// Whether somebody wants the output: a stage may serve points of which none has this column.
  bool is_wanted(const ColumnBase& column) const;
  /// Elements of a row of the output: its last axis.
  std::size_t width(const ColumnBase& column) const;

  /// Emits values that fill the output, row by row. BugError: there is no such output, they are too
  /// few or too many, or it was emitted before. Does nothing where nobody wants it.
  template <typename T>
  void emit(const Column<T>& column, const std::vector<T>& values) {
    if (!is_wanted(column)) return;
    if constexpr (std::same_as<T, std::string>) {
      emit(column.output(), Array::of_text(values, column.text_length));
    } else {
      emit(column.output(), Array::of(values));
    }
  }
  template <typename T>
  void emit(const Column<T>& column, const T& value) {
    emit(column, std::vector<T>{value});
  }
  /// One row, with `fill` after the values up to the row's width.
  template <typename T>
  void emit_padded(const Column<T>& column, std::vector<T> values, const T& fill = absent<T>()) {
    if (!is_wanted(column)) return;
    require(values.size() <= width(column), "more values than a row has: " + column.path);
    values.resize(width(column), fill);
    emit(column, values);
  }
  /// An output by its name: tensors.
  void emit(const std::string& output, const Array& array);

  void step(double fraction, std::int64_t tokens) { bench_.step(fraction, tokens); }
  /// The same as a function.
  StepCallback steps();

  /// At the end of the stage. BugError: a wanted output of the results file was never emitted.
  /// (Tensors of a stage that went on from a checkpoint may have been emitted before it.)
  void finish() const;

 private:
  const Output& output(const std::string& name) const;

  const Stage& stage_;
  const Deck deck_;
  Workbench& bench_;
  std::set<std::string> emitted_;
};

}  // namespace factsweep
