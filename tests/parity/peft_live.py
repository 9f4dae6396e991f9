"""score and generate with --adapter against PEFT, live: fresh random bases of every family, adapters of every kind.

    python tests/parity/peft_live.py --factsweep build/factsweep [--seeds 2] [--first-seed N] [--family llama]
    python tests/parity/peft_live.py --factsweep build/factsweep --model BASE --adapter DIR [--texts FILE]

The second form compares one adapter or mixture of experts, as `factsweep export` wrote it, on one model (a mixture by
load_mixture of the package in analysis, on transformers): on the lines of FILE, or on words of the
model's own vocabulary. float32: log-probabilities within 1e-4 of the logits' scale, greedy answers equal (but for ties).
"""

import argparse
import json
import pathlib
import random
import sys
import tempfile
import warnings

import torch
import transformers
from families import FAMILIES, build, configure
from make_peft_references import randomize
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import AutoModelForCausalLM, AutoTokenizer
from transformers_live import LARGEST, NEW_TOKENS, compare_greedy, factsweep, log_probabilities, texts, write_tokenizer

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))
from analysis import load_mixture  # noqa: E402

KINDS = {
    "all-linear": {"r": 4, "lora_alpha": 8, "target_modules": "all-linear"},
    "rslora, all biases": {"r": 6, "lora_alpha": 3, "target_modules": "all-linear", "use_rslora": True, "bias": "all"},
    "head saved": {"r": 2, "lora_alpha": 4, "target_modules": "all-linear", "modules_to_save": ["head"]},
    "head saved and tied": {"r": 2, "lora_alpha": 4, "target_modules": "all-linear", "modules_to_save": ["head"],
                            "ensure_weight_tying": True},
    "embedding and head saved": {"r": 2, "lora_alpha": 4, "target_modules": "all-linear", "modules_to_save": ["embedding", "head"]},
    "one layer, patterns": {"r": 3, "lora_alpha": 6, "layers_to_transform": [1], "bias": "lora_only"},
}


def adapter_config(kind, model):
    keys = dict(KINDS[kind])
    if any(name.endswith(".experts") for name, _ in model.named_modules()):  # which PEFT's all-linear adapts, too
        keys["target_modules"] = ["q_proj", "k_proj", "v_proj", "o_proj"]
    own = {"embedding": model.get_input_embeddings(), "head": model.get_output_embeddings()}
    if "modules_to_save" in keys:
        names = {kind: next(name for name, one in model.named_modules() if one is module) for kind, module in own.items()}
        keys["modules_to_save"] = [names[kind].rsplit(".", 1)[-1] for kind in keys["modules_to_save"]]
    if "target_modules" not in keys:  # the last parts of the names of the first block's linears, but for one
        kinds = (torch.nn.Linear, transformers.pytorch_utils.Conv1D)
        linear = [name for name, module in model.named_modules() if isinstance(module, kinds) and ".0." in name]
        names = sorted({name.rsplit(".", 1)[1] for name in linear})
        keys["target_modules"] = names[1:]
        keys["rank_pattern"] = {names[-1]: 2}
        keys["alpha_pattern"] = {names[-1]: 5}
    return LoraConfig(task_type="CAUSAL_LM", **keys)


def check(arguments, label, directory, adapters, make, encode, prompts, completions):
    options = [flag for adapter in adapters for flag in ("--adapter", str(adapter))]
    records = [{"prompt": prompt, "completion": completion} for prompt, completion in zip(prompts, completions)]
    scores = torch.tensor([value for answer in factsweep(arguments, "score", directory, records, *options) for value in answer["logprobs"]])
    found = factsweep(arguments, "generate", directory, records, f"--max-new-tokens={NEW_TOKENS}", *options)
    prompts, completions = [encode(text) for text in prompts], [encode(text) for text in completions]
    exact, largest = log_probabilities(make, torch.float32, prompts, completions)
    worst = ((scores - exact).abs().max() / largest).item()
    change = (torch.tensor([value for answer in factsweep(arguments, "score", directory, records) for value in answer["logprobs"]]) - exact).abs().max()
    ties = compare_greedy(make, prompts, found)
    print(f"{label:44} {len(scores)} log-probabilities within {worst:.1e} of the largest logit (the adapter changes them by up to "
          f"{change:.2g}), {len(found)} greedy answers equal ({ties} but for a tie)", flush=True)  # fmt: skip
    return worst < LARGEST and ties <= len(found) / 10


