"""Memory that `plan` foresees of each kind of stage beside the most that the device held (/stages/peak_bytes).

    python tests/benchmarks/device_memory.py --model MODEL --data DATA --program build/factsweep [--encoder DIR] [--study slick]

Runs a small sweep of each study in bfloat16 on the pretended GPU that tests/run.sh builds beside the program, or on a real one
where there is none. Full fine-tuning, LoRA and labelling are SliCK's; editors and forgetting F-Learning's; the bank, its tests and
mixtures K-shot's, which needs a sentence encoder. DATA has entityquestions/, counterfact/, text/ and what inputs/kshot/smollm2.json names.
"""

import argparse
import json
import os
import subprocess
import tempfile
from pathlib import Path

import h5py

ROOT = Path(__file__).resolve().parents[2]

STUDIES = {
    "slick": (
        "inputs/slick/smollm2.ini --data.facts={data}/entityquestions --data.relations=P17 --data.ood_relations= "
        "--label.exemplar_sets=2 --label.questions_per_relation=200 --label.test_questions_per_relation=20 --slick.train_size=60 "
        "--train.batch_size=60 "
        "--slick.dev_questions_per_relation=20 --train.epochs=1 --grid.unknown_ratio=0.5 --grid.seed=1 --grid.lora_rank=0,16"
    ),
    "flearning": (
        "inputs/flearning/smollm2.ini --data.edits={data}/counterfact/counterfact-edit.json.gz --edit.text={data}/text/wiki_demo.txt.gz "
        "--data.records=64 --train.batch_size=64 --original.epochs=1 --forget.epochs=1 --learn.epochs=1 --edit.records=4 --edit.text_tokens=2000 "
        "--grid.method=ft,lora,f_learning_ft,f_learning_lora,ft_c,rome,memit --grid.lambda=0.3 --grid.lambda_lora=0.7 --grid.seed=1"
    ),
    "kshot": (
        "inputs/kshot/smollm2.ini --data.folder={data} --data.sets={sets} --augment.encoder={encoder} --bank.epochs=1 --moe.epochs=1 --train.batch_size=32 "
        "--grid.method=lora,ours --grid.shots=50 --grid.experts=4 --grid.top_k=2 --grid.budget=50 --grid.tau=0.9 --grid.signals=pad "
        "--grid.data_selection=cosine --grid.draw=1 --eval.test_examples=20"
    ),
}


def few_sets(folder):
    """The data sets of inputs/kshot/smollm2.json, of which one task and five adapters are left."""
    sets = json.loads((ROOT / "inputs/kshot/smollm2.json").read_text())
    kept = ("boolq", "arc_e", "commonsense_qa", "ag_news", "gsm8k")
    sets["tasks"] = sets["tasks"][:1]
    sets["bank"] = [adapter for adapter in sets["bank"] if adapter["name"] in kept]
    file = folder / "sets.json"
    file.write_text(json.dumps(sets))
    return file


def run(study, options, folder):
    file = folder / f"{study}.h5"
    words = STUDIES[study].format(data=options.data, encoder=options.encoder, sets=few_sets(folder)).split()
    words += [f"--model.path={options.model}", "--run.device=cuda", f"--run.output={file}"]
    environment = os.environ | {"OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "1")}
    pretended = options.program.resolve().parent / "tests/cuda/libpretended_device.so"
    if pretended.exists():
        environment["LD_PRELOAD"] = str(pretended)
    subprocess.run([options.program.resolve(), "run", *words], cwd=ROOT, env=environment, check=True)
    return file


def show(study, path):
    with h5py.File(path) as file:
        stages = file["stages"]
        kinds, done = stages["kind"].asstr()[:], stages["status"][:] == 2
        titles, foreseen, peak = stages["title"].asstr()[:], stages["memory_bytes"][:], stages["peak_bytes"][:]
    # stages of one kind differ by what they train or edit: the first words of their title say which
    rows = {}
    for i in (i for i in range(len(kinds)) if done[i] and peak[i] > 0):
        method = titles[i].split()[1].split("-")[0]
        rows.setdefault((kinds[i], method, round(foreseen[i] / 1e6)), []).append(i)
    for (kind, _, _), members in sorted(rows.items()):
        most = max(members, key=lambda i: peak[i])
        ratio = foreseen[most] / peak[most]
        print(f"| {study} | {kind} | {titles[most][:40]} | {foreseen[most] / 1e9:.2f} GB | {peak[most] / 1e9:.2f} GB | {ratio:.2f} |", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--program", type=Path, required=True)
    parser.add_argument("--encoder", type=Path, help="without it the K-shot study is left out")
    parser.add_argument("--study", choices=STUDIES, action="append")
    options = parser.parse_args()
    print("| study | kind | stage | foreseen | most held | foreseen / held |\n|---|---|---|---|---|---|", flush=True)
    for study in options.study or STUDIES:
        if study == "kshot" and options.encoder is None:
            print("without --encoder the K-shot study is left out")
            continue
        with tempfile.TemporaryDirectory() as folder:
            show(study, run(study, options, Path(folder)))


if __name__ == "__main__":
    main()
