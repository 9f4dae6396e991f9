"""What one GPU tells about factsweep, the most telling first; run.sh beside it starts this.

Each step's outcome is in results.json as soon as it is there, so that whatever ends the job early costs only what was under
way. A step that fails or runs out of time does not end the others; the exit code is 1 if one failed.
"""

import argparse
import contextlib
import importlib.util
import json
import os
import pathlib
import re
import shutil
import statistics
import subprocess
import sys
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parent
PROGRAM = ROOT / "bin/factsweep"
SOURCE = ROOT / "source"
PRETENDED = ROOT / "lib/libpretended_device.so"
MODULES = ["model", "encoder", "label", "adapter", "train", "tasks", "moe", "edit", "selection"]
# As SmolLM2-135M and Llama 3.2 1B, with the former's vocabulary.
SHAPES = {
    "135M": {"hidden_size": 576, "intermediate_size": 1536, "num_hidden_layers": 30, "num_attention_heads": 9, "num_key_value_heads": 3},
    "1B": {"hidden_size": 2048, "intermediate_size": 8192, "num_hidden_layers": 16, "num_attention_heads": 32, "num_key_value_heads": 8},
}  # fmt: skip
TINY = {"hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2}


class Skip(Exception):
    pass


class Bundle:
    def __init__(self, options):
        self.device = options.device
        self.rehearsal = PRETENDED.exists() or options.device == "cpu"  # small models, few questions, and time
        self.end = time.monotonic() + 60 * options.minutes
        self.path = options.results / "results.json"
        self.work = ROOT / "work"
        self.work.mkdir()
        self.results = {"version": (ROOT / "version").read_text().strip(), "device": options.device, "rehearsal": self.rehearsal, "steps": {}}

    @property
    def tensors(self):
        """Where torch of Python computes: the pretended device is our programs' alone."""
        return "cpu" if self.rehearsal else self.device

    @property
    def program(self):
        """The program by a path beside which the tests find the pretended device."""
        place = self.work / "build"
        if not place.exists():
            (place / "tests/cuda").mkdir(parents=True)
            (place / "factsweep").symlink_to(PROGRAM)
            if PRETENDED.exists():
                (place / "tests/cuda/libpretended_device.so").symlink_to(PRETENDED)
        return place / "factsweep"

    def need(self, *modules):
        for module in modules:
            if importlib.util.find_spec(module) is None:
                raise Skip(f"needs a Python with {module}")

    def limit(self, seconds):
        """A rehearsal's GPU is a CPU, and its machine often a busy one."""
        return 10 * seconds if self.rehearsal else seconds

    def left(self):
        return self.end - time.monotonic()

    def save(self):
        partial = self.path.with_suffix(".partial")
        partial.write_text(json.dumps(self.results, indent=1) + "\n")
        partial.replace(self.path)

    def run(self, words, seconds, device=False, folder=None, **environment):
        """A command's output; an error with its last lines where it fails, or takes longer than it may."""
        variables = {**os.environ, "OMP_NUM_THREADS": "2", **environment}
        if device and PRETENDED.exists() and self.device == "cuda":
            variables["LD_PRELOAD"] = str(PRETENDED)
        began = time.monotonic()
        print("$", *words, flush=True)
        done = subprocess.run(
            [str(word) for word in words], cwd=folder or self.work, env=variables, text=True, errors="replace", stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=max(1, min(seconds, self.left())))  # fmt: skip
        print(done.stdout, f"({time.monotonic() - began:.1f} s, exit code {done.returncode})", flush=True)
        if done.returncode == 77:
            raise Skip(done.stdout.strip().splitlines()[-1])
        if done.returncode != 0:
            raise RuntimeError(f"exit code {done.returncode}: " + " | ".join(done.stdout.strip().splitlines()[-5:]))
        return done.stdout

    def step(self, name, work, *arguments):
        outcome = {"status": "passed"}
        began = time.monotonic()
        try:
            if self.left() < 5:
                raise Skip("no time left")
            outcome.update(work(self, *arguments) or {})
        except Skip as reason:
            outcome.update(status="skipped", reason=str(reason))
        except subprocess.TimeoutExpired as late:
            output = late.stdout.decode(errors="replace") if isinstance(late.stdout, bytes) else late.stdout or ""
            outcome.update(status="failed", reason=f"not done after {late.timeout:.0f} s", output=output[-2000:])
        except Exception as error:  # whatever goes wrong in one step, the others are still worth their time
            outcome.update(status="failed", reason=f"{type(error).__name__}: {error}")
        outcome["seconds"] = round(time.monotonic() - began, 1)
        self.results["steps"][name] = outcome
        self.save()
        print(f"== {name}: {outcome['status']} after {outcome['seconds']} s {outcome.get('reason', '')}", flush=True)


def starts(bundle):
    """One greedy answer on the device: driver, libraries and program fit together."""
    prompts = bundle.work / "prompts"
    prompts.write_text('{"prompt": "Q: Where was"}\n')
    began = time.monotonic()
    bundle.run([PROGRAM, "generate", "--model", ROOT / "world/model", "--device", bundle.device, "--max-new-tokens", 8, "--input", prompts,
                "--output", bundle.work / "answer"], 120, device=True)  # fmt: skip
    return {"start_seconds": round(time.monotonic() - began, 2), "answer": (bundle.work / "answer").read_text().strip()}


def machine(bundle):
    """The machine's words and its matrix products' peak."""
    found = {"cores": os.cpu_count(), "python": sys.version.split()[0]}
    if shutil.which("nvidia-smi"):
        query = "name,driver_version,memory.total"
        found["gpu"] = bundle.run(["nvidia-smi", f"--query-gpu={query}", "--format=csv,noheader"], 30).strip()
    sys.path.insert(0, str(SOURCE / "tests/benchmarks"))
    import torch
    from labelling_peers import gemm_peak

    found["torch"] = torch.__version__
    found["peak_gflops"] = {name: round(gemm_peak(torch, getattr(torch, name), bundle.tensors)) for name in ("float32", "bfloat16")}
    return found


def studies(bundle):
    """The small studies on the CPU and on the device, killed and resumed, and the commands."""
    scratch = bundle.work / "studies"
    scratch.mkdir()
    output = bundle.run(["bash", SOURCE / "tests/system/device.sh"], bundle.limit(180), folder=scratch, FACTSWEEP=str(bundle.program), FACTSWEEP_SOURCE=str(SOURCE),
                        FACTSWEEP_SCRATCH=str(scratch), FACTSWEEP_BUILD=str(bundle.work))  # fmt: skip
    return {"compared": [line for line in output.splitlines() if "largest difference" in line or "within" in line]}


def unit(bundle, module):
    cases = "[device]" if module == "tasks" else "~[cpu]~[real]~[.]"
    output = bundle.run([ROOT / f"bin/test_{module}", cases], bundle.limit(90), device=True, FACTSWEEP_SOURCE=str(SOURCE),
                        FACTSWEEP_TEST_DEVICE=bundle.device)  # fmt: skip
    return {"summary": output.strip().splitlines()[-1]}


def random_model(bundle, name):
    """A Hugging Face directory of random weights; made once."""
    folder = bundle.work / f"model-{name}"
    if not folder.exists():
        import torch
        from transformers import LlamaConfig, LlamaForCausalLM

        tokenizer = ROOT / "tokenizer" if (ROOT / "tokenizer").exists() else ROOT / "world/model"
        size = 49152 if (ROOT / "tokenizer").exists() else json.loads((ROOT / "world/model/config.json").read_text())["vocab_size"]
        torch.manual_seed(1)
        with torch.device(bundle.tensors):
            config = LlamaConfig(**(TINY if bundle.rehearsal else SHAPES[name]), vocab_size=size, tie_word_embeddings=True, bos_token_id=0,
                                 eos_token_id=0, max_position_embeddings=2048)  # fmt: skip
            model = LlamaForCausalLM(config).to(torch.bfloat16)
        model.save_pretrained(folder)
        for file in tokenizer.glob("tokenizer*.json"):
            shutil.copy(file, folder)
    return folder


@contextlib.contextmanager
def most_memory(found):
    """The most memory of the GPU in use meanwhile, in bytes, beyond what was in use before."""
    query = ["nvidia-smi", "--query-gpu=memory.used", "--format=csv,noheader,nounits"]
    if not shutil.which("nvidia-smi"):
        yield
        return
    used = lambda: int(subprocess.run(query, capture_output=True, text=True).stdout.split()[0]) << 20  # noqa: E731
    before, seen, over = used(), [], threading.Event()
    sampler = threading.Thread(target=lambda: [seen.append(used()) for _ in iter(lambda: over.wait(0.1), True)])
    sampler.start()
    try:
        yield
    finally:
        over.set()
        sampler.join()
        found["memory_used"] = max(seen, default=before) - before


def planned_memory(bundle, deck):
    """What `plan` says of a rank: text, as it prints it."""
    plan = bundle.run([PROGRAM, "plan", deck, f"--run.device={bundle.device}"], 60, device=True)
    return re.search(r"memory a rank\s+(.*)", plan).group(1)


def label(bundle, name, questions):
    """Questions of one relation labelled exactly, as SliCK does, and by transformers beside it."""
    import h5py

    model, real = random_model(bundle, name), ROOT / "questions"
    facts, relation = (real, "P17") if real.exists() else (ROOT / "world/facts", "W1")
    questions = 16 if bundle.rehearsal else questions
    deck, results = bundle.work / f"label-{name}.ini", bundle.work / f"label-{name}.h5"
    deck.write_text(f"""[run]
study  = slick
output = {results}
device = {bundle.device}
[model]
path  = {model}
dtype = bfloat16
[data]
facts     = {facts}
relations = {relation}
[label]
questions_per_relation      = {questions}
test_questions_per_relation = {questions}
chunk          = {questions}
p_true         = off
max_new_tokens = 10
[errors]
base_sample = 0
[slick]
stop_after = label
""")
    found = {"planned_memory": planned_memory(bundle, deck)}
    with most_memory(found):
        bundle.run([PROGRAM, "run", deck], 120, device=True)
    with h5py.File(results) as file:
        rates = [questions / seconds for kind, seconds in zip(file["stages/kind"][:], file["stages/seconds"][:]) if kind == b"label"]
    found["questions_per_second"] = [round(rate, 2) for rate in rates]
    prompts = bundle.work / f"prompts-{name}.json"
    benchmarks = SOURCE / "tests/benchmarks"
    prompts.write_text(bundle.run([sys.executable, benchmarks / "labelling_prompts.py", results, "--relation", relation, "--questions", 9], 60))
    with contextlib.suppress(Skip):
        bundle.need("transformers")
        peer = bundle.run([sys.executable, benchmarks / "labelling_peers.py", "transformers", "--model", model, "--prompts", prompts, "--questions",
                           2 if bundle.rehearsal else 8, "--device", bundle.tensors, "--batch", 10], 120)  # fmt: skip
        found["transformers"] = json.loads(peer[peer.index("{") :])
        found["ratio"] = round(statistics.median(rates) / found["transformers"]["questions_per_second"], 1)
    return found


def train(bundle, name, batch):
    """Full fine-tuning, in turn with Trainer and with a plain loop."""
    bundle.need("transformers", "accelerate")
    model = random_model(bundle, name)
    if bundle.rehearsal and bundle.device == "cuda":
        raise Skip("the peers of a turn know no pretended device")
    output = bundle.run(
        [sys.executable, SOURCE / "tests/benchmarks/full_finetuning.py", "--model", model, "--program", ROOT / "bin/training_driver", "--device",
         bundle.device, "--batch", batch, "--turns", 3, "--examples", 64 if bundle.rehearsal else max(256, batch)], 150)  # fmt: skip
    return {"output": output.strip().splitlines()}


def profile(bundle, name):
    """What a training step asks of the device, by torch's profiler."""
    job = bundle.work / "profile.json"
    examples = [[list(range(3, 35)), list(range(40, 48))] for _ in range(16)]
    settings = {"learning_rate": 1e-5, "weight_decay": 0, "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8}
    job.write_text(json.dumps({"model": str(random_model(bundle, name)), "dtype": "bfloat16", "device": bundle.device, "profile": True,
                               "settings": settings, "batch": 16, "examples": examples}))  # fmt: skip
    output = bundle.run(["sh", "-c", f"printf '2\\n1\\n' | {ROOT}/bin/training_driver {job}"], 120, device=True)
    answer = json.loads([line for line in output.splitlines() if line.startswith("{")][-1])
    return {"step": answer["events"], "seconds_of_a_step": answer["seconds"]}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--results", type=pathlib.Path, required=True, help="folder of results.json")
    parser.add_argument("--device", choices=["cuda", "cpu"], default="cuda")
    parser.add_argument("--minutes", type=float, default=9)
    parser.add_argument("--only", nargs="+", help="these steps alone")
    options = parser.parse_args()
    bundle = Bundle(options)
    steps = {
        "starts": (starts,),
        "machine": (machine,),
        "studies": (studies,),
        "label 135M": (label, "135M", 256),
        "train 135M, batch 16": (train, "135M", 16),
        "train 135M, batch 128": (train, "135M", 128),
        "profile 135M": (profile, "135M"),
        "label 1B": (label, "1B", 256),
        "train 1B, batch 32": (train, "1B", 32),
        **{f"unit {module}": (unit, module) for module in MODULES},
    }
    for name, (work, *arguments) in steps.items():
        if options.only is None or name in options.only:
            bundle.step(name, work, *arguments)
    counts = {}
    for outcome in bundle.results["steps"].values():
        counts[outcome["status"]] = counts.get(outcome["status"], 0) + 1
    print(", ".join(f"{count} {status}" for status, count in sorted(counts.items())))
    sys.exit(1 if counts.get("failed") or not counts else 0)


if __name__ == "__main__":
    main()
