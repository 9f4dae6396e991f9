// A deck expanded: grid points, the graph of stages that compute them, and every dataset the store
// will hold. A stage is a pure function of (configuration, upstream artifacts); its key is a hash
// of exactly these, so equal work appears once. Nothing here knows tensors, ranks or HDF5.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <unordered_map>
#include <variant>
#include <vector>

#include "factsweep/core/array.hpp"
#include "factsweep/core/shared_text.hpp"

namespace factsweep {

enum class File { results, weights };  // NAME.h5, NAME.weights.h5

/// What a column of /points is to whoever reads the file.
enum class Role { axis, metric, time, text };
std::string_view name(Role role);

/// One dataset of the store, created whole before any work starts.
struct DatasetSpec {
  File file = File::results;
  std::string path;  // "/curves/accuracy_dev"
  DType dtype = DType::float64;
  std::size_t text_length = 0;  // for DType::text
  std::vector<std::uint64_t> shape;
  std::vector<std::string>
      dimensions;         // one dimension-scale name an axis, in the same group: "point", "epoch"
  std::string units;      // "1", "s", "fraction"; empty: no attribute
  std::string long_name;  // what a figure's axis says
  std::string symbol;     // the paper's, e.g. "P_Correct(T=0)"
  Role role = Role::metric;  // only of columns of /points
  Array content;             // written at creation when not empty (questions, axis values)
};

/// What a point asked in place of weights that it made: a text of each point, where a study has some
/// that make none. Empty: its own weights; "/": the base model; or the group of the weights file that
/// holds an adapter, as "/bank/sst2".
inline constexpr const char* kAsked = "/points/asked";

/// Names in the results file.
DatasetSpec dataset(std::string path, DType dtype, std::vector<std::uint64_t> shape,
                    std::vector<std::string> dimensions, std::string units, std::string long_name,
                    std::string symbol = "");
/// Texts known when the file is created; each takes the bytes of the longest.
DatasetSpec text_dataset(std::string path, const std::vector<std::string>& values,
                         std::vector<std::uint64_t> shape, std::vector<std::string> dimensions,
                         std::string long_name);

/// A text of the weights file, known when the file is created.
DatasetSpec weights_text(std::string path, const std::string& text, std::string long_name);

/// A hyper-rectangle of one dataset.
struct Slab {
  File file = File::results;
  SharedText path;
  std::vector<std::uint64_t> offset, count;
};

/// All of a dataset.
Slab whole(const DatasetSpec& spec);

/// One named array that a stage produces. It lands in every slab of `places` (several when points
/// share the stage). Stages downstream may read it: from its first place, or, when `shared`, by
/// message, which every rank that fetches one of the stage's keeps (small arrays only).
struct Output {
  SharedText name;
  std::vector<Slab> places;
  bool shared = false;
};

struct Stage {
  std::string key;                                          // 16 hex digits
  std::string kind;                                         // "label", "train", ...
  std::string title;                                        // for people: "label P17 test 0-255"
  nlohmann::json configuration = nlohmann::json::object();  // hashed into the key
  nlohmann::json science;  // what it reads of the deck: hashed into the key, and not kept by a plan
  nlohmann::json local = nlohmann::json::object();  // where this sweep has what the stage is about
  std::vector<std::size_t> upstream;  // indices into Plan::stages, all smaller than this stage's
  double cost_flop = 0;               // estimate
  double memory_bytes = 0;            // estimate, in tensors beyond the model's own weights
  double activation_bytes = 0;        // of these, what smaller passes make less
  double checkpoint_bytes = 0;        // estimate, on the disk while it runs
  std::vector<Output> outputs;

  /// The output of that name; nothing when there is none.
  const Output* find_output(std::string_view name) const;
};

using AxisValue = std::variant<double, std::int64_t, std::string>;

struct Axis {
  std::string name;  // column of /points
  std::string units, long_name, symbol;
};

struct Point {
  std::string id;                 // stable, readable: "unknown_ratio-0.5-s1"
  std::vector<AxisValue> values;  // one an axis
  std::size_t leaf = 0;           // stage whose end completes the point
};

/// What a plan was read from. A sweep goes on wherever it lies, and only while it holds the same.
struct Input {
  std::string name;         // "model.path", "data.facts P17"; unique
  std::string place;        // path, for people; empty: another input has it
  std::string fingerprint;  // changes with what stages use of it; empty: their keys tell
};

struct Plan {
  std::string study;
  std::vector<Axis> axes;
  std::vector<Point> points;
  std::vector<Stage> stages;  // topologically sorted
  std::vector<DatasetSpec>
      datasets;  // the study's own; the store adds /points/<axis>, /points/status.. and /stages
  std::vector<Input> inputs;
  std::vector<std::string> notes;  // what the reader of the deck should know, as records left out
  // Which weights the sweep keeps, and which it does not though it trains them; a sentence each, or
  // empty.
  std::string kept, not_kept;
  double model_bytes = 0;    // weights of one model copy, for the memory column of `plan`
  double process_bytes = 0;  // what a rank's process holds beside tensors: expect_cpu()

  /// Index of the stage (kind, configuration, upstream); appended when new, shared when it exists.
  /// The caller adds the places of a shared stage's outputs itself.
  std::size_t add_stage(Stage stage);
  /// Foreseen of a rank while it works on the stage.
  double bytes_of(const Stage& stage) const {
    return model_bytes + process_bytes + stage.memory_bytes;
  }

 private:
  /// Of its kind, its configuration with its science, and its upstream. Leaves it without science.
  std::string key_of(Stage& stage) const;
  std::unordered_map<std::string, std::size_t> stage_of_key_;
};

}  // namespace factsweep