def families(arguments):
    first = random.SystemRandom().randrange(10**6) if arguments.first_seed is None else arguments.first_seed
    print(f"seeds {first} to {first + arguments.seeds - 1}")
    failed = []
    for family, (name, keys, _) in FAMILIES.items():
        if not family.startswith(arguments.family):
            continue
        keys = {**keys, "eos_token_id": None}
        keys |= {key: 128 for key in ("max_position_embeddings", "n_positions") if key in keys}
        for seed in range(first, first + arguments.seeds):
            with tempfile.TemporaryDirectory() as scratch:
                root = pathlib.Path(scratch)
                config = configure(name, keys)
                weights = build(name, config, seed=seed).state_dict()
                fresh = lambda: build(name, config, weights)  # noqa: E731, B023
                fresh().save_pretrained(root / "base")
                vocabulary = write_tokenizer(root / "base")
                for kind in KINDS:
                    torch.manual_seed(seed)
                    peft = get_peft_model(fresh(), adapter_config(kind, fresh())).eval()
                    randomize(peft)
                    peft.save_pretrained(root / kind)
                # two at once, as PEFT adds them up
                for label, kinds in [*((kind, [kind]) for kind in KINDS), ("two adapters", ["all-linear", "second"])]:
                    if "second" in kinds:
                        second = adapter_config("all-linear", fresh())
                        second.r, second.lora_alpha = 5, 4
                        peft = get_peft_model(fresh(), second).eval()
                        randomize(peft)
                        peft.save_pretrained(root / "second")

                    def make():
                        model = PeftModel.from_pretrained(fresh(), root / kinds[0], adapter_name="a")  # noqa: B023
                        for other in kinds[1:]:  # noqa: B023
                            model.load_adapter(root / other, adapter_name="b")  # noqa: B023
                            model.base_model.set_adapter(["a", "b"])
                        return model.eval()

                    encode = lambda text: [vocabulary[letter] for letter in text]  # noqa: E731, B023
                    good = check(arguments, f"{family}, {label}", root / "base", [root / kind for kind in kinds], make, encode,
                                 texts(random.Random(seed)), texts(random.Random(-seed)))  # fmt: skip
                    if not good:
                        failed.append(f"{family}, {label}")
    return failed


def exported(arguments):
    mixture = pathlib.Path(arguments.adapter, "moe.json").exists()
    if not mixture:
        config = json.loads(pathlib.Path(arguments.adapter, "adapter_config.json").read_text())
        print(f"{arguments.adapter}: r {config['r']}, {', '.join(config['target_modules'])}, for {config['base_model_name_or_path']}")
    tokenizer = AutoTokenizer.from_pretrained(arguments.model)
    generator = random.Random(1)
    if arguments.texts:
        lines = [line.strip() for line in pathlib.Path(arguments.texts).read_text().splitlines() if len(line.split()) > 2][:40]
        cut = [line.rsplit(" ", 1) for line in lines]
        prompts, completions = [head for head, _ in cut], [" " + tail for _, tail in cut]
    else:
        words = [tokenizer.decode([generator.randrange(5, len(tokenizer))]) for _ in range(400)]
        prompts = [" ".join(words[i : i + 8]) for i in range(0, 200, 8)]
        completions = [" " + " ".join(words[i : i + 3]) for i in range(200, 275, 3)]
    # as the commands do: the prompt as the tokenizer does by default, the completion bare
    encoded = {text: tokenizer(text).input_ids for text in prompts}
    encoded |= {text: tokenizer(text, add_special_tokens=False).input_ids for text in completions}

    def make():
        base = AutoModelForCausalLM.from_pretrained(arguments.model, dtype=torch.float32)
        if mixture:
            load_mixture(arguments.adapter, base)
            return base.eval()
        return PeftModel.from_pretrained(base, arguments.adapter).eval()

    good = check(arguments, str(arguments.adapter), arguments.model, [arguments.adapter], make, encoded.get, prompts, completions)
    return [] if good else [arguments.adapter]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--factsweep", required=True)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--first-seed", type=int, default=None, help="default: by the clock")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--family", default="")
    parser.add_argument("--model")
    parser.add_argument("--adapter")
    parser.add_argument("--texts")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    warnings.filterwarnings("ignore")
    failed = exported(arguments) if arguments.adapter else families(arguments)
    if failed:
        raise SystemExit(f"failed: {', '.join(failed)}")


if __name__ == "__main__":
    main()
