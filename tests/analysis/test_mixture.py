"""`factsweep.load_mixture`, against loops over tokens and experts in float64, written apart."""

import copy
import json
import math
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="mixtures need torch")
transformers = pytest.importorskip("transformers", reason="mixtures are put into its models")
pytest.importorskip("safetensors", reason="mixtures are stored in its files")

from mixture_files import tiny_llama, write, write_mixture  # noqa: E402
from safetensors.torch import load_file, save_file  # noqa: E402

import analysis  # noqa: E402
from analysis.store import StoreError  # noqa: E402

UNIT = Path(__file__).resolve().parents[1] / "unit"
TOKENS = torch.tensor([[3, 14, 15, 9, 26, 5, 35], [8, 9, 7, 9, 3, 2, 3]])
NONE, LEARNED, ARROW, GATE, GATES = "none", "learned", "arrow", "gate", "gates"


class Reference(torch.nn.Module):
    """A linear with experts, as docs/adapters.md has them: a turn a token, one an expert."""

    def __init__(self, linear, name, folder):
        super().__init__()
        self.linear = linear
        config = json.loads((folder / "moe.json").read_text())
        self.routing, self.top_k = config["routing"], config["top_k"]
        self.scales = config["modules"][name]["scales"]
        tensors = load_file(folder / "moe.safetensors")
        self.router = tensors[f"{name}.router.weight"].double()
        self.experts = {
            k: [tensors[f"{name}.experts.{k}.lora_{f}.weight"].double() for f in "AB"]
            for k in range(len(self.scales))
            if f"{name}.experts.{k}.lora_A.weight" in tensors
        }

    def shares(self, x):
        if self.routing == GATES:
            x = (x - x.mean()) / x.std(unbiased=False)
        routed = [float(row @ x) for row in self.router]
        if self.routing == GATE:
            return {k: 1 / (1 + math.exp(-value)) for k, value in enumerate(routed)}
        if self.routing == ARROW:
            routed = [abs(value) for value in routed]
        chosen = sorted(range(len(routed)), key=lambda k: -routed[k])[: self.top_k]
        total = sum(math.exp(routed[k]) for k in chosen)
        return {k: math.exp(routed[k]) / total for k in chosen}

    def forward(self, x):
        y = self.linear(x)
        for place in torch.cartesian_prod(*(torch.arange(n) for n in x.shape[:-1])).tolist():
            token = x[tuple(place)]
            for k, share in self.shares(token).items():
                if k not in self.experts:
                    continue
                a, b = self.experts[k]
                y[tuple(place)] += share * self.scales[k] * (b @ (a @ token))
        return y


def reference(model, folder):
    """The model with the experts, in float64."""
    found = copy.deepcopy(model).double()
    for name in json.loads((folder / "moe.json").read_text())["modules"]:
        parent, _, child = name.rpartition(".")
        linear = found.get_submodule(name)
        setattr(found.get_submodule(parent), child, Reference(linear, name, folder))
    return found


@torch.no_grad()
def logits(model, tokens=TOKENS):
    return model(tokens).logits.double()


SETTINGS = [(LEARNED, 2), (LEARNED, 1), (LEARNED, 3), (ARROW, 2), (GATES, 2)]


@pytest.mark.parametrize("scales", [(2.0, 0.5, 1.25), (1.5, 1.5, 1.5)])
@pytest.mark.parametrize("routing, top_k", SETTINGS)
def test_logits_are_those_of_the_formulas(tmp_path, routing, top_k, scales):
    model = tiny_llama()
    folder = write_mixture(tmp_path, model, routing, top_k, scales=scales)
    expected, plain = logits(reference(model, folder)), logits(model)
    mixture = analysis.load_mixture(folder, model)
    found = logits(model)
    assert (found - expected).abs().max() < 1e-5 * expected.abs().max()
    assert (found - plain).abs().max() > 0.1  # the experts do something
    assert (mixture.routing, mixture.top_k, len(mixture.modules)) == (routing, top_k, 8)


