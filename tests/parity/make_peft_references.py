"""Makes the small LoRA adapters, and what PEFT computes with them, that the unit tests of adapters and training read.

    python tests/parity/make_peft_references.py [--models tests/unit/model/data/families] [--output tests/unit/adapter/data] [--only NAME]

Each adapter is a PEFT directory (adapter_config.json, adapter_model.safetensors with A and B random, float32) for the tiny
model of that family, with one more file, reference.safetensors:

    tokens, lengths   int64          the model's own reference sequences, one after the other
    logits            float32 [T, V] with the adapter
    losses            float32 [21]   mean answer-token loss before each of 20 AdamW steps on all sequences, and after the last
    trained.<tensor>  float32        every tensor of adapter_model.safetensors after the last step

The last two are left out where whole modules are saved, which factsweep does not train.
"""

import argparse
import json
import pathlib
import tempfile
import warnings

import torch
from families import FAMILIES, attention_of, class_of
from peft import LoraConfig, PeftModel, get_peft_model
from peft.utils import get_peft_model_state_dict
from safetensors.torch import load_file, save_file

ANSWER = 5  # the last tokens of each sequence that carry the loss
STEPS = 20
ADAMW = {"lr": 5e-3, "betas": (0.9, 0.999), "eps": 1e-8, "weight_decay": 0.0}

ADAPTERS = {
    "llama": ("llama", {"r": 4, "lora_alpha": 8, "target_modules": ["q_proj", "v_proj", "down_proj"]}),
    "llama-patterns": ("llama", {
        "r": 4, "lora_alpha": 6, "use_rslora": True,
        "target_modules": r".*\.(?:0\.self_attn\.[qko]_proj|1\.(?:self_attn|mlp)\.(?!gate)\w+_proj)",
        "rank_pattern": {"k_proj": 2, r"layers\.\d+\.mlp\.down_proj": 3, "mlp.down_proj": 1},
        "alpha_pattern": {r"self_attn\.o_proj": 9, "layers.1.mlp.up_proj": 2.5}}),
    "gpt2": ("gpt2", {"r": 4, "lora_alpha": 4, "target_modules": "all-linear", "bias": "all"}),
    "gpt_neox": ("gpt_neox", {"r": 4, "lora_alpha": 8, "target_modules": ["query_key_value", "dense_h_to_4h", "dense_4h_to_h"],
                              "layers_to_transform": [1], "layers_pattern": "layers", "bias": "lora_only"}),
    "qwen2": ("qwen2", {"r": 4, "lora_alpha": 8, "target_modules": ["q_proj", "v_proj", "gate_proj", "up_proj"],
                        "exclude_modules": ["layers.0.mlp.up_proj"], "bias": "lora_only"}),
    "llama-saved": ("llama", {"r": 2, "lora_alpha": 4, "target_modules": ["q_proj", "lm_head"],
                              "modules_to_save": ["embed_tokens", "lm_head"]}),
    "gptj-saved": ("gptj", {"r": 2, "lora_alpha": 4, "target_modules": ["q_proj"], "modules_to_save": ["lm_head"]}),
    # of tied models: untied by it, each way, and kept tied
    "qwen2-saved-head": ("qwen2", {"r": 2, "lora_alpha": 4, "target_modules": ["q_proj"], "modules_to_save": ["lm_head"]}),
    "qwen2-saved-tied": ("qwen2", {"r": 2, "lora_alpha": 4, "target_modules": ["q_proj"], "modules_to_save": ["embed_tokens"],
                                   "ensure_weight_tying": True}),
    # PEFT does not know wte as an embedding, and ties nothing
    "gpt2-saved-embedding": ("gpt2", {"r": 2, "lora_alpha": 4, "target_modules": ["c_attn"], "modules_to_save": ["wte"],
                                      "ensure_weight_tying": True}),
    # but ties the embedding to a head that is named, and writes the embedding's name in the head's place
    "gpt2-saved-tied": ("gpt2", {"r": 2, "lora_alpha": 4, "target_modules": ["c_attn"], "modules_to_save": ["lm_head"],
                                 "ensure_weight_tying": True}),
}  # fmt: skip


