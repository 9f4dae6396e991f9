"""Fine-tunes every weight of one model: factsweep, transformers' Trainer, and a plain PyTorch loop.

    python tests/benchmarks/full_finetuning.py --model DIR --program build/tests/training_driver [--data ../shared/data]
        [--batch 16 128] [--dtype bfloat16] [--threads 1] [--device cuda]

All three start from the same weights and learn the same examples, prompts of which only the answer counts: real ones of 20
to 120 tokens, or, without --data, random tokens of such lengths, for which DIR needs no tokenizer. A turn is one epoch of
each tool, one after the other; loading and a first turn are not timed. The result is the median over turns of the ratio to
factsweep's time in the same turn. AdamW with a constant rate; no weight decay, clipping or dropout. In bfloat16, the products
are bfloat16 and the weights float32: autocast in the peers.

Trainer (which needs accelerate) is as its documentation shows it: random batches padded to their longest example, and the
loss that the model makes of `labels`. The loop does what a careful user would write: batches of like length, no attention
mask, which right padding does not need, hidden states of answer tokens alone before the head, AdamW in its fused form, and a
large batch in several passes. Both peers use the fused AdamW.
"""

import argparse
import os
import pathlib
import random
import statistics
import tempfile
import time

from labelling_peers import gemm_peak
from training_driver import Factsweep, records

