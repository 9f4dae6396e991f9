// Stages "forget" and "learn": the original model less a part of the old knowledge's parameters
// (equation 4), and training on the new answers, after forgetting (equation 7) or without.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "ground.hpp"
#include "lesson.hpp"

namespace factsweep::flearning {

struct Tune : Ground {
  Forgetting forgetting;
  std::optional<bool> lora;  // how the new answers are learnt; nothing: they are not
  Matrices matrices;         // rows and columns of /norms

  static void fields(auto& self, auto&& field) {
    Ground::fields(self, field);
    Forgetting::fields(self.forgetting, field);
    field("lora", self.lora);
    field("modules", self.matrices.modules);
    field.local("layers_of_norms", self.matrices.layers);
  }
  std::vector<std::string> deck_keys() const;
  void run(Worker& worker, StageRun& run) const;

  /// Where there is one.
  Lesson lesson() const { return {"learn", lora.value()}; }
};

struct Forget : Tune {
  static constexpr const char* kind = "forget";
};

struct Learn : Tune {
  static constexpr const char* kind = "learn";
};

/// Where something is forgotten.
inline const auto kLambdaUsed =
    column<double>("/points/lambda_used", {"point"}, "1",
                   "rate of forgetting, the search's where it was searched", "lambda");
/// Where something is learnt.
inline const auto kLoss =
    column<double>("/curves/loss", {"point", "epoch"}, "nat", "training loss on the new answers");

inline const auto kForgetNorm =
    column<float>("/norms/forget", {"point", "layer", "module"}, "1",
                  "L2 norm of a matrix's change by forgetting", "||theta' - theta||");
inline const auto kLearnNorm =
    column<float>("/norms/learn", {"point", "layer", "module"}, "1",
                  "L2 norm of a matrix's change by learning or editing", "||theta* - theta'||");
/// Where both are done.
inline const auto kCosine =
    column<float>("/norms/cosine", {"point", "layer", "module"}, "1",
                  "cosine between the old knowledge's parameters and the change by learning",
                  "cos(theta_delta_old, theta* - theta')");

/// The point's leaf, and what it stands on.
Upstream add_tune(const Draft& draft, Upstream original);

}  // namespace factsweep::flearning
