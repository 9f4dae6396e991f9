"""Trains several LoRA adapters on one frozen base: factsweep all together, PEFT one after the other.

    python tests/benchmarks/packed_lora.py --model DIR --program build/tests/training_driver [--data ../shared/data] [--threads 1]

Each adapter (rank 16, q_proj and v_proj) has a data set of its own: eight real examples of 20 to 120 tokens, one batch, which
both sides train on for the same number of steps from the same start. AdamW, loss on answer tokens.
PEFT's side is a plain loop on padded batches, with the loss from `labels`, as transformers' own takes it, or from `answers`,
where hidden states are selected before the head. Its adapters stay in float32, PEFT's default. Both sides take turns, several
times; loading and a first turn are not timed. Where other work runs, seconds of the processor tell more than seconds.
"""

import argparse
import os
import pathlib
import statistics
import tempfile
import time

from training_driver import Factsweep, records

RANK, BATCH, SHORTEST, LONGEST = 16, 8, 20, 120
SETTINGS = {"learning_rate": 5e-4, "weight_decay": 0.0, "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8}


def batches(data, tokenizer):
    """The first examples of each data set that are long and short enough: prompt and answer ids."""
    chosen = {}
    for name, prompt, answer in records(data):
        examples = chosen.setdefault(name, [])
        if len(examples) == BATCH:
            continue
        ids = tokenizer(prompt).input_ids, tokenizer(answer).input_ids + [tokenizer.eos_token_id]
        if SHORTEST <= len(ids[0]) + len(ids[1]) <= LONGEST:
            examples.append(ids)
    return chosen


class Peft:
    def __init__(self, options, folders, examples):
        import torch
        from peft import PeftModel
        from transformers import AutoModelForCausalLM

        self.torch, self.head = torch, options.head
        base = AutoModelForCausalLM.from_pretrained(options.model, dtype=getattr(torch, options.dtype))
        self.model, self.optimizers, self.batches = None, [], []
        for name, folder in folders.items():
            if self.model is None:
                self.model = PeftModel.from_pretrained(base, folder, adapter_name=name, is_trainable=True)
            else:
                self.model.load_adapter(folder, adapter_name=name, is_trainable=True)
            self.model.set_adapter(name)
            weights = [weight for key, weight in self.model.named_parameters() if f".{name}." in key]
            self.optimizers.append(torch.optim.AdamW(
                weights, lr=SETTINGS["learning_rate"], betas=(SETTINGS["beta1"], SETTINGS["beta2"]), eps=SETTINGS["epsilon"],
                weight_decay=SETTINGS["weight_decay"]))  # fmt: skip
            self.batches.append(self.padded(examples[name]))
        self.names = list(folders)
        self.model.train()

    def padded(self, examples):
        longest = max(len(prompt) + len(answer) for prompt, answer in examples)
        ids = self.torch.zeros(len(examples), longest, dtype=self.torch.long)
        mask, labels = self.torch.zeros_like(ids), self.torch.full_like(ids, -100)
        for row, (prompt, answer) in enumerate(examples):
            end = len(prompt) + len(answer)
            ids[row, :end] = self.torch.tensor(prompt + answer)
            mask[row, :end] = 1
            labels[row, len(prompt) : end] = self.torch.tensor(answer)
        return {"input_ids": ids, "attention_mask": mask, "labels": labels}

    def loss(self, batch):
        if self.head == "labels":
            return self.model(**batch, use_cache=False).loss
        inner = self.model.get_base_model()
        hidden = inner.model(batch["input_ids"], attention_mask=batch["attention_mask"], use_cache=False).last_hidden_state
        wanted = batch["labels"][:, 1:] != -100
        logits = inner.lm_head(hidden[:, :-1][wanted])
        return self.torch.nn.functional.cross_entropy(logits.float(), batch["labels"][:, 1:][wanted])

    def train(self, steps):
        losses = []
        started, cpu = time.perf_counter(), time.process_time()
        for name, optimizer, batch in zip(self.names, self.optimizers, self.batches):
            self.model.set_adapter(name)
            row = []
            for _ in range(steps):
                loss = self.loss(batch)
                loss.backward()
                optimizer.step()
                optimizer.zero_grad()
                row.append(loss.item())
            losses.append(row)
        return time.perf_counter() - started, time.process_time() - cpu, losses


def write_adapters(options, names, scratch):
    """PEFT's own start, as PEFT would draw it."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    folders = {}
    for number, name in enumerate(names):
        torch.manual_seed(number)
        config = LoraConfig(task_type="CAUSAL_LM", r=RANK, lora_alpha=RANK, target_modules=["q_proj", "v_proj"])
        model = get_peft_model(AutoModelForCausalLM.from_pretrained(options.model, dtype=torch.bfloat16), config)
        folders[name] = scratch / name
        model.save_pretrained(folders[name])
    return folders


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=pathlib.Path, required=True)
    parser.add_argument("--program", type=pathlib.Path, required=True)
    parser.add_argument("--data", type=pathlib.Path, default=pathlib.Path(__file__).resolve().parents[3] / "shared/data")
    parser.add_argument("--steps", type=int, default=1, help="of each adapter a turn")
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--dtype", choices=["bfloat16", "float32"], default="bfloat16")
    parser.add_argument("--head", choices=["labels", "answers"], default="labels", help="how PEFT's side takes the loss")
    options = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = str(options.threads)
    import torch
    from transformers import AutoTokenizer

    torch.set_num_threads(options.threads)
    examples = batches(options.data, AutoTokenizer.from_pretrained(options.model))
    lengths = {name: [len(prompt) + len(answer) for prompt, answer in some] for name, some in examples.items()}
    for name, some in examples.items():
        answers = sum(len(answer) for _, answer in some)
        print(f"{name:50} {sum(lengths[name])} tokens, {BATCH * max(lengths[name])} padded, {answers} of answers")
    with tempfile.TemporaryDirectory() as folder:
        scratch = pathlib.Path(folder)
        folders = write_adapters(options, examples, scratch)
        job = {"model": str(options.model), "dtype": options.dtype, "settings": SETTINGS, "batch": BATCH,
               "adapters": [{"directory": str(folders[name]), "examples": examples[name]} for name in folders]}  # fmt: skip
        ours, theirs = Factsweep(options.program, job, options.threads, scratch), Peft(options, folders, examples)
        found, expected, times = [], [], []
        for turn in range(options.turns + 1):
            *mine, my_losses = ours.train(options.steps)
            *peer, peer_losses = theirs.train(options.steps)
            found.append(my_losses)
            expected.append(peer_losses)
            if turn > 0:
                times.append((*mine, *peer))
                print(f"turn {turn}: factsweep {mine[0]:.2f} s ({mine[1]:.2f} of the processor), PEFT {peer[0]:.2f} s ({peer[1]:.2f})", flush=True)
        ours.close()
    found, expected = (torch.cat([torch.tensor(part) for part in parts], 1) for parts in (found, expected))
    share = ((found - expected).abs() / expected).max()
    print(f"losses {expected[:, 0].mean():.4f} to {expected[:, -1].mean():.4f} (PEFT), {found[:, 0].mean():.4f} to {found[:, -1].mean():.4f} "
          f"(factsweep), largest relative difference {share:.2e}")  # fmt: skip
    wall, cpu = (statistics.median(row[2 + i] / row[i] for row in times) for i in (0, 1))
    tokens = sum(map(sum, lengths.values())) * options.steps
    rates = [tokens / statistics.median(column) for column in zip(*times)]
    print(f"{options.threads} threads, {options.dtype}, head {options.head}: {wall:.2f} times as fast as PEFT ({cpu:.2f} by processor time), median of "
          f"{options.turns} turns; {rates[0]:.0f} and {rates[2]:.0f} tokens/s")  # fmt: skip


if __name__ == "__main__":
    main()
