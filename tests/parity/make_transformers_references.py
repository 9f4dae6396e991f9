"""Makes the tiny random models, and what transformers computes with them, that the unit tests of the engine read.

    python tests/parity/make_transformers_references.py [--output tests/unit/model/data]

Each model is a Hugging Face directory (config.json, model.safetensors, float32) with one more file, reference.safetensors:

    tokens            int64 [T]      the ids of all sequences, one after the other, without padding
    lengths           int64 [S]      the length of each sequence
    targets           int64 [T]      tokens, with -100 where a position is no part of the answer (the loss skips it)
    logits            float32 [T, V] each sequence on its own; row t predicts token t + 1
    loss              float32 [1]    mean cross-entropy over all targets that are not -100 and not first in their sequence
    grad.<tensor>     float32        gradient of that loss
    adamw_losses      float32 [11]   the loss before each of ten AdamW steps on all sequences, and after the tenth
    adamw.<tensor>    float32        that tensor after the tenth step
    greedy            int64 [16]     the greedy continuation of the first 8 tokens

Then one directory for each entry of families.py: model.safetensors in float16 (the references are float32 of the same
values), config.json and config-VARIANT.json, reference.safetensors and reference-VARIANT.safetensors with tokens, lengths,
targets, logits and loss as above, and

    greedy            int64 [S, 12]  continuations of the first 8 tokens of each sequence
    grad.<tensor>     float32 [11]   its gradient's norm, largest magnitude, sum of entry i * cos(1.7 i), and 8 entries,
                                     the j-th at index (j * 2654435761) mod size
"""

import argparse
import json
import pathlib
import shutil
import tempfile

import torch
from families import FAMILIES, OLDER, attention_of, build, class_of, configure, stored
from safetensors.torch import save_file
from transformers import LlamaConfig, LlamaForCausalLM

LENGTHS = (24, 16, 9)
ANSWER = 5  # the last tokens of each sequence that carry the loss
ADAMW = {"lr": 1e-3, "betas": (0.9, 0.999), "eps": 1e-8, "weight_decay": 0.0}
GRADIENTS = (
    "lm_head.weight",
    "model.embed_tokens.weight",
    "model.layers.0.self_attn.q_proj.weight",
    "model.layers.0.mlp.down_proj.weight",
    "model.layers.1.self_attn.k_proj.weight",
    "model.layers.1.input_layernorm.weight",
    "model.norm.weight",
)

# Wavelengths at head size 8 and theta 1e4 are 6, 63, 628 and 6283 positions: with 128 original positions the
# four frequencies meet each branch of the llama3 rule (kept, blended, divided).
LLAMA3 = {
    "rope_type": "llama3",
    "rope_theta": 10000.0,
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 128,
}
VARIANTS = {
    "llama-tied": (True, {"rope_type": "default", "rope_theta": 10000.0}),
    "llama3-untied": (False, LLAMA3),
}


def make_model(tied, rope):
    # A wide initialisation: with the usual 0.02 attention is uniform and a wrong mask or rotation goes unnoticed.
    config = LlamaConfig(
        vocab_size=64, hidden_size=32, intermediate_size=24, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=1024, initializer_range=0.25, rms_norm_eps=1e-5,
        rope_parameters=rope, tie_word_embeddings=tied, bos_token_id=1, eos_token_id=2, pad_token_id=None,
        attn_implementation="eager", dtype="float32",
    )  # fmt: skip
    torch.manual_seed(20240509)
    model = LlamaForCausalLM(config).float().train()
    with torch.no_grad():  # norms start at one, which would hide a forgotten scale
        for name, weight in model.named_parameters():
            if "norm" in name:
                weight.uniform_(0.5, 1.5)
    return model


def batch():
    generator = torch.Generator().manual_seed(7)
    sequences = [torch.randint(3, 64, (length,), generator=generator) for length in LENGTHS]
    targets = [sequence.clone() for sequence in sequences]
    for target in targets:
        target[:-ANSWER] = -100
    return sequences, targets


