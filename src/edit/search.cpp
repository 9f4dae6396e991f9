// Speed: no layer up to the edited one depends on the vector, nor does any token in front of the
// subject's last. So keys and values of the latter, and the stream that enters the layers above,
// are computed once; the loop runs the rest, and takes logits where the loss looks.
//
// Shape legend: M requests, A requests whose search goes on, S texts of these, N packed tokens from
// the subject's last on, R tokens of new answers, D width, V vocabulary.
#include "search.hpp"

#include <fmt/format.h>
#include <torch/csrc/autograd/autograd.h>

#include <cmath>
#include <numeric>
#include <stdexcept>

#include "adam.hpp"
#include "factsweep/model/staging.hpp"
#include "factsweep/model/torch.hpp"

namespace factsweep {
namespace {

using torch::Tensor;

/// The log-probability of each token in each row.
Tensor norms(const Tensor& x) {
  return at::linalg_vector_norm(x, 2, at::IntArrayRef({1}));
}

/// Adds vectors after the down projection of one layer, in given rows.
class AddValues : public LinearHook {
 public:
  AddValues(std::int64_t layer, Tensor rows_S, Tensor values_SD)
      : layer_(layer), rows_S_(std::move(rows_S)), values_SD_(std::move(values_SD)) {}
  Tensor apply(std::int64_t layer, LinearId linear, const Tensor&, const Tensor& y) const override {
    if (layer != layer_ || linear != dense::down) return y;
    return y.index_add(0, rows_S_, values_SD_.to(y.scalar_type()));
  }

 private:
  const std::int64_t layer_;
  const Tensor rows_S_, values_SD_;
};

/// What one evaluation of the loss runs over.
struct Batch {
  PackedTokens tokens;
  Context context;
  Tensor entering_ND;
  Tensor subject_rows_S, request_S;         // where vectors are added, and whose
  Tensor wanted_rows;                       // rows of answers, then of "{subject} is a"
  Tensor target_R, weight_R, request_of_R;  // weights: the mean over contexts and tokens
};

/// The vectors still searched, and all that belongs to them.
struct State {
  std::vector<std::int64_t> active;  // requests
  Tensor delta_AD, norm_A;           // norm: of the model's own value
  Adam adam;
  Batch batch;
};

class Search {
 public:
  Search(const Weights& weights, std::span<const EditRequest> requests, std::int64_t layer,
         ValuePlace place, const ValueSettings& settings)
      : weights_(weights),
        requests_(requests),
        layer_(layer),
        place_(place),
        settings_(settings),
        device_(weights.embedding.device()) {
    prepare();
  }

  Values run(const Tensor& initial_MD, const std::function<void(double, std::int64_t)>& step);

 private:
  std::int64_t first_layer() const {
    return place_ == ValuePlace::mlp_output ? layer_ : layer_ + 1;
  }
  std::int64_t texts_each() const {
    return static_cast<std::int64_t>(requests_.front().texts.size());
  }
  const CutText& text(std::int64_t s) const {
    return requests_[static_cast<std::size_t>(s / texts_each())]
        .texts[static_cast<std::size_t>(s % texts_each())];
  }

  void prepare();
  Batch batch_of(const std::vector<std::int64_t>& active) const;
  Tensor losses(const Batch& batch, const Tensor& delta_AD, const Tensor& norm_A);
  std::vector<std::int64_t> judge(const State& state, const Tensor& losses_A, std::int64_t updates,
                                  Values& found) const;
  void narrow(State& state, const std::vector<std::int64_t>& kept, Tensor& gradient_AD);

  const Weights& weights_;
  std::span<const EditRequest> requests_;
  const std::int64_t layer_;
  const ValuePlace place_;
  const ValueSettings& settings_;
  const torch::Device device_;