def base_model(models, family):
    name = FAMILIES[family][0]
    stored = json.loads((models / family / "config.json").read_text())
    config = class_of(name)[1].from_dict(stored, attn_implementation=attention_of(name), dtype=torch.float32)
    model = class_of(name)[0](config).float().eval()
    weights = {key: value.float() for key, value in load_file(models / family / "model.safetensors").items()}
    head = {"embed_out.weight": "lm_head.weight"}  # transformers 5 renames GPT-NeoX's
    missing, extra = model.load_state_dict({head.get(key, key): value for key, value in weights.items()}, strict=False)
    if extra or any("lm_head" not in key for key in missing):
        raise SystemExit(f"{family}: missing {missing}, unexpected {extra}")
    model.tie_weights()
    return model


def randomize(model):
    """B as large as the base's own matrices, so that a forgotten scale or row shows; saved modules far from the base's."""
    generator = torch.Generator().manual_seed(11)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if "lora_B" in name:
                weight.normal_(0, 0.25, generator=generator)
            elif "lora_A" in name:
                weight.uniform_(-0.3, 0.3, generator=generator)
            elif "modules_to_save" in name:
                weight.add_(torch.empty_like(weight).normal_(0, 0.3, generator=generator))
            elif name.endswith(".bias") and weight.requires_grad:
                weight.add_(torch.empty_like(weight).normal_(0, 0.1, generator=generator))


def all_logits(model, sequences):
    with torch.no_grad():
        return torch.cat([model(sequence[None]).logits[0] for sequence in sequences])


def loss_of(model, sequences):
    rows = [model(sequence[None]).logits[0, -ANSWER - 1 : -1] for sequence in sequences]
    return torch.nn.functional.cross_entropy(torch.cat(rows), torch.cat([sequence[-ANSWER:] for sequence in sequences]))


def train(model, sequences):
    optimizer = torch.optim.AdamW([weight for weight in model.parameters() if weight.requires_grad], **ADAMW)
    losses = []
    for _ in range(STEPS):
        optimizer.zero_grad()
        loss = loss_of(model, sequences)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    losses.append(loss_of(model, sequences).item())
    return torch.tensor(losses)


def write(directory, models, family, keys):
    directory.mkdir(parents=True, exist_ok=True)
    sequences_of = load_file(models / family / "reference.safetensors")
    sequences = list(sequences_of["tokens"].split(sequences_of["lengths"].tolist()))
    base = base_model(models, family)
    found = {"tokens": sequences_of["tokens"], "lengths": sequences_of["lengths"]}
    before = all_logits(base, sequences)
    torch.manual_seed(3)
    model = get_peft_model(base, LoraConfig(task_type="CAUSAL_LM", **keys)).eval()
    randomize(model)
    with tempfile.TemporaryDirectory() as scratch:
        model.save_pretrained(scratch)
        for name in ("adapter_config.json", "adapter_model.safetensors"):
            (directory / name).write_bytes(pathlib.Path(scratch, name).read_bytes())
    found["logits"] = all_logits(model, sequences)
    losses = ""
    if "modules_to_save" not in keys:
        found["losses"] = train(model, sequences)
        losses = f", losses {found['losses'][0]:.3f} to {found['losses'][-1]:.3f}"
        for name, tensor in get_peft_model_state_dict(model).items():
            found[f"trained.{name}"] = tensor.detach().clone()
    fresh = PeftModel.from_pretrained(base_model(models, family), directory)
    if not torch.allclose(all_logits(fresh, sequences), found["logits"]):
        raise SystemExit(f"{directory}: PEFT does not load what it saved")
    save_file(found, directory / "reference.safetensors")
    for path in directory.iterdir():
        path.chmod(0o644)
    change = (found["logits"] - before).abs().max()
    print(f"{directory}: {len(fresh.state_dict())} tensors, logits change by {change:.2f}{losses}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    unit = pathlib.Path(__file__).resolve().parents[1] / "unit"
    parser.add_argument("--models", type=pathlib.Path, default=unit / "model/data/families")
    parser.add_argument("--output", type=pathlib.Path, default=unit / "adapter/data")
    parser.add_argument("--only", default="", help="adapters whose names begin so")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    warnings.filterwarnings("ignore", message="fan_in_fan_out is set to False")
    for name, (family, keys) in ADAPTERS.items():
        if name.startswith(arguments.only):
            write(arguments.output / name, arguments.models, family, keys)


if __name__ == "__main__":
    main()