def forward(model, sequences, targets):
    logits = [model(sequence[None]).logits[0] for sequence in sequences]
    loss = torch.nn.functional.cross_entropy(
        torch.cat([rows[:-1] for rows in logits]), torch.cat([target[1:] for target in targets])
    )
    return torch.cat(logits), loss


def references(model):
    sequences, targets = batch()
    logits, loss = forward(model, sequences, targets)
    loss.backward()
    weights = dict(model.named_parameters())
    result = {
        "tokens": torch.cat(sequences),
        "lengths": torch.tensor(LENGTHS),
        "targets": torch.cat(targets),
        "logits": logits.detach().clone(),
        "loss": loss.detach().reshape(1).clone(),
        "greedy": model.generate(
            sequences[0][None, :8], attention_mask=torch.ones(1, 8, dtype=torch.int64), do_sample=False,
            max_new_tokens=16, min_new_tokens=16, eos_token_id=None, pad_token_id=0,
        )[0, 8:],
    }  # fmt: skip
    for name in GRADIENTS:
        if name in weights:
            result["grad." + name] = weights[name].grad.clone()

    # All sequences enter one optimiser step; no dropout, no clipping.
    optimizer = torch.optim.AdamW(model.parameters(), **ADAMW)
    losses = []
    for _ in range(10):
        optimizer.zero_grad()
        loss = forward(model, sequences, targets)[1]
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    losses.append(forward(model, sequences, targets)[1].item())
    result["adamw_losses"] = torch.tensor(losses)
    for name in ("model.layers.1.self_attn.k_proj.weight", "model.norm.weight"):
        result["adamw." + name] = weights[name].detach().clone()
    return result


def old_style(config, rope):
    """The same configuration as transformers 4 wrote it, which most published models still carry."""
    config = {key: value for key, value in config.items() if key not in ("rope_parameters", "dtype", "head_dim")}
    scaling = {key: value for key, value in rope.items() if key != "rope_theta"}
    config["rope_theta"] = rope["rope_theta"]
    config["rope_scaling"] = scaling if scaling["rope_type"] != "default" else None
    config["torch_dtype"] = "float32"
    return config


def write_config(path, config):
    path.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")


def digest(gradient):
    flat = gradient.detach().double().flatten()
    samples = flat[torch.arange(8) * 2654435761 % flat.numel()]
    projection = (flat * torch.cos(1.7 * torch.arange(flat.numel(), dtype=torch.float64))).sum()
    return torch.cat([torch.stack([flat.norm(), flat.abs().max(), projection]), samples]).float()


def greedy(make, prompt):
    """As generate() without a cache would; a near tie would make the reference a coin toss."""
    ids = prompt.tolist()
    model = make()
    out = model.generate(prompt[None], attention_mask=torch.ones(1, len(ids), dtype=torch.int64), do_sample=False,
                         max_new_tokens=12, min_new_tokens=12, eos_token_id=None, pad_token_id=0,
                         output_logits=True, return_dict_in_generate=True)  # fmt: skip
    best = torch.cat(out.logits).topk(2).values
    if (best[:, 0] - best[:, 1]).min() < 1e-4 * best.abs().max():
        raise SystemExit(f"{type(model).__name__}: a near tie; take another seed")
    return out.sequences[0, len(ids) :]


def family_references(name, make):
    """Of a model of class `name`. `make` gives a fresh model: dynamic rope scaling leaves traces in one that has run."""
    sequences, targets = batch()
    model = make()
    weights = dict(model.named_parameters())
    rows, total = [], 0
    for sequence, target in zip(sequences, targets):
        one = make()
        logits = one(sequence[None]).logits[0]
        rows.append(logits.detach())
        loss = torch.nn.functional.cross_entropy(logits[:-1], target[1:], reduction="sum") / (ANSWER * len(LENGTHS))
        loss.backward()
        total += loss.item()
        for parameter, weight in one.named_parameters():
            mine = weights[parameter]
            mine.grad = weight.grad.clone() if mine.grad is None else mine.grad + weight.grad
    return {
        "tokens": torch.cat(sequences),
        "lengths": torch.tensor(LENGTHS),
        "targets": torch.cat(targets),
        "logits": torch.cat(rows),
        "loss": torch.tensor([total]),
        "greedy": torch.stack([greedy(make, sequence[:8]) for sequence in sequences]),
        **{f"grad.{part}": digest(gradient) for parameter, weight in weights.items()
           for part, gradient in stored(name, parameter, weight.grad)},
    }  # fmt: skip