def test_an_expert_that_lacks_a_module_adds_nothing_there(tmp_path):
    model = tiny_llama()
    folder = write_mixture(tmp_path, model, ranks=(2, 0, 3))
    expected, plain = logits(reference(model, folder)), logits(model)
    analysis.load_mixture(folder, model)
    found = logits(model)
    assert (found - expected).abs().max() < 1e-5 * expected.abs().max()
    assert (found - plain).abs().max() > 0.1


def test_a_gate_is_a_sigmoid(tmp_path):
    model = tiny_llama()
    folder = write_mixture(tmp_path, model, GATE, 1, ranks=(3,), scales=(2.0,))
    expected = logits(reference(model, folder))
    analysis.load_mixture(folder, model)
    assert (logits(model) - expected).abs().max() < 1e-5 * expected.abs().max()


def test_transposed_linears_have_experts_too(tmp_path):
    config = transformers.GPT2Config(vocab_size=64, n_embd=24, n_layer=2, n_head=4, n_positions=32)
    model = transformers.GPT2LMHeadModel(config).eval()
    folder = write_mixture(tmp_path, model, targets=("attn.c_attn", "mlp.c_proj"))
    expected, plain = logits(reference(model, folder)), logits(model)
    assert len(analysis.load_mixture(folder, model).modules) == 4
    found = logits(model)
    assert (found - expected).abs().max() < 1e-5 * expected.abs().max()
    assert (found - plain).abs().max() > 0.01


def test_logits_are_those_that_the_programs_own_tests_read(tmp_path):
    """tests/unit/moe compares the program with the same file (tests/parity/moe_reference.py)."""
    stored = load_file(UNIT / "moe/data/reference.safetensors")
    routers = [name.removesuffix(".router.weight") for name in stored if "router" in name]
    modules = [name for name in routers if not name.startswith(("gradient.", "balanced."))]
    tensors, ranks = {}, []
    for name in modules:
        tensors[f"{name}.router.weight"] = stored[f"{name}.router.weight"]
        for k in range(3):
            for factor in "AB":
                tensor = stored[f"expert{k}.base_model.model.{name}.lora_{factor}.weight"]
                tensors[f"{name}.experts.{k}.lora_{factor}.weight"] = tensor
    ranks = [len(tensors[f"{modules[0]}.experts.{k}.lora_A.weight"]) for k in range(3)]
    about = {name: {"ranks": ranks, "scales": [2.0, 0.5, 1.25]} for name in modules}
    write(tmp_path, about, tensors, LEARNED, 2, ["a", "b", "c"])
    model = transformers.AutoModelForCausalLM.from_pretrained(
        UNIT / "model/data/families/llama", dtype=torch.float32
    )
    analysis.load_mixture(tmp_path, model.eval())
    sequences = stored["tokens"].split(stored["lengths"].tolist())
    found = torch.cat([logits(model, sequence[None])[0] for sequence in sequences])
    assert (found - stored["logits"]).abs().max() < 1e-5 * stored["logits"].abs().max()


def test_generate_is_greedy_decoding_by_the_formulas(tmp_path):
    model = tiny_llama()
    folder = write_mixture(tmp_path, model)
    slow, tokens = reference(model, folder), TOKENS[:1]
    for _ in range(8):
        tokens = torch.cat([tokens, logits(slow, tokens)[:, -1:].argmax(-1)], 1)
    plain = model.generate(TOKENS[:1], max_new_tokens=8, do_sample=False)
    analysis.load_mixture(folder, model)
    assert model.generate(TOKENS[:1], max_new_tokens=8, do_sample=False).equal(tokens)
    assert not plain.equal(tokens)


