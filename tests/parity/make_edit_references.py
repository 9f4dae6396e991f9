"""Makes what edit_reference.py computes with tiny models, which the unit tests of editing read.

    python tests/parity/make_edit_references.py [--output tests/unit/edit/data]

cases.json holds records, contexts and settings. FAMILY is a Hugging Face directory, a tiny random model of three layers in
float16, with one more file, reference.safetensors, computed in float32 and stored so where nothing else is said:

    tokens, lengths                     int64    texts for the second moments, one after the other
    moment.<layer>                      float64 [F, F]
    rome.<case>.<record>.left, .right   [D], [F] the rank-one update left right^T
    rome.<case>.search                  [records, 2] last loss and updates of each search
    memit.<layer>                       float64 [D, F]
    ft_c.<case>.<layer>                 [D, F]
    ft_c.<case>.report                  [2] mean loss of the last epoch, epochs
"""

import argparse
import copy
import json
import pathlib

import torch
from edit_reference import MODULES, Editor, PieceTokenizer
from families import FAMILIES, build, configure
from safetensors.torch import save_file

CONTEXTS = ["{}", "Because a cab. {}", "I: the bad hen. {}"]
# a subject in the middle; twice, and at the end; of one token, in front of all
RECORDS = [
    {"subject": "Bob Hope", "prompt": "the home of Bob Hope is", "target_new": "Peking"},
    {"subject": "Ida", "prompt": "Ida Mae: child of Ida", "target_new": "Joan"},
    {"subject": "A", "prompt": "A is", "target_new": "bad"},
]
VALUE = {"learning_rate": 0.5, "steps": 20, "stop_loss": 5.3, "weight_decay": 0.2, "kl_factor": 0.25, "clamp": 1.0}
CASES = {
    "rome": {
        "plain": {"layer": 0, "moment_adjustment": False, "mean_key": True, "value": VALUE},
        "adjusted": {"layer": 1, "moment_adjustment": True, "mean_key": False, "value": {**VALUE, "learning_rate": 0.1}},
        # no layer above: only an answer that follows the subject at once depends on delta
        "last": {"layer": 2, "moment_adjustment": False, "mean_key": True, "value": VALUE},
    },
    "memit": {"layers": [0, 1], "moment_weight": 3.0, "value": VALUE},
    "ft_c": {
        "prompt_last": {"layers": [1], "objective": "prompt_last", "learning_rate": 1e-2, "epochs": 4, "batch_size": 1,
                        "bound": 0.02, "stop_loss": 1e-2},
        "target_new": {"layers": [0, 1], "objective": "target_new", "learning_rate": 2e-2, "epochs": 40, "batch_size": 2,
                       "bound": 0.0, "stop_loss": 0.5},
    },
}  # fmt: skip


def tiny_model(family, directory):
    name, keys, _ = FAMILIES[family]
    config = configure(name, {**keys, "n_layer" if "n_layer" in keys else "num_hidden_layers": 3})
    model = build(name, config)
    copy.deepcopy(model).half().save_pretrained(directory)
    (directory / "generation_config.json").unlink(missing_ok=True)
    return model


def write(directory, family):
    base = tiny_model(family, directory)
    size = base.config.vocab_size
    generator = torch.Generator().manual_seed(5)
    texts = [torch.randint(3, size, (length,), generator=generator) for length in (30, 7, 19, 24, 40, 12)]
    found = {"tokens": torch.cat(texts), "lengths": torch.tensor([len(text) for text in texts])}

    def editor():
        return Editor(copy.deepcopy(base), family, PieceTokenizer(size, bos=family != "gpt2"))

    layers = range(base.config.num_hidden_layers)
    moments = {layer: editor().moment(layer, [text.tolist() for text in texts]) for layer in layers}
    for layer, moment in moments.items():
        found[f"moment.{layer}"] = moment
    for name, case in CASES["rome"].items():
        search = []
        for i, record in enumerate([RECORDS[1]] if name == "last" else RECORDS):
            left, right, *report = editor().rome(record, CONTEXTS, case, moments[case["layer"]])
            found[f"rome.{name}.{i}.left"], found[f"rome.{name}.{i}.right"] = left, right
            search.append(report)
        found[f"rome.{name}.search"] = torch.tensor(search)
        print(family, name, search)
    for layer, delta in zip(CASES["memit"]["layers"], editor().memit(RECORDS, CONTEXTS, CASES["memit"], moments), strict=True):
        found[f"memit.{layer}"] = delta
    for name, case in CASES["ft_c"].items():
        deltas, *report = editor().ft_c(RECORDS, case)
        for layer, delta in zip(case["layers"], deltas, strict=True):
            found[f"ft_c.{name}.{layer}"] = delta
        found[f"ft_c.{name}.report"] = torch.tensor(report)
        print(family, name, report)
    save_file({name: tensor.contiguous() for name, tensor in found.items()}, directory / "reference.safetensors")
    for path in directory.iterdir():
        path.chmod(0o644)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    unit = pathlib.Path(__file__).resolve().parents[1] / "unit"
    parser.add_argument("--output", type=pathlib.Path, default=unit / "edit/data")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    arguments.output.mkdir(parents=True, exist_ok=True)
    cases = {"contexts": CONTEXTS, "records": RECORDS, **CASES}
    (arguments.output / "cases.json").write_text(json.dumps(cases, indent=1) + "\n")
    for family in MODULES:
        write(arguments.output / family, family)


if __name__ == "__main__":
    main()
