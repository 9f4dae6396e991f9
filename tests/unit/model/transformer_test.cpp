// The forward pass against transformers' logits, whole and after a shared prefix; weights and
// their files.
#include "factsweep/model/transformer.hpp"

#include "catch.hpp"
#include "tiny_model.hpp"

using namespace factsweep;
using namespace factsweep::test;

namespace {

const std::int64_t kStart = 0;

torch::Tensor all_hidden(const Weights& weights, const std::vector<std::vector<TokenId>>& texts) {
  return hidden_states(weights, PackedTokens::pack(texts, {&kStart, 1}, test_device()));
}

double distance(const torch::Tensor& a, const torch::Tensor& b) {
  REQUIRE(a.sizes() == b.sizes());
  return (a.cpu().to(torch::kFloat64) - b.cpu().to(torch::kFloat64)).abs().max().item<double>();
}

void check_reference(const Weights& weights, const Reference& reference) {
  torch::NoGradGuard no_grad;
  const torch::Tensor scores = logits(weights, all_hidden(weights, reference.sequences));
  CHECK(distance(scores, reference.reader.view("logits")) < 1e-5);
}

/// The model folder with another file as its config.json.
void copy_with_config(const std::string& name, const std::string& config,
                      const TemporaryFolder& folder) {
  std::filesystem::copy_file(model_data(name) / config, folder / "config.json");
  std::filesystem::copy_file(model_data(name) / "model.safetensors", folder / "model.safetensors");
}

}  // namespace

TEST_CASE("logits of a packed batch are the reference's") {
  for (const char* name : {"llama-tied", "llama3-untied"}) {
    INFO(name);
    check_reference(tiny_model(name).weights, Reference(name));
  }
  SECTION("with the older spelling of the rope keys") {
    const TemporaryFolder folder;
    copy_with_config("llama3-untied", "config-old-style.json", folder);
    check_reference(Weights::load(folder.path(), torch::kFloat32, test_device()),
                    Reference("llama3-untied"));
  }
}

TEST_CASE("loss and gradients of a packed batch are the reference's") {
  for (const char* name : {"llama-tied", "llama3-untied"}) {
    INFO(name);
    const Reference reference(name);
    Weights gradients = tiny_model(name).weights;
    const Weights weights = gradients.clone(torch::kFloat32, true);
    const PackedTokens packed =
        PackedTokens::pack(reference.sequences, {&kStart, 1}, test_device());
    std::vector<std::int64_t> rows, targets;  // the last five tokens, seen from the one before
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
    CHECK(loss.item<float>() == Approx(reference.reader.view("loss")[0].item<float>()));
    loss.backward();
    std::vector<torch::Tensor> list;
    for (const torch::Tensor& parameter : weights.parameters()) list.push_back(parameter.grad());
    gradients.assign(list);
    int compared = 0;  // the reference holds a few of the tensors
    for (const auto& [tensor_name, gradient] : gradients.named()) {
      if (!reference.reader.has("grad." + tensor_name)) continue;
      INFO(tensor_name);
      CHECK(distance(gradient, reference.reader.view("grad." + tensor_name)) < 1e-5);
      ++compared;
    }
    CHECK(compared >= 6);
  }
}

TEST_CASE("a sequence's output depends neither on its neighbours nor on which rows are asked for") {
  torch::NoGradGuard no_grad;
  const Weights weights = tiny_model("llama3-untied").weights;
  const Reference reference("llama3-untied");
  const torch::Tensor together = all_hidden(weights, reference.sequences);
  std::int64_t row = 0;
  for (const auto& sequence : reference.sequences) {
    const auto length = static_cast<std::int64_t>(sequence.size());
    CHECK(distance(all_hidden(weights, {sequence}), together.narrow(0, row, length)) < 1e-5);
    row += length;
  }
  const torch::Tensor rows = placed(torch::tensor({0, 23, 24, 48}, torch::kInt64));
  const PackedTokens packed =
      PackedTokens::pack(reference.sequences, {&kStart, 1}, test_device());
  const torch::Tensor some = hidden_states(weights, packed, {.rows_R = rows});
  CHECK(distance(some, together.index_select(0, rows)) < 1e-6);
}

