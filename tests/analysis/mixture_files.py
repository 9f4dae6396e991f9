"""Made-up mixtures of experts, as `factsweep export` writes them, and a small model for them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import torch
from safetensors.torch import save_file
from transformers import LlamaConfig, LlamaForCausalLM
from transformers.pytorch_utils import Conv1D

TARGETS = ("self_attn.q_proj", "self_attn.v_proj", "self_attn.o_proj", "mlp.down_proj")


def tiny_llama(seed: int = 0) -> LlamaForCausalLM:
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=64,
        hidden_size=24,
        intermediate_size=40,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=64,
        initializer_range=0.3,
        eos_token_id=None,
    )
    return LlamaForCausalLM(config).eval()


def write_mixture(
    folder: Path,
    model: torch.nn.Module,
    routing: str = "learned",
    top_k: int = 2,
    ranks: Sequence[int] = (2, 4, 3),
    scales: Sequence[float] = (2.0, 0.5, 1.25),
    targets: Sequence[str] = TARGETS,
) -> Path:
    """Experts of every linear whose name ends so. One of rank 0 has no tensors of it."""
    generator = torch.Generator().manual_seed(7)
    tensors, modules = {}, {}
    for name, linear in model.named_modules():
        if not name.endswith(tuple(targets)):
            continue
        out, wide = linear.weight.shape
        if isinstance(linear, Conv1D):
            out, wide = wide, out
        modules[name] = {"ranks": list(ranks), "scales": list(scales)}
        tensors[f"{name}.router.weight"] = torch.randn(len(ranks), wide, generator=generator)
        for k, rank in enumerate(ranks):
            if rank == 0:
                continue
            for factor, shape in (("A", (rank, wide)), ("B", (out, rank))):
                values = 0.2 * torch.randn(*shape, generator=generator)
                tensors[f"{name}.experts.{k}.lora_{factor}.weight"] = values
    write(folder, modules, tensors, routing, top_k, [f"expert {k}" for k in range(len(ranks))])
    return folder


def write(folder: Path, modules, tensors, routing: str, top_k: int, names: Sequence[str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    config = {"type": "factsweep mixture of LoRA experts", "experts": list(names)}
    config |= {"routing": routing, "top_k": top_k, "dropout": 0.1, "modules": modules}
    (folder / "moe.json").write_text(json.dumps(config), encoding="utf-8")
    save_file(tensors, folder / "moe.safetensors")