  KeyValueCache past_;  // of the tokens in front of the subjects' last
  Tensor entering_;     // of all texts
  std::vector<std::int64_t> starts_;
  Tensor before_AV_;  // log-probabilities after "{subject}" without a vector
};

void Search::prepare() {
  torch::NoGradGuard no_grad;
  std::vector<std::vector<TokenId>> before, after;
  std::vector<std::int64_t> lengths, without;
  const std::int64_t count = static_cast<std::int64_t>(requests_.size()) * texts_each();
  for (std::int64_t s = 0; s < count; ++s) {
    before.push_back(text(s).before);
    after.push_back(text(s).after);
    lengths.push_back(static_cast<std::int64_t>(before.back().size()));
    if (before.back().empty()) {
      before.back() = {0};  // a row that nothing attends to
      without.push_back(s);
    }
  }
  const std::int64_t start = 0;
  const PackedTokens front = PackedTokens::pack(before, {&start, 1}, device_);
  // one row is enough: only keys and values are wanted
  hidden_states(weights_, front,
                {.rows_R = torch::zeros({1}, front.ids_N.options()), .keep = &past_});
  if (!without.empty()) past_.hide(staged(without, device_));

  const PackedTokens packed = PackedTokens::pack(after, lengths, device_);
  starts_ = packed.starts;
  entering_ =
      hidden_states(weights_, packed, {.context = {.past = &past_}, .end_layer = first_layer()});
}

Batch Search::batch_of(const std::vector<std::int64_t>& active) const {
  Batch batch;
  std::vector<std::vector<TokenId>> after;
  std::vector<std::int64_t> lengths, texts, entering, subjects, owners, answers, essences, targets,
      target_owners;
  std::vector<float> shares;
  std::int64_t tokens = 0;
  for (std::size_t a = 0; a < active.size(); ++a) {
    const auto owner = static_cast<std::int64_t>(a);
    for (std::int64_t s = active[a] * texts_each(); s < (active[a] + 1) * texts_each(); ++s) {
      const CutText& cut = text(s);
      after.push_back(cut.after);
      lengths.push_back(static_cast<std::int64_t>(cut.before.size()));
      texts.push_back(s);
      owners.push_back(owner);
      subjects.push_back(tokens);
      if (cut.target.empty()) essences.push_back(tokens);
      for (std::int64_t row = starts_[s]; row < starts_[s + 1]; ++row) entering.push_back(row);
      tokens += static_cast<std::int64_t>(cut.after.size());
      const auto length = static_cast<std::int64_t>(cut.target.size());
      for (std::int64_t t = 0; t < length; ++t) {
        answers.push_back(tokens - length + t);
        targets.push_back(cut.target[static_cast<std::size_t>(t)]);
        target_owners.push_back(owner);
        shares.push_back(1 / static_cast<float>((texts_each() - 1) * length));
      }
    }
  }
  answers.insert(answers.end(), essences.begin(), essences.end());
  batch.tokens =
      PackedTokens::pack(after, lengths, device_,
                         {texts, entering, subjects, owners, answers, targets, target_owners});
  const std::vector<Tensor>& lists = batch.tokens.lists;
  batch.context = {.past = &past_, .past_rows_B = lists[0]};
  batch.entering_ND = entering_.index_select(0, lists[1]);
  batch.subject_rows_S = lists[2];
  batch.request_S = lists[3];
  batch.wanted_rows = lists[4];
  batch.target_R = lists[5];
  batch.request_of_R = lists[6];
  batch.weight_R = staged(shares, device_);
  return batch;
}

/// [A]; differentiable in delta.
Tensor Search::losses(const Batch& batch, const Tensor& delta_AD, const Tensor& norm_A) {
  const torch::AutoGradMode gradients(true);
  const Tensor values_SD = delta_AD.index_select(0, batch.request_S);
  const bool in_layer = place_ == ValuePlace::mlp_output;
  const AddValues add(layer_, batch.subject_rows_S, values_SD);
  const Tensor entering =
      in_layer ? batch.entering_ND
               : batch.entering_ND.index_add(0, batch.subject_rows_S,
                                             values_SD.to(batch.entering_ND.scalar_type()));
  const Tensor hidden = hidden_states(weights_, batch.tokens,
                                      {.context = batch.context,
                                       .hook = in_layer ? &add : nullptr,
                                       .first_layer = first_layer(),
                                       .entering_ND = entering});
  const Tensor log_p = logits(weights_, hidden.index_select(0, batch.wanted_rows))
                           .to(torch::kFloat32)
                           .log_softmax(1);
  const std::int64_t R = batch.target_R.size(0), A = delta_AD.size(0);
  const Tensor nll_R = -log_p.narrow(0, 0, R).gather(1, batch.target_R.unsqueeze(1)).squeeze(1);
  const Tensor nll_A =
      torch::zeros_like(norm_A).index_add(0, batch.request_of_R, nll_R * batch.weight_R);
  const Tensor now_AV = log_p.narrow(0, R, A);
  if (!before_AV_.defined()) before_AV_ = now_AV.detach();
  const Tensor kl_A = (before_AV_.exp() * (before_AV_ - now_AV)).sum(1);
  return nll_A + settings_.kl_factor * kl_A +
         settings_.weight_decay * norms(delta_AD) / norm_A.square();
}

/// Notes the losses of one evaluation; returns the places in `active` of the requests that go on.
std::vector<std::int64_t> Search::judge(const State& state, const Tensor& losses_A,
                                        std::int64_t updates, Values& found) const {
  const Tensor host = losses_A.detach().to(torch::kFloat64).cpu();
  std::vector<std::int64_t> going_on;
  for (std::int64_t a = 0; a < host.size(0); ++a) {
    const double loss = host.data_ptr<double>()[a];
    const auto m = static_cast<std::size_t>(state.active[static_cast<std::size_t>(a)]);
    if (!std::isfinite(loss)) {
      const EditRecord& record = *requests_[m].record;
      throw std::runtime_error(fmt::format("edit of record {} ('{}'): the loss is {} at step {}.",
                                           record.row + 1, record.prompt, loss, updates));
    }
    found.reports[m] = {loss, updates};
    if (loss >= settings_.stop_loss && updates + 1 < settings_.steps) {
      going_on.push_back(a);
    } else {
      found.delta_MD[static_cast<std::int64_t>(m)].copy_(state.delta_AD[a]);
    }
  }
  return going_on;
}

/// Drops all requests but those at the places `kept` of `active`, also from `gradient_AD`.
void Search::narrow(State& state, const std::vector<std::int64_t>& kept, Tensor& gradient_AD) {
  const Tensor rows = staged(kept, device_);
  for (Tensor* part : {&state.delta_AD, &state.norm_A, &before_AV_, &gradient_AD})
    *part = part->index_select(0, rows);
  state.adam.keep(rows);
  std::vector<std::int64_t> active;
  for (const std::int64_t a : kept) active.push_back(state.active[static_cast<std::size_t>(a)]);
  state.active = active;
  state.batch = batch_of(active);
}

Values Search::run(const Tensor& initial_MD,
                   const std::function<void(double, std::int64_t)>& step) {
  torch::NoGradGuard no_grad;
  std::vector<std::int64_t> all(requests_.size());
  std::iota(all.begin(), all.end(), 0);
  Values found{torch::zeros_like(initial_MD), std::vector<SearchReport>(all.size())};
  State state{all, torch::zeros_like(initial_MD), norms(initial_MD), Adam(settings_.learning_rate),
              batch_of(all)};
  for (std::int64_t updates = 0;; ++updates) {
    const Tensor leaf = state.delta_AD.clone().set_requires_grad(true);
    const Tensor losses_A = losses(state.batch, leaf, state.norm_A);
    const std::vector<std::int64_t> going_on = judge(state, losses_A, updates, found);
    step(1 - static_cast<double>(going_on.size()) / static_cast<double>(all.size()),
         state.batch.tokens.tokens());
    if (going_on.empty()) return found;
    Tensor gradient_AD = torch::autograd::grad({losses_A}, {leaf}, {torch::ones_like(losses_A)})[0];
    if (going_on.size() < state.active.size()) narrow(state, going_on, gradient_AD);
    state.adam.step(state.delta_AD, gradient_AD);
    const Tensor most = settings_.clamp * state.norm_A, now = norms(state.delta_AD);
    state.delta_AD.mul_(torch::where(now > most, most / now, torch::ones_like(now)).unsqueeze(1));
  }
}

}  // namespace

Values search_values(const Weights& weights, std::span<const EditRequest> requests,
                     std::int64_t layer, ValuePlace place, const Tensor& initial_MD,
                     const ValueSettings& settings,
                     const std::function<void(double, std::int64_t)>& step) {
  return Search(weights, requests, layer, place, settings).run(initial_MD, step);
}

}  // namespace factsweep
