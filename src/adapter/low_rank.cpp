#include "factsweep/adapter/low_rank.hpp"
#include "factsweep/model/torch.hpp"

namespace factsweep {
namespace {

using torch::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

Tensor place(const Tensor& y, const LowRankTerm& term) {
  return y.narrow(0, term.row, term.h.size(0)).narrow(1, term.column, term.B.size(0));
}

/// By hand, as the gradients of narrow() and cat() would each copy all of y.
class AddLowRank : public torch::autograd::Function<AddLowRank> {
 public:
  static Tensor forward(AutogradContext* context, Tensor y, at::TensorList factors,
                        const std::vector<LowRankTerm>* terms) {
    std::vector<std::int64_t> places;
    std::vector<double> scales;
    for (const LowRankTerm& term : *terms) {
      place(y, term).addmm_(term.h, term.B.t(), 1, term.scale);
      places.insert(places.end(), {term.row, term.column});
      scales.push_back(term.scale);
    }
    context->save_for_backward(factors.vec());
    context->saved_data["places"] = places;
    context->saved_data["scales"] = scales;
    context->mark_dirty({y});
    return y;
  }

  static variable_list backward(AutogradContext* context, variable_list gradients) {
    const variable_list factors = context->get_saved_variables();
    const auto places = context->saved_data["places"].toIntVector();
    const auto scales = context->saved_data["scales"].toDoubleVector();
    variable_list result = {gradients[0]};
    for (std::size_t i = 0; i < scales.size(); ++i) {
      const LowRankTerm term = {factors[2 * i], factors[2 * i + 1], places[2 * i],
                                places[2 * i + 1], scales[i]};
      const Tensor g = place(gradients[0], term);
      result.push_back(at::mm(g, term.B).mul_(term.scale));
      result.push_back(at::mm(g.t(), term.h).mul_(term.scale));
    }
    result.emplace_back();  // of `terms`
    return result;
  }
};

}  // namespace

Tensor add_low_rank(const Tensor& y, const std::vector<LowRankTerm>& terms) {
  if (!torch::GradMode::is_enabled()) {
    for (const LowRankTerm& term : terms) place(y, term).addmm_(term.h, term.B.t(), 1, term.scale);
    return y;
  }
  variable_list factors;
  for (const LowRankTerm& term : terms) factors.insert(factors.end(), {term.h, term.B});
  return AddLowRank::apply(y, at::TensorList(factors), &terms);
}

}  // namespace factsweep