SHORTEST, LONGEST = 20, 120
SETTINGS = {"learning_rate": 1e-5, "weight_decay": 0.0, "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8}


def real_examples(options):
    """Prompt and answer ids, from each data set the same number."""
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(options.model)
    chosen = {}
    for name, prompt, answer in records(options.data):
        some = chosen.setdefault(name, [])
        if len(some) < options.examples:
            ids = tokenizer(prompt).input_ids, tokenizer(answer).input_ids + [tokenizer.eos_token_id]
            if SHORTEST <= len(ids[0]) + len(ids[1]) <= LONGEST:
                some.append(ids)
    in_turn = [some[i] for i in range(options.examples) for some in chosen.values() if i < len(some)]
    return in_turn[: options.examples]


def random_examples(options):
    from transformers import AutoConfig

    size, draw = AutoConfig.from_pretrained(options.model).vocab_size, random.Random(1)
    tokens = lambda shortest, longest: [draw.randrange(3, size) for _ in range(draw.randint(shortest, longest))]  # noqa: E731
    return [(tokens(SHORTEST - 2, LONGEST * 3 // 4), tokens(2, LONGEST // 4)) for _ in range(options.examples)]


def load(options, torch):
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(options.model, dtype=torch.float32).to(options.device).train()


def adamw(torch, model):
    return torch.optim.AdamW(
        model.parameters(), lr=SETTINGS["learning_rate"], betas=(SETTINGS["beta1"], SETTINGS["beta2"]), eps=SETTINGS["epsilon"],
        weight_decay=SETTINGS["weight_decay"], fused=True)  # fmt: skip


class Trainer:
    """Seconds from on_train_begin to on_train_end: without what train() sets up."""

    def __init__(self, options, torch, examples, batch, scratch):
        import transformers

        self.torch, model = torch, load(options, torch)

        class Clock(transformers.TrainerCallback):
            def on_train_begin(self, *_, **__):
                self.started = time.perf_counter()

            def on_train_end(self, *_, **__):
                self.seconds = time.perf_counter() - self.started

        self.clock = Clock()
        passes = max(1, batch // options.trainer_batch)
        arguments = transformers.TrainingArguments(
            output_dir=str(scratch / "trainer"), per_device_train_batch_size=batch // passes,
            gradient_accumulation_steps=passes, num_train_epochs=1, max_grad_norm=0,
            lr_scheduler_type="constant", learning_rate=SETTINGS["learning_rate"], bf16=options.dtype == "bfloat16", use_cpu=options.device == "cpu",
            save_strategy="no", logging_strategy="no", report_to="none", disable_tqdm=True, remove_unused_columns=False)  # fmt: skip
        rows = [{"ids": prompt + answer, "prompt": len(prompt)} for prompt, answer in examples]
        self.trainer = transformers.Trainer(
            model=model, args=arguments, train_dataset=rows, data_collator=self.padded, callbacks=[self.clock],
            optimizers=(adamw(torch, model), None))  # fmt: skip
        self.trainer.remove_callback(transformers.PrinterCallback)

    def padded(self, rows):
        longest = max(len(row["ids"]) for row in rows)
        ids = self.torch.zeros(len(rows), longest, dtype=self.torch.long)
        mask, labels = self.torch.zeros_like(ids), self.torch.full_like(ids, -100)
        for i, row in enumerate(rows):
            end = len(row["ids"])
            ids[i, :end] = self.torch.tensor(row["ids"])
            mask[i, :end] = 1
            labels[i, row["prompt"] : end] = ids[i, row["prompt"] : end]
        return {"input_ids": ids, "attention_mask": mask, "labels": labels}

    def train(self):
        loss = self.trainer.train().training_loss
        return self.clock.seconds, loss


class Loop:
    def __init__(self, options, torch, examples, batch):
        self.torch, self.options, self.model = torch, options, load(options, torch)
        self.optimizer = adamw(torch, self.model)
        by_length = sorted(examples, key=lambda ids: len(ids[0]) + len(ids[1]))
        self.batches = [by_length[first : first + batch] for first in range(0, len(by_length), batch)]
        self.draw = random.Random(1)

    def passes(self, batch):
        """Parts of a batch, which are padded to no more than --pass-tokens tokens."""
        part = []
        for ids in batch:
            if part and (len(part) + 1) * (len(ids[0]) + len(ids[1])) > self.options.pass_tokens:
                yield part
                part = []
            part.append(ids)
        yield part

    def tensors(self, part):
        """Ids without the last one, where an answer's token comes next, and these tokens."""
        longest = max(len(prompt) + len(answer) for prompt, answer in part)
        ids, targets = (self.torch.full((len(part), longest), fill) for fill in (0, -100))
        for i, (prompt, answer) in enumerate(part):
            end = len(prompt) + len(answer)
            ids[i, :end] = self.torch.tensor(prompt + answer)
            targets[i, len(prompt) - 1 : end - 1] = self.torch.tensor(answer)
        targets = targets[:, :-1]
        places = targets != -100
        return (part.to(self.options.device) for part in (ids[:, :-1], places, targets[places]))

    def step(self, batch):
        """The sum of the losses of the batch's answer tokens."""
        answer_tokens, total = sum(len(answer) for _, answer in batch), 0
        for part in self.passes(batch):
            ids, places, targets = self.tensors(part)
            with self.torch.autocast(self.options.device, self.torch.bfloat16, enabled=self.options.dtype == "bfloat16"):
                hidden = self.model.base_model(ids, use_cache=False).last_hidden_state
                logits = self.model.get_output_embeddings()(hidden[places])
            loss = self.torch.nn.functional.cross_entropy(logits.float(), targets, reduction="sum") / answer_tokens
            loss.backward()
            total += loss.detach() * answer_tokens
        self.optimizer.step()
        self.optimizer.zero_grad()
        return total

    def train(self):
        started = time.perf_counter()
        order = self.draw.sample(self.batches, len(self.batches))
        total = float(sum(self.step(batch) for batch in order))
        return time.perf_counter() - started, total / sum(len(answer) for batch in order for _, answer in batch)


def compare(options, torch, examples, batch, scratch):
    job = {"model": str(options.model), "dtype": options.dtype, "device": options.device, "settings": SETTINGS, "batch": batch, "examples": examples}
    ours = Factsweep(options.program, job, options.threads, scratch)
    peers = [Trainer(options, torch, examples, batch, scratch), Loop(options, torch, examples, batch)]
    steps, times, losses = -(-len(examples) // batch), [], []
    for turn in range(options.turns + 1):
        seconds, _, my_losses = ours.train(steps)
        turns = [(seconds, statistics.mean(my_losses[0])), *(peer.train() for peer in peers)]
        losses.append([loss for _, loss in turns])
        if turn > 0:
            times.append([seconds for seconds, _ in turns])
            print(f"batch {batch}, turn {turn}: factsweep {times[-1][0]:.2f} s, Trainer {times[-1][1]:.2f} s, loop {times[-1][2]:.2f} s", flush=True)
    ours.close()
    names = ["factsweep", "Trainer", "loop"]
    print(f"batch {batch}: losses of first and last epoch: "
          + ", ".join(f"{name} {losses[0][i]:.4f} {losses[-1][i]:.4f}" for i, name in enumerate(names)))  # fmt: skip
    trainer, loop = (statistics.median(row[1 + i] / row[0] for row in times) for i in (0, 1))
    rates = ", ".join(f"{name} {len(examples) / statistics.median(column):.1f}" for name, column in zip(names, zip(*times)))
    print(f"batch {batch}, {options.threads} threads, {options.dtype}: {trainer:.2f} times as fast as Trainer, {loop:.2f} times as fast as the "
          f"loop, median of {options.turns} turns; examples/s: {rates}", flush=True)  # fmt: skip


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=pathlib.Path, required=True)
    parser.add_argument("--program", type=pathlib.Path, required=True)
    parser.add_argument("--data", type=pathlib.Path, help="folder of real data; random tokens without it")
    parser.add_argument("--examples", type=int, default=256, help="of an epoch")
    parser.add_argument("--batch", type=int, nargs="+", default=[16, 128])
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--dtype", choices=["bfloat16", "float32"], default="bfloat16")
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--pass-tokens", type=int, default=4096, help="most tokens of one pass of the loop, as factsweep's")
    parser.add_argument("--trainer-batch", type=int, default=128, help="most examples of one pass of Trainer, whose logits of a large batch take"
                        " more than 23 GB here")  # fmt: skip
    options = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = str(options.threads)
    import torch

    torch.set_num_threads(options.threads)
    examples = real_examples(options) if options.data else random_examples(options)
    lengths = [len(prompt) + len(answer) for prompt, answer in examples]
    print(f"{len(examples)} examples of {min(lengths)} to {max(lengths)} tokens, {sum(lengths)} in all, "
          f"{sum(len(answer) for _, answer in examples)} of answers")  # fmt: skip
    peaks = {name: gemm_peak(torch, getattr(torch, name), options.device) for name in ("float32", "bfloat16")}
    print(f"matrix products: {peaks['float32']:.0f} GFLOP/s in float32, {peaks['bfloat16']:.0f} in bfloat16")
    for batch in options.batch:
        with tempfile.TemporaryDirectory() as folder:
            compare(options, torch, examples, batch, pathlib.Path(folder))


if __name__ == "__main__":
    main()
