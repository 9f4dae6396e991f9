"""What docs_commands.py does with each command of the documents. RUN: in this order, as some need what others left. LISTED: what is
not run here, and why; decks and flags are still parsed."""

import os
from typing import NamedTuple


class Run(NamedTuple):
    more: str = ""  # words behind it, which cut it down
    values: dict = {}  # what its words in capitals, and other stand-ins, are here
    stdin: str = ""  # a file
    codes: tuple = (0,)  # exit codes that it may have
    says: tuple = ()  # words that have to be in its output
    needs: str = ""  # a file without which it is left out: a test program that is not built
    before: str = ""  # what stands before it


class Listed(NamedTuple):
    reason: str
    values: dict = {}


def mean(**values):
    return {name: str(value) for name, value in values.items()}


TINY_WORLD = "--subjects 60 --passes 12 --width 64 --layers 2 --vocabulary 800 --learning-rate 5e-3 --threads 1"
SHORT = "--train.epochs=2 --label.exemplar_sets=2 --label.shots=2 --label.test_questions_per_relation=10 --slick.dev_questions_per_relation=5"
QUICK = f"{SHORT} --slick.train_size=20 --grid.seed=1 --grid.unknown_ratio=0,0.5"
SWEEP = {"FILE": "results/quickstart.h5", "ID": "unknown_ratio-0.5-s1", "BASE": "world/model", "NAME": "model"}
LORA = {"FILE": "lora.h5", "ID": "unknown_ratio-0.5-s1", "BASE": "world/model", "DIR": "adapter", "DIR2": "adapter"}
REPORT = {"results.h5": "results/quickstart.h5", "N": "1", "DIR": "report"}
MODEL = {"MODEL": "world/model"}
A_CLUSTER = "needs a cluster; tests/slurm/run.sh and tests/system/jobs.sh run it"
A_MODEL = "needs a real model and real data"

