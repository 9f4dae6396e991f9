// Every supported family against what transformers computed with a tiny random model of it
// (tests/parity/make_transformers_references.py): logits, loss, every gradient, greedy decoding;
// and the round trip of its files.
#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <set>

#include "catch.hpp"
#include "factsweep/model/candidates.hpp"
#include "factsweep/model/decoding.hpp"
#include "tiny_model.hpp"

using namespace factsweep;
using namespace factsweep::test;
namespace fs = std::filesystem;
using Catch::Matchers::ContainsSubstring;

namespace {

const std::int64_t kStart = 0;
constexpr double kTolerance = 1e-4;  // relative

/// One configuration of a family, as a model folder of its own.
struct Case {
  std::string name;     // "gpt_neox", or "gpt_neox-sequential"
  std::string variant;  // "-sequential"
  fs::path family;
  TemporaryFolder folder;

  Case(const fs::path& config, const std::string& ending)
      : name(config.parent_path().filename().string() + ending),
        variant(ending),
        family(config.parent_path()) {
    fs::copy_file(config, folder / "config.json");
    fs::copy_file(family / "model.safetensors", folder / "model.safetensors");
  }
  Weights weights() const { return Weights::load(folder.path(), torch::kFloat32, test_device()); }
  /// The older spelling of a configuration is the same model.
  Reference reference() const {
    const std::string own = "reference" + variant + ".safetensors";
    return Reference(family / (fs::exists(family / own) ? own : "reference.safetensors"));
  }
};

void for_each_case(const std::function<void(const Case&)>& visit) {
  std::set<fs::path> configs;
  for (const auto& family : fs::directory_iterator(model_data("families"))) {
    for (const auto& file : fs::directory_iterator(family.path())) {
      if (file.path().extension() == ".json") configs.insert(file.path());
    }
  }
  REQUIRE(configs.size() >= 70);
  for (const fs::path& config : configs) {
    const Case one(config, config.stem().string().substr(std::string("config").size()));
    INFO(one.name);
    visit(one);
  }
}

torch::Tensor all_hidden(const Weights& weights, const std::vector<std::vector<TokenId>>& texts) {
  return hidden_states(weights, PackedTokens::pack(texts, {&kStart, 1}, test_device()));
}

/// Largest difference, by the largest magnitude of `b`.
double distance(const torch::Tensor& a, const torch::Tensor& b) {
  REQUIRE(a.sizes() == b.sizes());
  const torch::Tensor exact = b.cpu().to(torch::kFloat64);
  return ((a.cpu().to(torch::kFloat64) - exact).abs().max() / exact.abs().max()).item<double>();
}

/// What the reference stores of a gradient.
torch::Tensor digest(const torch::Tensor& gradient) {
  const torch::Tensor flat = gradient.cpu().to(torch::kFloat64).contiguous().flatten();
  const torch::Tensor order = torch::arange(flat.numel(), torch::kFloat64);
  const torch::Tensor samples =
      flat.index_select(0, torch::arange(8) * 2654435761LL % flat.numel());
  return torch::cat(
      {torch::stack({flat.norm(), flat.abs().max(), (flat * torch::cos(1.7 * order)).sum()}),
       samples});
}

/// Loss of the last five tokens of each sequence, and the gradients under their checkpoint names.
std::pair<double, NamedTensors> gradients(const Weights& base, const Reference& reference) {
  const Weights weights = base.clone(torch::kFloat32, true);
  const PackedTokens packed = PackedTokens::pack(reference.sequences, {&kStart, 1}, test_device());
  std::vector<std::int64_t> rows, targets;
  for (std::size_t b = 0; b < reference.sequences.size(); ++b) {
    const std::int64_t end = packed.starts[b + 1];
    for (std::int64_t row = end - 6; row < end - 1; ++row) {
      rows.push_back(row);
      targets.push_back(packed.ids_N[row + 1].item<std::int64_t>());
    }
  }
  const torch::Tensor hidden =
      hidden_states(weights, packed, {.rows_R = placed(torch::tensor(rows))});
  const torch::Tensor loss =
      torch::cross_entropy_loss(logits(weights, hidden), placed(torch::tensor(targets)));
  loss.backward();
  std::vector<torch::Tensor> list;
  for (const torch::Tensor& parameter : weights.parameters()) list.push_back(parameter.grad());
  Weights holder = base.clone(torch::kFloat32);
  holder.assign(list);
  return {loss.item<double>(), holder.named()};
}

/// Notes what it is asked and adds one to every output.
class Recorder : public LinearHook {
 public:
  torch::Tensor apply(std::int64_t layer, LinearId linear, const torch::Tensor& x,
                      const torch::Tensor& y) const override {
    seen[{layer, linear}] = {x.size(1), y.size(1)};
    return y + 1;
  }
  mutable std::map<std::pair<std::int64_t, LinearId>, std::pair<std::int64_t, std::int64_t>> seen;
};

}  // namespace

