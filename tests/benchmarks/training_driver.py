"""What packed_lora.py and full_finetuning.py share: real examples, and factsweep's side (training_driver.cpp)."""

import gzip
import json
import os
import subprocess

T0 = ["ag_news_classify", "glue_qqp_answer", "kilt_tasks_hotpotqa_final_exam", "rotten_tomatoes_Reviewer_Enjoyment",
      "samsum_Summarize_"]  # fmt: skip


def records(data):
    """Data set, prompt and answer."""
    with gzip.open(data / "instructions/alpaca_en_demo.json.gz", "rt") as file:
        for one in json.load(file):
            yield "alpaca", f"{one['instruction']}\n{one['input']}".strip() + "\n", one["output"]
    with gzip.open(data / "arc/ARC-Easy.train.json.gz", "rt") as file:
        for one in json.load(file):
            yield "ARC-Easy", one["instruction"] + "\n", one["output"]
    with gzip.open(data / "gsm8k/train.jsonl.gz", "rt") as file:
        for one in map(json.loads, file):
            yield "GSM8K", f"Question: {one['question']}\nAnswer: ", one["answer"]
    with gzip.open(data / "t0_tasks/t0_tasks.jsonl.gz", "rt") as file:
        for one in map(json.loads, file):
            if one["task"] in T0:
                yield one["task"], one["prompt"] + "\n", one["completion"]


class Factsweep:
    """The benchmark program, which waits for a number of steps and answers with time and losses."""

    def __init__(self, program, job, threads, scratch):
        path = scratch / "job.json"
        path.write_text(json.dumps(job))
        environment = {**os.environ, "OMP_NUM_THREADS": str(threads), "MKL_NUM_THREADS": str(threads)}
        self.process = subprocess.Popen([program, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)

    def train(self, steps):
        """Seconds, seconds of the processor, and the losses of each member's steps."""
        self.process.stdin.write(f"{steps}\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline())
        return answer["seconds"], answer["cpu"], answer["losses"]

    def close(self):
        self.process.stdin.close()
        self.process.wait()
