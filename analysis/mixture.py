"""Puts a mixture of LoRA experts that `factsweep export` wrote into a transformers model.

Each adapted linear has a router of its own on its own input x, without bias and in float32:

    y = W x + sum over the chosen experts of p_i scale_i B_i A_i x

Which are chosen, and p, depends on `routing` in moe.json (docs/adapters.md). torch and safetensors
are needed for this alone.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from .store import StoreError

if TYPE_CHECKING:
    from torch.utils.hooks import RemovableHandle

TYPE = "factsweep mixture of LoRA experts"
CONFIG, TENSORS = "moe.json", "moe.safetensors"
ROUTINGS = ("learned", "arrow", "gate", "gates")
_LEAST_DEVIATION = 1e-8
_CHILD = "factsweep_experts"  # the experts are a submodule of their linear, and move with it


@dataclass(frozen=True)
class Mixture:
    """What is in a model; remove() takes it out again."""

    experts: list[str]
    routing: str
    top_k: int
    modules: list[str]
    _linears: list[torch.nn.Module]
    _hooks: list[RemovableHandle]

    def __repr__(self) -> str:
        how = f"routing {self.routing}, {self.top_k} of {len(self.experts)} a token"
        return f"Mixture({', '.join(self.experts)}; {how}; {len(self.modules)} modules)"

    def remove(self) -> None:
        """The model is as it was. Has no effect a second time."""
        for hook in self._hooks:
            hook.remove()
        for linear in self._linears:
            if hasattr(linear, _CHILD):
                delattr(linear, _CHILD)


def load_mixture(directory: Path, model: torch.nn.Module) -> Mixture:
    """StoreError: a file that is missing or damaged, or experts of another model."""
    config = _read_config(directory / CONFIG)
    left = _read_tensors(directory / TENSORS)
    experts = {}
    for name, module in config["modules"].items():
        linear = _linear(model, name, directory)
        experts[name] = linear, _experts(linear, name, module, config, left, directory)
    if left:
        raise StoreError(
            f"{directory / TENSORS}: the tensor '{next(iter(left))}' belongs to no module of "
            f"{CONFIG} ({len(left)} such tensors)."
        )
    hooks = []
    for linear, added in experts.values():
        linear.add_module(_CHILD, added)
        hooks.append(linear.register_forward_hook(_add_experts))
    return Mixture(
        config["experts"],
        config["routing"],
        config["top_k"],
        list(experts),
        [linear for linear, _ in experts.values()],
        hooks,
    )


def _add_experts(
    linear: torch.nn.Module, inputs: tuple[torch.Tensor, ...], output: torch.Tensor
) -> torch.Tensor:
    return output + getattr(linear, _CHILD)(inputs[0])


class Experts(torch.nn.Module):
    """The experts of one linear, side by side: one product with all A, one with all B.

    Buffers are not in the model's state, which stays that of the base.
    """

    def __init__(
        self,
        router: torch.Tensor,
        a: list[torch.Tensor],
        b: list[torch.Tensor],
        scales: list[float],
        routing: str,
        top_k: int,
        like: torch.Tensor,
    ) -> None:
        super().__init__()
        self.routing, self.top_k = routing, top_k
        ranks = torch.tensor([len(factor) for factor in a])
        buffers = {
            "router": router.to(like.device, torch.float32),
            "a": torch.cat(a).to(like),
            "b": torch.cat(b, 1).to(like),
            "scales": torch.tensor(scales, device=like.device),
            "of_rank": torch.repeat_interleave(torch.arange(len(a)), ranks).to(like.device),
        }
        for name, tensor in buffers.items():
            self.register_buffer(name, tensor, persistent=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """[..., in] to [..., out]."""
        weights = (self.gates(x.float()) * self.scales.float()).to(x.dtype)[..., self.of_rank]
        return (x @ self.a.to(x.dtype).T * weights) @ self.b.to(x.dtype).T

    def gates(self, x: torch.Tensor) -> torch.Tensor:
        """[..., expert]: p of the chosen ones, zero of the others."""
        if self.routing == "gates":
            centred = x - x.mean(-1, keepdim=True)
            x = centred / (centred.square().mean(-1, keepdim=True).sqrt() + _LEAST_DEVIATION)
        routed = x @ self.router.float().T
        if self.routing == "gate":
            return routed.sigmoid()
        if self.routing == "arrow":
            routed = routed.abs()
        best, chosen = routed.topk(self.top_k, -1)
        return torch.zeros_like(routed).scatter(-1, chosen, best.softmax(-1))


# --- Reading -----------------------------------------------------------------------------------


def _read_config(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise StoreError(
            f"{path}: no such file. A mixture is a folder that `factsweep export FILE --point ID "
            f"--output DIR` wrote, with {CONFIG} and {TENSORS}."
        )
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise StoreError(f"{path}: no JSON ({error}).") from error
    if not isinstance(config, dict) or config.get("type") != TYPE:
        raise StoreError(f"{path}: 'type' is not \"{TYPE}\".")
    for key, kind in (("experts", list), ("routing", str), ("top_k", int), ("modules", dict)):
        if not isinstance(config.get(key), kind):
            raise StoreError(f"{path}: '{key}' is missing, or not what the program writes.")
    if config["routing"] == "merged":
        raise StoreError(
            f"{path}: the mixture's experts are merged anew for each prompt (SMEAR), so no one "
            "model serves many; bring a mixture of another method."
        )
    if config["routing"] not in ROUTINGS:
        known = ", ".join(ROUTINGS)
        raise StoreError(f"{path}: 'routing' is \"{config['routing']}\", none of: {known}.")
    count = len(config["experts"])
    if not 1 <= config["top_k"] <= count:
        raise StoreError(f"{path}: top_k = {config['top_k']} is outside [1, {count}].")
    for name, module in config["modules"].items():
        if len(module.get("ranks", ())) != count or len(module.get("scales", ())) != count:
            raise StoreError(
                f"{path}: '{name}' needs a rank and a scale for each of {count} experts."
            )
    return config


def _read_tensors(path: Path) -> dict[str, torch.Tensor]:
    if not path.is_file():
        raise StoreError(f"{path}: no such file.")
    try:
        return load_file(path)
    except SafetensorError as error:
        raise StoreError(f"{path}: no safetensors file, or damaged ({error}).") from error


def _linear(model: torch.nn.Module, name: str, directory: Path) -> torch.nn.Module:
    try:
        linear = model.get_submodule(name)
    except AttributeError as error:
        raise StoreError(
            f"{directory / CONFIG}: '{name}' is no module of this {type(model).__name__}. Were the "
            "experts made for another model?"
        ) from error
    if hasattr(linear, _CHILD):
        raise StoreError(f"'{name}' has a mixture already: call its remove() first.")
    return linear


def _experts(
    linear: torch.nn.Module,
    name: str,
    module: dict[str, list],
    config: dict[str, Any],
    left: dict[str, torch.Tensor],
    directory: Path,
) -> Experts:
    """Takes the tensors of this module out of `left`."""
    weight = linear.weight
    transposed = type(linear).__name__ == "Conv1D"  # GPT-2's
    rows, columns = weight.T.shape if transposed else weight.shape
    path = directory / TENSORS

    def take(tensor: str, *shape: int) -> torch.Tensor:
        if tensor not in left:
            raise StoreError(f"{path}: the tensor '{tensor}' is missing, which {CONFIG} asks for.")
        found = left.pop(tensor)
        if found.shape != shape:
            raise StoreError(
                f"{path}: the tensor '{tensor}' is {list(found.shape)}, {CONFIG} and this model "
                f"need {list(shape)}. Were the experts made for another model?"
            )
        return found

    router = take(f"{name}.router.weight", len(config["experts"]), columns)
    a, b = [], []
    for k, rank in enumerate(module["ranks"]):
        if rank == 0:  # an expert without this module, which has no tensors of it
            a.append(weight.new_zeros((0, columns)))
            b.append(weight.new_zeros((rows, 0)))
            continue
        a.append(take(f"{name}.experts.{k}.lora_A.weight", rank, columns))
        b.append(take(f"{name}.experts.{k}.lora_B.weight", rows, rank))
    scales = module["scales"]
    return Experts(router, a, b, scales, config["routing"], config["top_k"], weight.detach())