def older(family, keys, written, weights):
    """written as transformers 4 wrote it; the model must stay the same."""
    name, (gone, added) = FAMILIES[family][0], OLDER[family]
    old = {**{key: value for key, value in written.items() if key not in gone}, **added}
    config = class_of(name)[1].from_dict(dict(old), attn_implementation=attention_of(name))
    probe = torch.arange(3, 60)[None]
    if not torch.equal(build(name, config, weights)(probe).logits, build(name, configure(name, keys), weights)(probe).logits):
        raise SystemExit(f"{family}: the old-style configuration describes another model")
    return old


def write_family(directory, family):
    name, keys, variants = FAMILIES[family]
    directory.mkdir(parents=True, exist_ok=True)
    weights = build(name, configure(name, keys)).state_dict()
    for variant, changes in {"": {}, **variants}.items():
        config = configure(name, {**keys, **changes})
        ending = f"-{variant}" if variant else ""
        with tempfile.TemporaryDirectory() as scratch:
            build(name, config, weights).half().save_pretrained(scratch)
            written = json.loads(pathlib.Path(scratch, "config.json").read_text())
            if not variant:
                shutil.copyfile(f"{scratch}/model.safetensors", directory / "model.safetensors")
        write_config(directory / f"config{ending}.json", written)
        found = family_references(name, lambda: build(name, config, weights))
        save_file(found, directory / f"reference{ending}.safetensors")
        if not variant and family in OLDER:
            write_config(directory / "config-older.json", older(family, keys, written, weights))
    for path in directory.iterdir():
        path.chmod(0o644)
    print(f"{directory}: {sum(path.stat().st_size for path in directory.iterdir())} bytes")


def write(directory, tied, rope):
    model = make_model(tied, rope)
    model.save_pretrained(directory)
    (directory / "generation_config.json").unlink(missing_ok=True)
    config = json.loads((directory / "config.json").read_text())
    # The tied model has the old style, the untied one the new style and the old one beside it.
    old = old_style(config, rope)
    new_file = directory / "config.json"
    if tied:
        write_config(new_file, old)
    else:
        write_config(new_file, config)
        write_config(directory / "config-old-style.json", old)
    again = LlamaForCausalLM(LlamaConfig.from_dict(old, attn_implementation="eager")).eval()
    again.load_state_dict(model.state_dict())
    probe = torch.arange(3, 60)[None]
    if not torch.equal(again(probe).logits, model(probe).logits):
        raise SystemExit(f"{directory}: the old-style configuration describes another model")
    save_file(references(model), directory / "reference.safetensors")
    for path in directory.iterdir():
        path.chmod(0o644)  # safetensors writes for the owner alone
    print(f"{directory}: {sum(path.stat().st_size for path in directory.iterdir())} bytes")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    root = pathlib.Path(__file__).resolve().parents[1]
    parser.add_argument("--output", type=pathlib.Path, default=root / "unit/model/data")
    parser.add_argument("--family", help="those whose names begin so, instead of everything")
    arguments = parser.parse_args()
    output = arguments.output
    torch.set_num_threads(1)
    for name, (tied, rope) in VARIANTS.items() if arguments.family is None else ():
        (output / name).mkdir(parents=True, exist_ok=True)
        write(output / name, tied, rope)
    for family in FAMILIES:
        if arguments.family is not None and not family.startswith(arguments.family):
            continue
        write_family(output / "families" / family, family)


if __name__ == "__main__":
    main()