TEST_CASE("after shared prefixes the forward pass gives what it gives on the whole texts") {
  const bool gradients = GENERATE(false, true);  // tensor operations, or the fused functions
  const auto forms = {std::vector<std::int64_t>{}, {0, 1, 1}, {1, 0, 2}};
  for (const char* name : {"llama-tied", "llama3-untied"}) {
    const Weights weights = tiny_model(name).weights;
    const Reference reference(name);
    const auto& source = reference.sequences[0];
    const std::vector<std::vector<TokenId>> shared = {
        {source.begin(), source.begin() + 11}, {source.begin() + 2, source.begin() + 9}, {}};
    const SharedPrefix prefix = SharedPrefix::compute(weights, shared);
    CHECK(prefix.lengths == std::vector<std::int64_t>{11, 7, 0});
    for (const std::vector<std::int64_t>& prefix_of : forms) {
      std::vector<std::vector<TokenId>> whole;
      std::vector<std::int64_t> positions;
      for (std::size_t b = 0; b < reference.sequences.size(); ++b) {
        whole.push_back(shared[prefix_of.empty() ? 0 : static_cast<std::size_t>(prefix_of[b])]);
        positions.push_back(static_cast<std::int64_t>(whole[b].size()));
        const auto& tail = reference.sequences[b];
        whole[b].insert(whole[b].end(), tail.begin(), tail.end());
      }
      const torch::AutoGradMode mode(gradients);
      const PackedTokens packed = PackedTokens::pack(reference.sequences, positions, test_device());
      const torch::Tensor hidden =
          hidden_states(weights, packed, {.context = {.prefix = &prefix, .prefix_of = prefix_of}});
      const torch::Tensor plain = all_hidden(weights, whole);
      std::int64_t row = 0, plain_row = 0;
      for (std::size_t b = 0; b < whole.size(); ++b) {
        const auto length = static_cast<std::int64_t>(reference.sequences[b].size());
        CHECK(distance(hidden.narrow(0, row, length),
                       plain.narrow(0, plain_row + positions[b], length)) < 1e-5);
        row += length;
        plain_row += length + positions[b];
      }
    }
  }
}

TEST_CASE("inference in bfloat16 is as close to float32 as tensor operations are") {
  const Weights weights = tiny_model().weights;
  const Weights narrow = weights.clone(torch::kBFloat16);
  const Reference reference("llama-tied");
  torch::Tensor exact, fused, plain;
  {
    torch::NoGradGuard no_grad;
    exact = all_hidden(weights, reference.sequences);
    fused = all_hidden(narrow, reference.sequences);
  }
  plain = all_hidden(narrow, reference.sequences).detach();
  const double error = (fused.to(torch::kFloat32) - exact).norm().item<double>();
  CHECK(error > 0);
  CHECK(error < 1.05 * (plain.to(torch::kFloat32) - exact).norm().item<double>());
}

TEST_CASE("common_prefix leaves a token of every text") {
  CHECK(common_prefix({}) == 0);
  CHECK(common_prefix({{1, 2, 3}}) == 2);
  CHECK(common_prefix({{1, 2, 3}, {1, 2}}) == 1);
  CHECK(common_prefix({{1, 2, 3, 4}, {1, 2, 5, 4}}) == 2);
  CHECK(common_prefix({{1, 2}, {3, 2}}) == 0);
  CHECK(common_prefix({{1, 2}, {}}) == 0);
}

TEST_CASE("weights: names, count, save and load") {
  for (const char* name : {"llama-tied", "llama3-untied"}) {
    const Weights weights = tiny_model(name).weights;
    const SafetensorsReader file(model_data(name) / "model.safetensors");
    const NamedTensors named = weights.named();
    CHECK(named.size() == file.names().size());
    std::int64_t count = 0;
    for (const auto& [tensor_name, tensor] : named) {
      INFO(tensor_name);
      CHECK(torch::equal(tensor.cpu(), file.view(tensor_name)));
      count += tensor.numel();
    }
    CHECK(count == weights.config.parameters());
    const auto shapes = tensor_shapes(weights.config);
    REQUIRE(shapes.size() == named.size());
    for (std::size_t i = 0; i < shapes.size(); ++i) {
      CHECK(shapes[i].first == named[i].first);
      CHECK(shapes[i].second == named[i].second.sizes().vec());
    }
    const TemporaryFolder folder;
    weights.save(folder / "copy");
    const Weights again = Weights::load(folder / "copy", torch::kFloat32, test_device());
    CHECK(again.config.source == weights.config.source);
    CHECK(again.named().size() == named.size());
    for (std::size_t i = 0; i < named.size(); ++i) {
      CHECK(torch::equal(again.named()[i].second, named[i].second));
    }
  }
}

TEST_CASE("a clone has storage of its own and keeps a tied head tied") {
  const Weights weights = tiny_model().weights;
  Weights copy = weights.clone(torch::kFloat32);
  const torch::Tensor before = weights.embedding.clone();
  torch::NoGradGuard no_grad;
  copy.embedding.add_(1);
  CHECK(torch::equal(weights.embedding, before));
  CHECK(torch::equal(copy.head, copy.embedding));
  copy.assign(weights.parameters());
  CHECK(torch::equal(copy.head, before));
}

TEST_CASE("random weights repeat with the seed and load as a model of their own") {
  const ModelConfig config = ModelConfig::llama(50, 16, 2, 2, 1, 24, 64);
  const Weights one = Weights::random(config, 7), two = Weights::random(config, 7);
  const Weights other = Weights::random(config, 8);
  CHECK(torch::equal(one.layers[1].linears[dense::down].weight,
                     two.layers[1].linears[dense::down].weight));
  CHECK_FALSE(torch::equal(one.layers[1].linears[dense::down].weight,
                           other.layers[1].linears[dense::down].weight));
  const TemporaryFolder folder;
  one.save(folder.path());
  const Weights again = Weights::load(folder.path(), torch::kFloat32, test_device());
  torch::NoGradGuard no_grad;
  const std::vector<std::vector<TokenId>> text = {{1, 2, 3, 49}};
  CHECK(torch::equal(all_hidden(again, text), all_hidden(placed(one), text)));
}