TEST_CASE("families: logits are transformers'") {
  torch::NoGradGuard no_grad;
  std::set<std::string> architectures;
  for_each_case([&](const Case& one) {
    const Weights weights = one.weights();
    const Reference reference = one.reference();
    architectures.insert(weights.config.architecture);
    const torch::Tensor scores = logits(weights, all_hidden(weights, reference.sequences));
    CHECK(distance(scores, reference.reader.view("logits")) < kTolerance);
  });
  const TemporaryFolder foreign;
  write_file(foreign / "config.json", R"({"architectures": ["Foreign"]})");
  const std::string message = input_error([&] { ModelConfig::read(foreign.path()); });
  for (const std::string& name : architectures) CHECK_THAT(message, ContainsSubstring(name));
  const auto listed = std::count(message.begin(), message.end(), ',') + 1;
  CHECK(listed == static_cast<std::ptrdiff_t>(architectures.size()));
}

TEST_CASE("families: loss and every gradient are transformers'") {
  for_each_case([&](const Case& one) {
    const Reference reference = one.reference();
    const auto [loss, list] = gradients(one.weights(), reference);
    CHECK(loss == Approx(reference.reader.view("loss")[0].item<double>()).epsilon(kTolerance));
    double total = 0;
    for (const auto& [name, gradient] : list) total += std::pow(gradient.norm().item<double>(), 2);
    for (const auto& [name, gradient] : list) {
      INFO(name);
      if (name.ends_with("act_fn.beta") || name.ends_with("act_fn.eps")) continue;  // constants
      const torch::Tensor expected = reference.reader.view("grad." + name).to(torch::kFloat64);
      // a bias of all keys changes no softmax: its gradient is rounding
      const double scale = expected[0].item<double>() + 1e-3 * std::sqrt(total);
      CHECK((digest(gradient) - expected).abs().max().item<double>() < kTolerance * scale);
    }
  });
}

TEST_CASE("families: greedy decoding continues as transformers does") {
  for_each_case([&](const Case& one) {
    const Reference reference = one.reference();
    const Model model = {one.weights(), std::make_shared<PieceTokenizer>(96), {}};
    std::vector<DecodeRequest> requests;
    for (const auto& sequence : reference.sequences)
      requests.push_back({{sequence.begin(), sequence.begin() + 8}, true, 0, 0});
    const auto answers = decode(model, requests, {.max_new_tokens = 12, .stop_at_newline = false},
                                nullptr, [](std::int64_t) {});
    const torch::Tensor expected = reference.reader.view("greedy");
    for (std::size_t i = 0; i < answers.size(); ++i) {
      const std::vector<TokenId>& ids = answers[i].at(0).ids;
      const std::vector<std::int64_t> wide(ids.begin(), ids.end());
      REQUIRE(wide.size() == 12);
      CHECK(torch::equal(torch::tensor(wide), expected[static_cast<std::int64_t>(i)]));
    }
  });
}

TEST_CASE("families: after prefixes and pasts, and row by row, nothing changes") {
  const bool fused = GENERATE(true, false);
  const torch::AutoGradMode gradients(!fused);  // the fused path of CPUs has none
  for_each_case([&](const Case& one) {
    if (one.name.ends_with("-dynamic"))
      return;  // beyond its trained length the prefix's own counts
    const Weights weights = one.weights();
    const std::vector<std::vector<TokenId>> texts = one.reference().sequences;
    const std::vector<std::vector<TokenId>> prefixes = {{texts[0].begin(), texts[0].begin() + 7},
                                                        {texts[1].begin(), texts[1].begin() + 3}};
    const std::vector<std::int64_t> prefix_of = {0, 1, 1}, first = {7, 3, 3};
    const SharedPrefix prefix = SharedPrefix::compute(weights, prefixes);
    // the first four tokens of each text become its past, the rest is asked for
    std::vector<std::vector<TokenId>> heads, tails;
    std::vector<std::int64_t> after_past;
    std::vector<torch::Tensor> whole;
    for (std::size_t b = 0; b < texts.size(); ++b) {
      const auto cut = texts[b].begin() + 4 + static_cast<std::ptrdiff_t>(b);
      heads.emplace_back(texts[b].begin(), cut);
      tails.emplace_back(cut, texts[b].end());
      after_past.push_back(first[b] + static_cast<std::int64_t>(heads[b].size()));
      std::vector<TokenId> joined = prefixes[static_cast<std::size_t>(prefix_of[b])];
      joined.insert(joined.end(), texts[b].begin(), texts[b].end());
      whole.push_back(all_hidden(weights, {joined}).slice(0, after_past.back()));
    }
    KeyValueCache past;
    const PackedTokens packed_heads = PackedTokens::pack(heads, first, test_device());
    hidden_states(weights, packed_heads,
                  {.context = {.prefix = &prefix, .prefix_of = prefix_of}, .keep = &past});
    const PackedTokens packed = PackedTokens::pack(tails, after_past, test_device());
    const torch::Tensor rows = placed(torch::tensor({0, 5, 19, 20, 30, 33}, torch::kInt64));
    const torch::Tensor found = hidden_states(
        weights, packed,
        {.context = {.prefix = &prefix, .prefix_of = prefix_of, .past = &past}, .rows_R = rows});
    CHECK(distance(found, torch::cat(whole).index_select(0, rows)) < 1e-5);
  });
}

