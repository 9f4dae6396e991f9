"""A mixture of LoRA experts in plain PyTorch, written apart from factsweep's, and the small references that unit tests read.

    python tests/parity/moe_reference.py [--models tests/unit/model/data/families] [--output tests/unit/moe/data]

Three adapters of unequal ranks and scales on the tiny Llama become experts of every q_proj, v_proj and down_proj; two of the
three are chosen for each token. Every expert is a loop turn with its own products. reference.safetensors holds

    tokens, lengths    int64          the model's own reference sequences, one after the other
    expert<i>.<name>   float32        the adapters, under PEFT's names
    <module>.router.weight            the routers
    logits             float32 [T, V] with the experts
    losses             float32 [11]   mean answer-token loss before each of 10 AdamW steps on all sequences, and after the last
    gradient.<name>    float32        of the first loss, under the names of moe.safetensors
    balanced.<name>    float32        of the first loss plus BALANCE times the modules' mean load-balancing term
    balance            float32 []     that mean
    picks              int64 [M, 3]   how many of all tokens chose each expert, by module
"""

import argparse
import pathlib
import warnings

import torch
from make_peft_references import ADAMW, ANSWER, all_logits, base_model, loss_of
from safetensors.torch import load_file, save_file

RANKS, SCALES, TOP_K, STEPS, BALANCE = [2, 4, 3], [2.0, 0.5, 1.25], 2, 10, 0.3
TARGETS = ["self_attn.q_proj", "self_attn.v_proj", "mlp.down_proj"]


class Mixture(torch.nn.Module):
    def __init__(self, base, generator):
        super().__init__()
        self.base = base
        wide, out = base.in_features, base.out_features
        draw = lambda *shape, size: torch.nn.Parameter((torch.rand(shape, generator=generator) * 2 - 1) * size)  # noqa: E731
        self.router = draw(len(RANKS), wide, size=0.5)
        self.lora_A = torch.nn.ParameterList([draw(rank, wide, size=0.3) for rank in RANKS])
        self.lora_B = torch.nn.ParameterList([draw(out, rank, size=0.4) for rank in RANKS])
        self.picked, self.probabilities = [], []

    def forward(self, x):
        probabilities = torch.softmax(x.float() @ self.router.T, dim=-1)
        best, chosen = probabilities.topk(TOP_K, dim=-1)
        best = best / best.sum(-1, keepdim=True)
        y = self.base(x)
        for expert in range(len(RANKS)):
            weight = (best * (chosen == expert)).sum(-1, keepdim=True)
            y = y + weight * SCALES[expert] * ((x @ self.lora_A[expert].T) @ self.lora_B[expert].T)
        self.picked.append(chosen.flatten(0, -2))
        self.probabilities.append(probabilities.flatten(0, -2))
        return y

    def picks(self):
        return torch.stack([(torch.cat(self.picked) == expert).sum() for expert in range(len(RANKS))])

    def balance(self):
        share = self.picks() / (TOP_K * sum(len(one) for one in self.picked))
        return len(RANKS) * (share * torch.cat(self.probabilities).mean(0)).sum()

    def forget(self):
        self.picked, self.probabilities = [], []


def mixed(model):
    """Puts the mixtures in; returns them by module name."""
    generator, found = torch.Generator().manual_seed(5), {}
    for weight in model.parameters():
        weight.requires_grad_(False)
    for number, layer in enumerate(model.model.layers):
        for target in TARGETS:
            block, name = target.split(".")
            parent = getattr(layer, block)
            mixture = Mixture(getattr(parent, name), generator)
            setattr(parent, name, mixture)
            found[f"model.layers.{number}.{target}"] = mixture
    return found


def by_name(mixtures, value):
    tensors = {}
    for module, mixture in mixtures.items():
        tensors[f"{module}.router.weight"] = value(mixture.router)
        for expert in range(len(RANKS)):
            tensors[f"{module}.experts.{expert}.lora_A.weight"] = value(mixture.lora_A[expert])
            tensors[f"{module}.experts.{expert}.lora_B.weight"] = value(mixture.lora_B[expert])
    return {name: tensor.detach().clone() for name, tensor in tensors.items()}


def leaves(mixtures):
    return [weight for mixture in mixtures.values() for weight in mixture.parameters() if weight.requires_grad]


def gradients(model, mixtures, sequences, balance):
    for mixture in mixtures.values():
        mixture.forget()
    for weight in leaves(mixtures):
        weight.grad = None
    # the last token is a target only: no expert is asked for it
    rows = [model(sequence[None, :-1]).logits[0, -ANSWER:] for sequence in sequences]
    loss = torch.nn.functional.cross_entropy(torch.cat(rows), torch.cat([sequence[-ANSWER:] for sequence in sequences]))
    term = torch.stack([mixture.balance() for mixture in mixtures.values()]).mean()
    (loss + balance * term).backward()
    return by_name(mixtures, lambda weight: weight.grad), term.detach()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    unit = pathlib.Path(__file__).resolve().parents[1] / "unit"
    parser.add_argument("--models", type=pathlib.Path, default=unit / "model/data/families")
    parser.add_argument("--output", type=pathlib.Path, default=unit / "moe/data")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    warnings.filterwarnings("ignore")
    stored = load_file(arguments.models / "llama/reference.safetensors")
    sequences = list(stored["tokens"].split(stored["lengths"].tolist()))
    model = base_model(arguments.models, "llama")
    plain = all_logits(model, sequences)
    mixtures = mixed(model)
    found = {"tokens": stored["tokens"], "lengths": stored["lengths"]}
    for name, tensor in by_name(mixtures, lambda weight: weight).items():
        if name.endswith("router.weight"):
            found[name] = tensor
            continue
        module, rest = name.split(".experts.")
        expert, factor = rest.split(".", 1)
        found[f"expert{expert}.base_model.model.{module}.{factor}"] = tensor
    found["logits"] = all_logits(model, sequences)
    found["picks"] = torch.stack([mixture.picks() for mixture in mixtures.values()])
    for prefix, balance in ("gradient", 0.0), ("balanced", BALANCE):
        values, term = gradients(model, mixtures, sequences, balance)
        found |= {f"{prefix}.{name}": tensor for name, tensor in values.items()}
    found["balance"] = term
    optimizer, losses = torch.optim.AdamW(leaves(mixtures), **ADAMW), []
    for step in range(STEPS + 1):
        optimizer.zero_grad()
        loss = loss_of(model, sequences)
        losses.append(loss.item())
        if step < STEPS:
            loss.backward()
            optimizer.step()
    found["losses"] = torch.tensor(losses)
    arguments.output.mkdir(parents=True, exist_ok=True)
    save_file(found, arguments.output / "reference.safetensors")
    change = (found["logits"] - plain).abs().max()
    print(f"{len(mixtures)} modules, logits change by {change:.2f}, losses {losses[0]:.3f} to {losses[-1]:.3f}, balance {term:.3f}")


if __name__ == "__main__":
    main()