RUN = {
    # the quickstart
    "factsweep world --output world": Run(TINY_WORLD),
    "mpirun -n 2 build/factsweep run inputs/quickstart.ini": Run(QUICK, says=("accuracy",)),
    "jobs/quickstart.sh": Run(QUICK, before="PATH=$PWD/standin:$PATH FACTSWEEP_VENV=$PWD/.venv "),  # what cmake builds is there
    "build/factsweep run inputs/quickstart.ini --print-deck": Run(),
    "factsweep run inputs/quickstart.ini": Run(f"{QUICK} --run.output=once.h5"),
    "export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1": Run(),
    "export FACTSWEEP_NO_INSTALL=1 PATH=PREFIX/bin:$PATH CMAKE_PREFIX_PATH=PREFIX PKG_CONFIG_PATH=PREFIX/lib/pkgconfig": Run(),
    "export LIBRARY_PATH=PREFIX/lib LD_LIBRARY_PATH=PREFIX/lib": Run("; factsweep --help"),
    "export PATH=$PWD/.venv/bin:$PATH": Run("; python3 -c 'import torch'"),
    "cmake --install build --prefix ~/.local": Run("; ~/.local/bin/factsweep --help"),
    "export PATH=~/.local/bin:$PATH": Run("; [ $(command -v factsweep) = ~/.local/bin/factsweep ]"),
    "cat >inputs/first.ini <<'DECK'": Run(),
    "source .venv/bin/activate": Run("; python -c 'import h5py'"),
    # README's table of commands
    "mpirun -n R factsweep run DECK": Run("--train.epochs=1", {"R": "2", "DECK": "deck.ini"}),
    "factsweep plan DECK --ranks R": Run("", {"R": "2", "DECK": "deck.ini"}),
    "factsweep plan DECK --device h100": Run("", {"DECK": "deck.ini"}),
    "factsweep plan DECK": Run("", {"DECK": "deck.ini"}),
    "factsweep run DECK": Run("--run.output=once_more.h5 --train.epochs=1", {"DECK": "deck.ini"}),
    "factsweep status FILE [--follow] [--stages]": Run("", SWEEP, says=("points done", "slowest")),
    "factsweep --version": Run(says=("libtorch",)),
    "factsweep status FILE": Run("", SWEEP, says=("points done",)),
    "factsweep world --output DIR": Run("--subjects 30 --passes 1 --width 16 --layers 1 --vocabulary 600 --threads 1", {"DIR": "small"}),
    "factsweep embed --model DIR": Run("", {"DIR": "tests/unit/encoder/data/bert"}, "texts.jsonl", says=("embedding",)),
    "factsweep embed --model all-MiniLM-L6-v2 --input texts.jsonl --output rows.npy": Run(
        "", {"all-MiniLM-L6-v2": "tests/unit/encoder/data/bert"}
    ),
    "factsweep export FILE --point ID --model BASE --output DIR": Run("", {**SWEEP, "DIR": "tuned"}),
    "factsweep questions FILE [--point ID | --model NAME] [--output CSV]": Run("", {**SWEEP, "CSV": "answers.csv"}),
    "factsweep questions FILE --model NAME": Run("", SWEEP, says=("question",)),
    "factsweep questions FILE --point ID --output answers.csv": Run("", SWEEP),
    "factsweep questions FILE --row N --prompt": Run("", {**SWEEP, "N": "3"}, says=("Q: ",)),
    # the analysis
    "python -m analysis report FILE": Run("", SWEEP),
    "python -m analysis points FILE...": Run("", {"FILE...": "results/quickstart.h5 once.h5"}),
    "python -m analysis deltas FILE": Run("", {"FILE": "lora.h5"}),
    "python -m analysis compare A B": Run("", {"A": "results/quickstart.h5", "B": "once.h5"}),
    "python -m analysis": Run("--help"),
    "factsweep-report report FILE": Run("", SWEEP),
    "factsweep-report report results.h5 [--output DIR] [--published] [--parts N]": Run("", REPORT),
    "factsweep-report points FILE --output points.csv": Run("", SWEEP),
    "factsweep-report points results.h5 [more.h5 ...] [--output points.csv|points.parquet]": Run("", {**REPORT, "more.h5 ...": "once.h5"}),
    "factsweep-report deltas results.h5 [--output DIR] [--pairs all|one_axis|none] [--no-rank]": Run("", {**REPORT, "results.h5": "lora.h5"}),
    "factsweep-report deltas results.h5": Run("", {"results.h5": "lora.h5"}),
    "factsweep-report compare a.h5 b.h5 [--metric NAME] [--figure PNG | --no-figure]": Run(
        "", {"a.h5": "results/quickstart.h5", "b.h5": "lora.h5", "NAME": "accuracy_test_final", "PNG": "a_b.png"}, codes=(1,)
    ),
    "pip install -r analysis/requirements.txt": Run("--no-index --quiet"),
    "pip install pyarrow": Run("--no-index --quiet"),
    "OMP_NUM_THREADS=1 python tests/benchmarks/analysis_sizes.py": Run(
        "--points 50 --stages 2 --side 16 --drawn 50"
    ),
    "python tests/analysis/synthetic_slick.py FILE": Run("", {"FILE": "made_up.h5"}),
    # adapters and mixtures
    "factsweep export FILE --point ID --output DIR": Run("", LORA),
    "factsweep export FILE --point ID --output DIR --format hf --model BASE": Run("", {**LORA, "DIR": "merged"}),
    "factsweep export FILE --point ID --format hf --model MODEL --output DIR": Run("", {**LORA, **MODEL, "DIR": "merged_again"}),
    "factsweep generate --model BASE --adapter DIR [--adapter DIR2]": Run("--max-new-tokens 4", LORA, "prompts.jsonl"),
    "factsweep score --model BASE --adapter DIR": Run("", LORA, "records.jsonl", says=("perplexity",)),
    "factsweep score --model DIR": Run("", {"DIR": "world/model"}, "records.jsonl", says=("logprobs",)),
    "factsweep export FILE --adapter gsm8k --output DIR": Run("", {"FILE": "kshot.h5", "gsm8k": "w3", "DIR": "w3"}),
    "factsweep export FILE --adapter NAME": Run("--output w4", {"FILE": "kshot.h5", "NAME": "w4"}),
    "factsweep export FILE --point ID --output MIXTURE": Run("", {"FILE": "kshot.h5", "ID": "$(cat mixture_id)", "MIXTURE": "mixture"}),
    "factsweep generate --model MODEL --adapter DIR --input prompts.jsonl": Run("--max-new-tokens 4", {**MODEL, "DIR": "mixture"}),
    # tables of questions, templates
    "jobs/chat_template.py MODEL --kshot": Run("", {"MODEL": "chat"}, says=("[kshot]",)),
    "jobs/chat_template.py MODEL": Run("", {"MODEL": "chat"}, says=("[prompt]",)),
    "jobs/chat_template.py MODEL --system 'You answer with a name.' >>inputs/mine.ini": Run("", {"MODEL": "chat"}),
    "jobs/facts.py FILE": Run("--output once.jsonl", {"FILE": "popqa/test.tsv"}),
    "jobs/facts.py popqa/test.tsv --output popqa.jsonl >>inputs/mine.ini": Run(),
    "jobs/facts.py ... --output FILE.jsonl": Run("", {"...": "popqa/test.tsv", "FILE": "again"}),
    # what the pages on architecture and speed name
    "jobs/interruptible.sh mpirun ...": Run("", {"...": "-n 2 factsweep run deck.ini --train.epochs=1"}),
    "time factsweep run DECK --store.answers=false": Run("--run.output=unsaid.h5 --train.epochs=1", {"DECK": "deck.ini"}),
    "mpirun -n 2 build/factsweep run inputs/slick/smollm2.ini --slick.stop_after=label --label.p_true=off --label.max_new_tokens=10 "
    "--model.path=MODEL --data.facts=FACTS --run.output=label.h5": Run(
        "--data.relations=W1 --data.ood_relations=W6 --data.overlap_filter=none --label.questions_per_relation=20 --label.exemplar_sets=2",
        {**MODEL, "FACTS": "world/facts"},
    ),
    "python tests/benchmarks/labelling_prompts.py label.h5 --relation P17 --questions 64 > prompts.json": Run("", {"P17": "W1"}),
    "/usr/bin/time -v build/factsweep plan inputs/quickstart.ini --grid.seed=1..20000 --ranks 10000": Run(
        "--label.exemplar_sets=2 --label.shots=2", {"1..20000": "1..20"}, needs="/usr/bin/time"
    ),
    'build/tests/test_plan "a million stages*" -d yes': Run(needs="build/tests/test_plan"),
    "build/tests/sweep_scale STAGES FOLDER RANKS": Run(
        "", {"STAGES": "300", "FOLDER": "scale", "RANKS": "10"}, needs="build/tests/sweep_scale"
    ),
    "mpirun -n R build/tests/sweep_scale STAGES FOLDER": Run(
        "", {"R": "2", "STAGES": "50", "FOLDER": "scale"}, needs="build/tests/sweep_scale"
    ),
    "mpirun -n 2 build/tests/sweep_scale 1000 FOLDER labels": Run(
        "", {"1000": "20", "FOLDER": "scale"}, needs="build/tests/sweep_scale"
    ),
    "build/tests/cuda/device_counts": Run(needs="build/tests/cuda/device_counts"),
    "LD_PRELOAD=build/tests/cuda/libpretended_device.so FACTSWEEP_PRETENDED_REPORT=counts.txt build/factsweep run DECK --run.device=cuda": Run(
        "--run.output=pretended.h5 --train.epochs=1", {"DECK": "deck.ini"}, needs="build/tests/cuda/libpretended_device.so"
    ),
}

