// Every dataset of a sweep's two files: the study's, the store's own /points, /stages and
// /inputs, and the dimension scales.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <unordered_set>
#include <vector>

#include "factsweep/plan/plan.hpp"

namespace factsweep {

inline constexpr std::size_t kReasonBytes = 256;

struct Layout {
  /// `with_content`: also what the store's own datasets hold at creation (rank 0 needs it, 100 MB
  /// for 10^6 stages).
  Layout(const Plan& plan, bool with_content);

  std::vector<const DatasetSpec*>
      datasets;  // of the plan and of `own`; the plan must outlive the layout
  std::unordered_set<std::string>
      scales;  // keys (see key()) of the datasets that are dimension scales

  static std::string key(File file, const std::string& path);
  /// The path of the scale of `spec`'s axis `axis`: the same group, the axis' name.
  static std::string scale_path(const DatasetSpec& spec, std::size_t axis);

 private:
  void add(DatasetSpec spec);
  void add_points(const Plan& plan, bool with_content);
  void add_stages(const Plan& plan, bool with_content);
  void add_inputs(const Plan& plan, bool with_content);
  void add_edges(const Plan& plan, bool with_content);
  void add_scales(bool with_content);
  std::deque<DatasetSpec> own_;  // a deque: `datasets` points into it while it grows
};

std::uint64_t volume_of(const std::vector<std::uint64_t>& shape);
std::uint64_t bytes_of(const DatasetSpec& spec);

}  // namespace factsweep