TEST_CASE("families: candidates of bfloat16 carry the head's bias and soft cap") {
  torch::NoGradGuard no_grad;
  for (const char* family : {"gptj", "gemma2", "llama"}) {
    INFO(family);
    const Case one(model_data("families") / family / "config.json", "");
    const Weights narrow = one.weights().clone(torch::kBFloat16);
    const torch::Tensor hidden = all_hidden(narrow, one.reference().sequences);
    const Candidates found = find_candidates(narrow, hidden, 5, 1);
    const auto [expected, ids] =
        logits(narrow.clone(torch::kFloat32), hidden.to(torch::kFloat32)).topk(5, 1);
    const torch::Tensor scores = torch::tensor(found.scores).view({-1, 5});
    CHECK(distance(scores, expected) < 1e-5);
  }
}

TEST_CASE("families: files come back under their own names, bit for bit") {
  for_each_case([&](const Case& one) {
    const Weights weights = one.weights();
    const SafetensorsReader file(one.folder / "model.safetensors");
    const NamedTensors named = weights.named();
    CHECK(named.size() == file.names().size());
    const auto shapes = tensor_shapes(weights.config);
    REQUIRE(shapes.size() == named.size());
    std::int64_t count = 0;
    for (std::size_t i = 0; i < named.size(); ++i) {
      const auto& [name, tensor] = named[i];
      INFO(name);
      CHECK(torch::equal(tensor.cpu(), file.view(name).to(torch::kFloat32)));
      CHECK(shapes[i] == std::pair{name, tensor.sizes().vec()});
      count += tensor.numel();
    }
    CHECK(count == weights.config.parameters());
    weights.clone(torch::kBFloat16).save(one.folder / "copy");
    const SafetensorsReader copy(one.folder / "copy/model.safetensors");
    CHECK(copy.names() == file.names());
    const Weights again = Weights::load(one.folder / "copy", torch::kBFloat16, test_device());
    for (const auto& [name, tensor] : again.named())
      CHECK(torch::equal(tensor.cpu(), copy.view(name)));
  });
}

TEST_CASE("families: files saved without the base model's prefix keep their names") {
  for (const char* family : {"gpt2", "bloom", "opt", "gpt_neox"}) {
    INFO(family);
    const Case one(model_data("families") / family / "config.json", "");
    const Weights weights = one.weights();
    NamedTensors bare = weights.named();
    const std::string root = weights.config.stored_root;
    for (auto& [name, tensor] : bare) {
      if (name.starts_with(root)) name = name.substr(root.size());
    }
    write_safetensors(one.folder / "model.safetensors", bare, {});
    const Weights again = one.weights();
    CHECK(again.named().back().first == bare.back().first);
    CHECK(torch::equal(again.layers[1].linears[dense::qkv].weight,
                       weights.layers[1].linears[dense::qkv].weight));
  }
}

TEST_CASE("families: a hook is asked after every linear, and modules divide its rows") {
  torch::NoGradGuard no_grad;
  for_each_case([&](const Case& one) {
    const Weights weights = one.weights();
    const ModelConfig& config = weights.config;
    const std::vector<std::vector<TokenId>> text = {one.reference().sequences[2]};
    const PackedTokens packed = PackedTokens::pack(text, {&kStart, 1}, test_device());
    const Recorder recorder;
    const torch::Tensor hooked = hidden_states(weights, packed, {.hook = &recorder});
    std::size_t linears = 0;
    for (const LayerWeights& layer : weights.layers) linears += layer.linears.size();
    CHECK(recorder.seen.size() == linears);
    CHECK(distance(hooked, all_hidden(weights, text)) > 1e-3);
    std::map<std::string, torch::Tensor> stored;
    for (const auto& [name, tensor] : weights.named()) stored[name] = tensor;
    for (std::int64_t layer = 0; layer < config.layers; ++layer) {
      std::map<LinearId, std::int64_t> rows;
      for (const LinearModule& module : linear_modules(config, layer)) {
        INFO(module.name);
        CHECK(module.layer == layer);
        CHECK(module.name.ends_with("." + module.in_layer));
        CHECK(module.first == rows[module.linear]);
        rows[module.linear] += module.rows;
        CHECK(module.inputs == recorder.seen.at({layer, module.linear}).first);
        torch::Tensor matrix = stored.at(module.name + ".weight");
        if (config.architecture == "GPT2LMHeadModel") matrix = matrix.t();
        CHECK(torch::equal(
            matrix,
            weights.layers[static_cast<std::size_t>(layer)].linears[module.linear].weight.narrow(
                0, module.first, module.rows)));
      }
      const std::size_t experts = config.shared_width > 0 ? 5 : 2;
      REQUIRE(rows.size() == (config.has_experts(layer) ? experts : 4));
      for (const auto& [linear, count] : rows)
        CHECK(count == recorder.seen.at({layer, linear}).second);
    }
  });
}