LISTED = {
    "sbatch --nodes=2 --account=YOURS jobs/sweep.sbatch inputs/MINE.ini": Listed(A_CLUSTER),
    "sbatch --array=1-$(wc -l <decks.txt) jobs/sweep.sbatch --list decks.txt": Listed(A_CLUSTER),
    "srun --kill-on-bad-exit=0": Listed(A_CLUSTER),
    "srun factsweep run inputs/flearning/paper.ini --grid.model=PATH/llama2-7b,PATH/llama-7b,PATH/bloom-7b1": Listed(
        "needs a cluster and models of 7 billion parameters", {"PATH": "models"}
    ),
    "mpirun -n 2 factsweep run inputs/flearning/smollm2.ini --model.path=models/smollm2 "
    "--data.edits=PATH/counterfact/counterfact-edit.json --edit.text=PATH/text/wiki_demo.txt": Listed(A_MODEL, {"PATH": "data"}),
    "mpirun -n 2 factsweep run inputs/kshot/smollm2.ini --model.path=models/smollm2 --data.folder=PATH --augment.encoder=PATH": Listed(
        A_MODEL, {"PATH": "data"}
    ),
    "mpirun -n 2 factsweep run inputs/slick/smollm2.ini --model.path=models/smollm2 --data.facts=PATH/entityquestions": Listed(
        A_MODEL, {"PATH": "data"}
    ),
    "factsweep world --output world-variants --subjects 400 --passes 12 --pareto-scale 1": Listed("trains for minutes; of the same form as world"),
    "jobs/get-smollm2.sh DIR": Listed("needs a package index; tests/run.sh makes its model by it"),
    "jobs/get-smollm2.sh MODEL": Listed("needs a package index; tests/run.sh makes its model by it"),
    "hf download akariasai/PopQA test.tsv --repo-type dataset --local-dir popqa": Listed("needs Hugging Face's hub"),
    "pip install ./analysis": Listed("tests/analysis/test_package.py installs it"),
    "pip install './analysis[mixture]'": Listed("needs a package index"),
    "python -m pytest tests/analysis": Listed("tests/run.sh runs it"),
    "cmake --preset debug && cmake --build --preset debug --target test_plan && build-debug/tests/test_plan": Listed("builds the program anew"),
    "ctest --test-dir build-debug -R plan": Listed("builds the program anew"),
    "tests/system/chaos.sh FIRST-LAST [STUDY]": Listed("tests/run.sh runs it with a few seeds"),
    "ctest -R device": Listed("tests/run.sh runs it"),
    "tests/cuda/bundle.sh FOLDER": Listed("is for a machine with a GPU"),
    "tests/cuda/bundle.sh FOLDER --rehearsal": Listed("builds the program anew"),
    "tests/machines/bare.sh trixie": Listed("installs and builds on a bare machine"),
    "tests/machines/bare.sh trixie --short": Listed("installs and builds on a bare machine"),
    "kill -USR1": Listed("names a signal; tests/system/interrupted.sh and jobs.sh send it"),
    "python3 -I -S -B": Listed("is how the sandbox starts programs, and waits for one"),
    "build/tests/moe_overhead MODEL": Listed("needs a real model: its tokens are beyond a small one's"),
    "build/tests/training_driver JOB.json": Listed("reads a job that the benchmarks write"),
    "python tests/benchmarks/labelling_peers.py transformers --model MODEL --prompts prompts.json --questions 8 [--to-the-end]": Listed(A_MODEL),
    "python tests/benchmarks/labelling_peers.py vllm --model MODEL --prompts prompts.json --questions 8 [--to-the-end]": Listed(A_MODEL),
    "python tests/benchmarks/full_finetuning.py --model MODEL --program build/tests/training_driver --data DATA [--threads 2]": Listed(A_MODEL),
    "tests/benchmarks/tasks_per_second.py --ranks 2 8 --turns 3 --stages 10000": Listed("needs Parsl and libEnsemble, and minutes"),
    "python tests/benchmarks/device_memory.py --model MODEL --data DATA --program build/factsweep [--encoder DIR] [--study slick]": Listed(A_MODEL),
    "python tests/benchmarks/packed_lora.py --model MODEL --program build/tests/training_driver [--head answers] [--threads 2]": Listed(A_MODEL),
}

