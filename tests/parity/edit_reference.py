"""ROME, MEMIT and FT-c written from their formulas: transformers, hooks on modules, plain autograd, one text at a time.

Shares nothing with the C++ code: no cached states, no batches. make_edit_references.py stores what this computes.
"""

import contextlib

import torch

# family: the module of a layer, and of its down projection inside it
MODULES = {
    "llama": ("model.layers.{}", "mlp.down_proj"),
    "gemma2": ("model.layers.{}", "mlp.down_proj"),
    "gpt2": ("transformer.h.{}", "mlp.c_proj"),
    "gpt_neox": ("gpt_neox.layers.{}", "mlp.dense_4h_to_h"),
}


class PieceTokenizer:
    """tests/support/tiny_model.hpp's: the longest piece first, of equal ones the lowest id; 0 where none fits."""

    def __init__(self, size, bos):
        self.pieces = ["", "", "", "\n", " ", "a", "b", "ab", "ba", " a", " b", "A", "the", ".", " ", "a", "b", " ", "ab", "\n", "b\n"]
        self.pieces += list("Q:?BcdefghijklmnopqrstuvwxyzCDEFGHIJKLMNOP0")
        self.pieces += [f"<{i}>" for i in range(len(self.pieces), size)]
        self.bos = bos

    def plain(self, text):
        ids = []
        while text:
            best = 0
            for i in range(3, len(self.pieces)):
                if text.startswith(self.pieces[i]) and len(self.pieces[i]) > len(self.pieces[best]):
                    best = i
            ids.append(best)
            text = text[max(len(self.pieces[best]), 1) :]
        return ids

    def __call__(self, text):
        return ([1] if self.bos else []) + self.plain(text)