def test_a_mixture_leaves_the_model_as_it_was(tmp_path):
    model = tiny_llama()
    plain, state = logits(model), set(model.state_dict())
    mixture = analysis.load_mixture(write_mixture(tmp_path, model), model)
    assert set(model.state_dict()) == state  # save_pretrained() writes the base
    with pytest.raises(StoreError, match="has a mixture already"):
        analysis.load_mixture(tmp_path, model)
    mixture.remove()
    mixture.remove()
    assert logits(model).equal(plain)
    analysis.load_mixture(tmp_path, model)


def test_experts_take_the_models_dtype_and_routers_stay_in_float32(tmp_path):
    model = tiny_llama()
    folder = write_mixture(tmp_path, model)
    exact = logits(reference(model, folder))
    model.bfloat16()
    analysis.load_mixture(folder, model)
    experts = model.get_submodule("model.layers.0.self_attn.q_proj").factsweep_experts
    assert (experts.router.dtype, experts.a.dtype) == (torch.float32, torch.bfloat16)
    assert model(TOKENS).logits.dtype == torch.bfloat16
    assert (logits(model) - exact).abs().mean() < 0.1 * exact.abs().mean()


# --- What cannot be loaded ---------------------------------------------------------------------


def rewrite(folder, change):
    config = json.loads((folder / "moe.json").read_text())
    change(config)
    (folder / "moe.json").write_text(json.dumps(config))


def refused(folder, model, message):
    with pytest.raises(StoreError, match=message):
        analysis.load_mixture(folder, model)
    assert not any(hasattr(module, "factsweep_experts") for module in model.modules())


def test_smear_is_refused(tmp_path):
    model = tiny_llama()
    folder = write_mixture(tmp_path, model, "merged", 3)
    refused(folder, model, r"experts are merged anew for each prompt \(SMEAR\)")


@pytest.mark.parametrize(
    "change, message",
    [
        (lambda c: c.update(type="LORA"), "'type' is not"),
        (lambda c: c.update(routing="best"), "none of: learned, arrow, gate, gates"),
        (lambda c: c.update(top_k=4), r"top_k = 4 is outside \[1, 3\]"),
        (lambda c: c.pop("experts"), "'experts' is missing"),
        (lambda c: c["modules"]["model.layers.0.self_attn.q_proj"].update(ranks=[2]), "rank and a"),
        (lambda c: c["modules"].pop("model.layers.0.self_attn.q_proj"), "belongs to no module"),
        (
            lambda c: c["modules"].update(
                {"model.layers.7.mlp.up_proj": {"ranks": [1] * 3, "scales": [1] * 3}}
            ),
            r"'model.layers.7.mlp.up_proj' is no module of this LlamaForCausalLM",
        ),
        (
            lambda c: c["modules"]["model.layers.0.mlp.down_proj"].update(ranks=[5, 4, 3]),
            r"lora_A.weight' is \[2, 40\], moe.json and this model need \[5, 40\]",
        ),
    ],
)
def test_a_config_that_does_not_fit_is_refused(tmp_path, change, message):
    model = tiny_llama()
    folder = write_mixture(tmp_path, model)
    rewrite(folder, change)
    refused(folder, model, message)


def test_files_that_are_missing_or_damaged_are_refused(tmp_path):
    model = tiny_llama()
    refused(tmp_path, model, "moe.json: no such file. A mixture is a folder")
    folder = write_mixture(tmp_path, model)
    tensors = load_file(folder / "moe.safetensors")
    tensors.pop("model.layers.1.mlp.down_proj.router.weight")
    save_file(tensors, folder / "moe.safetensors")
    refused(folder, model, "'model.layers.1.mlp.down_proj.router.weight' is missing")
    (folder / "moe.safetensors").write_bytes(b"no tensors")
    refused(folder, model, "no safetensors file, or damaged")
    (folder / "moe.safetensors").unlink()
    refused(folder, model, "moe.safetensors: no such file")
    (folder / "moe.json").write_text("{")
    refused(folder, model, "no JSON")