# docs/first-study.md and what it is about: as printed where there is a SmolLM2
ONE_POINT = "--train.epochs=1 --label.exemplar_sets=1 --label.p_true=off --errors.base_sample=2 --slick.train_size=8 --grid.unknown_ratio=0.5"
FIRST_STUDY = {
    "jobs/get-smollm2.sh models/smollm2": Run(says=("already there",)),
    "factsweep run inputs/first.ini --print-deck": Run(),
    "factsweep plan inputs/first.ini --ranks 2": Run(),
    "mpirun -n 2 factsweep run inputs/first.ini": Run(f"{ONE_POINT} --grid.seed=1"),
    "factsweep status results/first.h5": Run(says=("1 of 1 points done",)),
    "factsweep questions results/first.h5 --point unknown_ratio-0.5-s1 --output first.csv": Run(),
    "python -m analysis report results/first.h5": Run(),
    "mpirun -n 2 factsweep run inputs/first.ini --grid.seed=1..5 --run.reuse=results/first.h5 --run.output=results/more.h5": Run(
        ONE_POINT, {"1..5": "1,2"}, says=("taken over",)
    ),
    "python -m analysis report results/more.h5": Run(),
    "factsweep export results/first.h5 --point unknown_ratio-0.5-s1 --model models/smollm2 --output models/taught": Run(),
    """echo '{"prompt": "Answer the following question.\\nWhat is the capital of Chad?\\n"}' | factsweep generate --model models/taught """
    "--max-new-tokens 8": Run(says=('"text"',)),
}
if os.environ.get("FACTSWEEP_SMOLLM2"):
    RUN.update(FIRST_STUDY)
else:
    LISTED.update(dict.fromkeys(FIRST_STUDY, Listed("needs SmolLM2, which could not be made here")))