class Editor:
    def __init__(self, model, family, tokenizer):
        self.model, self.tokenizer = model, tokenizer
        self.layer_name, self.down_name = MODULES[family]
        self.transposed = family == "gpt2"  # Conv1D stores [in, out]

    def layer(self, i):
        return self.model.get_submodule(self.layer_name.format(i))

    def down(self, i):
        return self.layer(i).get_submodule(self.down_name)

    def add(self, i, delta_out_in):
        with torch.no_grad():
            self.down(i).weight += (delta_out_in.T if self.transposed else delta_out_in).float()

    def logits(self, ids):
        return self.model(torch.tensor([ids])).logits[0]

    def tokens(self, context, record):
        """ids of the prompt, of the new answer, and the place of the subject's last token."""
        prompt = context.replace("{}", record["prompt"])
        end = len(context.split("{}")[0]) + record["prompt"].rindex(record["subject"]) + len(record["subject"])
        ids, whole = self.tokenizer(prompt), self.tokenizer(prompt + " " + record["target_new"])
        target = whole[len(ids) :] if whole[: len(ids)] == ids else self.tokenizer.plain(" " + record["target_new"])
        return ids, target, len(self.tokenizer(prompt[:end])) - 1

    @contextlib.contextmanager
    def seen(self, module, found):
        """Keeps input and output of a module."""
        handle = module.register_forward_hook(
            lambda _, x, y: found.append((x[0][0].detach(), (y[0] if isinstance(y, tuple) else y)[0].detach())))  # fmt: skip
        yield
        handle.remove()

    @contextlib.contextmanager
    def adding(self, module, place, delta):
        def hook(_, __, y):
            out = (y[0] if isinstance(y, tuple) else y).clone()
            out[0, place] = out[0, place] + delta
            return (out, *y[1:]) if isinstance(y, tuple) else out

        handle = module.register_forward_hook(hook)
        yield
        handle.remove()

    def at_subject(self, module, context, record):
        """Input and output of a module at the subject's last token."""
        ids, _, place = self.tokens(context, record)
        found = []
        with torch.no_grad(), self.seen(module, found):
            self.logits(ids)
        return found[0][0][place], found[0][1][place]

    def moment(self, i, texts):
        total, count = 0, 0
        for text in texts:
            found = []
            with torch.no_grad(), self.seen(self.down(i), found):
                self.logits(text)
            key = found[0][0].double()
            total, count = total + key.T @ key, count + len(text)
        return total / count

    def value(self, module, record, contexts, s):
        """(initial value, delta, last loss, updates) of the search at the output of `module`."""
        initial = self.at_subject(module, "{}", record)[1]
        delta = torch.zeros_like(initial, requires_grad=True)
        adam = torch.optim.Adam([delta], lr=s["learning_rate"])
        essence = self.tokenizer(record["subject"] + " is a")
        essence_place = len(self.tokenizer(record["subject"])) - 1
        before = None
        for updates in range(s["steps"]):
            adam.zero_grad()
            nll = 0
            for context in contexts:
                ids, target, place = self.tokens(context, record)
                with self.adding(module, place, delta):
                    rows = self.logits(ids + target[:-1])[-len(target) :].log_softmax(-1)
                nll = nll - rows.gather(1, torch.tensor(target)[:, None]).mean() / len(contexts)
            with self.adding(module, essence_place, delta):
                now = self.logits(essence)[essence_place].log_softmax(-1)
            before = now.detach() if before is None else before
            kl = (before.exp() * (before - now)).sum()
            loss = nll + s["kl_factor"] * kl + s["weight_decay"] * delta.norm() / initial.norm() ** 2
            if loss < s["stop_loss"] or updates == s["steps"] - 1:
                break
            loss.backward()
            adam.step()
            with torch.no_grad():
                largest = s["clamp"] * initial.norm()
                if delta.norm() > largest:
                    delta *= largest / delta.norm()
        return initial, delta.detach(), loss.item(), updates

    def rome(self, record, contexts, s, moment):
        """left [out], right [in], loss, updates; the update is their outer product."""
        module = self.down(s["layer"])
        pairs = [self.at_subject(module, context, record) for context in contexts]
        mean = torch.stack([key for key, _ in pairs]).mean(0)
        u = (torch.linalg.inv(moment) @ mean.double()).float() if s["moment_adjustment"] else mean
        u = u / u.norm()
        initial, delta, loss, updates = self.value(module, record, contexts, s["value"])
        key, output = pairs[0]
        if s["mean_key"]:
            key, output = mean, torch.stack([output for _, output in pairs]).mean(0)
        return (initial + delta - output) / key.dot(u), u, loss, updates

    def memit(self, records, contexts, s, moments):
        """One update a layer [out, in]; the model is left edited."""
        last = self.layer(s["layers"][-1])
        goals = []
        for record in records:
            initial, delta, _, _ = self.value(last, record, contexts, s["value"])
            goals.append(initial + delta)
        deltas = []
        for i, layer in enumerate(s["layers"]):
            keys = []
            for record in records:
                all_keys = [self.at_subject(self.down(layer), context, record)[0] for context in contexts]
                keys.append((all_keys[0] + torch.stack(all_keys[1:]).mean(0)) / 2)
            now = [self.at_subject(last, "{}", record)[1] for record in records]
            k = torch.stack(keys, 1).double()
            r = (torch.stack(goals, 1) - torch.stack(now, 1)).double() / (len(s["layers"]) - i)
            deltas.append(r @ torch.linalg.solve(s["moment_weight"] * moments[layer] + k @ k.T, k).T)
            self.add(layer, deltas[-1])
        return deltas

    def ft_c(self, records, s):
        """One update a layer [out, in], mean loss of the last epoch, epochs; the model is left edited."""
        weights = [self.down(layer).weight for layer in s["layers"]]
        starts = [weight.detach().clone() for weight in weights]
        adam = torch.optim.Adam(weights, lr=s["learning_rate"])
        for epoch in range(1, s["epochs"] + 1):
            losses = []
            for first in range(0, len(records), s["batch_size"]):
                batch = []
                for record in records[first : first + s["batch_size"]]:
                    ids, target, _ = self.tokens("{}", record)
                    if s["objective"] == "prompt_last":
                        rows = self.logits(ids)[-1:].expand(len(target), -1)
                    else:
                        rows = self.logits(ids + target[:-1])[-len(target) :]
                    batch.append(torch.nn.functional.cross_entropy(rows, torch.tensor(target)))
                loss = torch.stack(batch).mean()
                losses += [loss.item()] * len(batch)
                if loss >= s["stop_loss"]:
                    adam.zero_grad()
                    loss.backward()
                    adam.step()
                if s["bound"]:
                    with torch.no_grad():
                        for weight, start in zip(weights, starts, strict=True):
                            weight.copy_(weight.clamp(start - s["bound"], start + s["bound"]))
            if sum(losses) / len(losses) < s["stop_loss"]:
                break
        changes = [weight.detach() - start for weight, start in zip(weights, starts, strict=True)]
        return [change.T if self.transposed else change for change in changes], sum(losses) / len(losses), epoch
