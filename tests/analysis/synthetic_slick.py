"""Writes a synthetic, plausible SliCK results file in the layout of docs/layout.md.

The shapes follow the paper (Known fitted before Unknown, accuracy falling with fitted Unknown); the
numbers are drawn, and equal for equal arguments. Run it to get a file to look at:
    python tests/analysis/synthetic_slick.py FILE
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
from results_file import Stage, Writer, begin_points, fractions, set_roles, write_root, write_stages

CATEGORIES = ("highly_known", "maybe_known", "weakly_known", "unknown")
RATIOS = (0.0, 0.1, 0.25, 0.5, 0.75, 0.9, 1.0)
SINGLE = (*CATEGORIES, "natural")
ID_RELATIONS, OOD_RELATIONS = ("P17", "P19", "P36", "P40"), ("P50", "P407")

# Eq. 1 as the synthetic accuracies obey it (percent points), for the tests to find again.
B0, B_KNOWN, B_UNKNOWN = 36.0, 7.0, -9.0


@dataclass(frozen=True)
class World:
    seeds: tuple[int, ...] = (1, 2, 3)
    epochs: int = 50
    sets: int = 10
    samples: int = 16
    questions: int = 150  # a relation and split
    variants: tuple[str, ...] = ("unknown_ratio", "known_only", *SINGLE, "idk")
    learning_rates: tuple[float, ...] = ()  # an extra axis when given
    noise: float = 0.4  # percent points
    unfinished: int = 0  # points at the end that still wait
    exposures: bool = True
    answers: bool = True  # of fine-tuned models are kept
    facts: str = "data/entityquestions"  # the paper's data: published numbers stand beside ours


def write(path: Path, world: World = World(), random_seed: int = 0) -> Path:
    generator = np.random.default_rng(random_seed)
    points = _points(world)
    with h5py.File(path, "w") as file:
        grid = "unknown_ratio = 0, 0.1, 0.25, 0.5, 0.75, 0.9, 1\nseed = 1..3\n"
        if world.learning_rates:
            grid += "learning_rate = " + ", ".join(map(str, world.learning_rates)) + "\n"
        write_root(
            file,
            study="slick",
            deck=f"[run]\nstudy = slick\n\n[grid]\n{grid}",
            code_version="0.0-synthetic",
            science=json.dumps(
                {
                    "train.epochs": str(world.epochs),
                    "slick.early_stop": "all",
                }
            ),
            start_time="2024-01-01T00:00:00Z",
            ranks=4,
        )
        inputs = Writer(file.create_group("inputs"))
        inputs.scale("input", np.arange(1))
        inputs.data("name", ["data.facts"], "input")
        inputs.data("place", [world.facts], "input")
        labels = _labels(file, world, generator)
        _runs(file, world, points, labels, generator)
        _errors(file, labels, generator)
        stages = [Stage("label", "label base", 30.0)]
        for k, seconds in enumerate(generator.uniform(10, 20, len(points))):
            done = k < len(points) - world.unfinished
            stages.append(Stage("train", f"train {k}", seconds, done, upstream=(0,)))
        write_stages(file, stages)
    return path


def _points(world: World) -> list[dict]:
    rows = []
    for rate in world.learning_rates or (None,):
        for variant in world.variants:
            ratios = {
                "unknown_ratio": RATIOS,
                "known_only": RATIOS[1:-1],
                "idk": (0.5,),
                "unknown": (1.0,),
            }.get(variant, (np.nan,))
            for ratio in ratios:
                rows += [
                    {
                        "variant": variant,
                        "unknown_ratio": ratio,
                        "seed": seed,
                        "learning_rate": rate,
                    }
                    for seed in world.seeds
                ]
    return rows


# --- Labels ------------------------------------------------------------------------------------


def _labels(file: h5py.File, world: World, generator: np.random.Generator) -> dict:
    blocks = [(r, "train", "id") for r in ID_RELATIONS] + [(r, "test", "id") for r in ID_RELATIONS]
    blocks += [(r, "test", "ood") for r in OOD_RELATIONS]
    relation, split, role = (np.repeat([b[k] for b in blocks], world.questions) for k in range(3))
    n, sets = len(relation), world.sets
    exposures = np.minimum(np.floor(generator.pareto(1.2, n) * 6), 400).astype(np.int32)
    exposures[generator.random(n) < 0.4] = 0
    strength = np.log1p(exposures) * 1.6 - 2.2 + generator.normal(0, 1.2, n)
    per_set = strength[:, None] + generator.normal(0, 1.0, (n, sets))
    p = np.where(strength[:, None] < -2.0, 0.0, 1 / (1 + np.exp(-2 * (per_set - 0.3))))
    greedy = (p > 0.5).astype(np.uint8)
    drawn = generator.binomial(world.samples, p).astype(np.int32)
    share = greedy.mean(axis=1)
    seen = drawn.sum(axis=1) > 0
    category = np.select([share == 1, share > 0, seen], [0, 1, 2], 3).astype(np.uint8)
    none = np.prod((1 - p) ** world.samples, axis=1)
    probability = np.zeros((n, 4), np.float32)
    probability[share == 1, 0] = probability[(share > 0) & (share < 1), 1] = 1
    probability[share == 0, 2], probability[share == 0, 3] = (
        (1 - none)[share == 0],
        none[share == 0],
    )
    p_true = 1 / (1 + np.exp(-(0.5 * strength + generator.normal(0, 1.5, n))))

    labels = Writer(file.create_group("labels/base"))
    labels.scale("question_index", np.arange(n))
    labels.scale("set", np.arange(sets))
    labels.scale("category_index", np.arange(len(CATEGORIES)))
    asked = [f"What is fact {k} of {r}?" for k, r in enumerate(relation)]
    labels.data("question", asked, "question_index")
    for name, values in (("relation", relation), ("split", split), ("role", role)):
        labels.data(name, values, "question_index")
    labels.data("answer", [f"answer {k}\u00e9" for k in range(n)], "question_index")
    labels.data("greedy_answer", [f"said {k}" for k in range(n)], "question_index")
    labels.data("category", category, "question_index")
    labels.data("category_probability", probability, "question_index", "category_index")
    labels.data("greedy", greedy, "question_index", "set")
    labels.data("p", p.astype(np.float32), "question_index", "set")
    labels.data("drawn", drawn, "question_index", "set")
    labels.data(
        "p_true", np.where(split == "test", p_true, np.nan).astype(np.float32), "question_index"
    )
    ambiguous = (np.arange(n) % 50 == 7).astype(np.uint8)
    labels.data("ambiguous", ambiguous, "question_index")
    data = Writer(file["labels"])
    data.scale("reason", np.arange(1))
    data.data("left_out_reason", ["several answers"], "reason")
    data.data("left_out", np.array([31]), "reason")
    data.scale("choice", np.arange(1))
    data.data("not_used_reason", ["train questions of data.ood_relations"], "choice")
    data.data("not_used", np.array([44]), "choice")
    data.scale("note_index", np.arange(1))
    data.data("note", ["facts.csv: no column 'subject'"], "note_index")
    data.data("dev_questions", np.array([120]))
    labels.data(
        "exposures", exposures if world.exposures else np.full(n, -1, np.int32), "question_index"
    )
    return {"category": category, "role": role, "test": np.flatnonzero(split == "test")}


# --- Training runs -----------------------------------------------------------------------------


def _composition(point: dict, size: int) -> np.ndarray:
    """Examples of each category in D."""
    ratio, variant = point["unknown_ratio"], point["variant"]
    if variant in CATEGORIES:
        return size * (np.array(CATEGORIES) == variant)
    if variant == "natural":
        return np.round(size * np.array([0.24, 0.25, 0.17, 0.34])).astype(int)
    unknown = round(size * ratio)
    known = np.round((size - unknown) * np.array([0.36, 0.38, 0.26])).astype(int)
    known[0] += size - unknown - known.sum()
    return np.array([*known, 0 if variant == "known_only" else unknown])


def _fitted(epochs: np.ndarray, rate: float) -> np.ndarray:
    """[category, epoch]: Known parts are fitted early, Unknown late, all of it at the end."""
    pace = np.array([3.0, 5.0, 9.0, 22.0]) * (len(epochs) - 1) / 50 / rate
    start = np.array([0.75, 0.45, 0.1, 0.0])
    power = np.array([1.0, 1.0, 1.3, 2.6])
    rising = 1 - np.exp(-((epochs[None, :] / pace[:, None]) ** power[:, None]))
    rising /= rising[:, -1:]
    return start[:, None] + (1 - start[:, None]) * rising


def _runs(file: h5py.File, world: World, points: list[dict], labels: dict, generator) -> None:
    epochs, size = np.arange(world.epochs + 1), 400
    n, test = len(points), labels["test"]
    test_category, ood = labels["category"][test], labels["role"][test] == "ood"
    curves = {name: np.full((n, len(epochs)), np.nan) for name in _curve_names()}
    correct = {w: np.full((n, len(test)), 255, np.uint8) for w in ("early_stop", "final")}
    columns: dict[str, np.ndarray] = {}

    def put(name: str, k: int, value, fill=np.nan) -> None:
        columns.setdefault(name, np.full(n, fill))[k] = value

    for k, point in enumerate(points):
        count = _composition(point, size)
        put("n_train", k, count.sum(), -1)
        for name, value in zip(CATEGORIES, count, strict=True):
            put(f"n_train_{name}", k, value, -1)
        finished = k < n - world.unfinished
        if not finished:
            continue
        scale = 1.0 if point["learning_rate"] in (None, 1e-5) else 1.6
        fitted = _fitted(epochs, scale) * np.exp(generator.normal(0, 0.01))
        fitted = np.clip(fitted, 0, 1)
        share = fitted * count[:, None] / size
        known, unknown = share[:3].sum(axis=0), share[3]
        level = 1 - 0.06 * (point["variant"] == "highly_known")
        mean = level * (B0 + B_KNOWN * known + B_UNKNOWN * unknown)
        noise = generator.normal(0, world.noise, (3, len(epochs)))
        curves["accuracy_dev"][k] = (mean + noise[0]) / 100
        curves["accuracy_test"][k] = (mean + noise[1]) / 100
        curves["accuracy_ood"][k] = (mean + 0.4 * (mean[0] - mean) + noise[2]) / 100
        answered = 1 - 0.4 * epochs / epochs[-1] * (point["variant"] == "idk")
        for test_name in ("test", "ood"):
            curves[f"answered_{test_name}"][k] = answered
        for set_name in ("dev", "test", "ood"):
            curves[f"right_{set_name}"][k] = curves[f"accuracy_{set_name}"][k]
            curves[f"accuracy_{set_name}"][k] /= answered
        curves["loss"][k, 1:] = 3 * np.exp(-epochs[1:] / 15)
        curves["fitted"][k] = share.sum(axis=0) * size / count.sum()
        for c, name in enumerate(CATEGORIES):
            if count[c]:
                curves[f"fitted_{name}"][k] = fitted[c]
        if count[:3].sum():
            curves["fitted_known"][k] = known * size / count[:3].sum()
        put("loss_rose", k, 0, 255)
        stop = int(np.argmax(curves["accuracy_dev"][k]))
        put("epoch_early_stop", k, stop, -1)
        idk = point["variant"] == "idk"
        for when, epoch in (("early_stop", stop), ("final", world.epochs)):
            shift = curves["accuracy_test"][k, epoch] - B0 / 100
            right = (
                np.array([0.95, 0.62, 0.12, 0.01])[test_category] + shift * (1 + test_category) / 2
            )
            hit = (generator.random(len(test)) < right).astype(np.uint8)
            if idk:
                hit[(test_category == 3) & (generator.random(len(test)) < 0.8)] = 2
            correct[when][k] = hit
            put(f"accuracy_dev_{when}", k, curves["accuracy_dev"][k, epoch])
            for role, chosen in (("test", ~ood), ("ood", ood)):
                answered = chosen & (hit != 2)
                put(f"answered_{role}_{when}", k, answered.sum() / chosen.sum())
                value = (hit[answered] == 1).mean() if idk else curves[f"accuracy_{role}"][k, epoch]
                put(f"accuracy_{role}_{when}", k, value)
                for c, name in enumerate(CATEGORIES):
                    part = answered & (test_category == c)
                    put(
                        f"accuracy_{role}_{name}_{when}",
                        k,
                        (hit[part] == 1).mean() if part.any() else np.nan,
                    )

    _write_points(file, world, points, columns, generator)
    writer = Writer(file.create_group("curves"))
    writer.scale("point", np.arange(n))
    writer.scale("epoch", epochs)
    for name, values in curves.items():
        writer.data(name, values, "point", "epoch")
    _write_predictions(file, test, correct, world.answers, generator)


def _write_predictions(
    file: h5py.File, test: np.ndarray, correct: dict, answers: bool, generator
) -> None:
    """Wrong answers are of kinds 2 to 9; a fifth of them share half of their words."""
    n = len(next(iter(correct.values())))
    writer = Writer(file.create_group("predictions"))
    writer.scale("point", np.arange(n))
    writer.scale("question", np.arange(len(test)))
    writer.data("row", test.astype(np.int64), "question")
    for when, values in correct.items():
        writer.data(f"correct_{when}", values, "point", "question")
        kind = generator.integers(2, 10, values.shape)
        near = generator.random(values.shape) < 0.2
        kinds = np.select([values == 1, values == 2, values == 0], [0, 1, kind], 255)
        f1 = np.select([values == 1, values == 0], [1.0, 0.5 * near], np.nan)
        writer.data(f"kind_{when}", kinds.astype(np.uint8), "point", "question")
        writer.data(f"f1_{when}", f1.astype(np.float32), "point", "question")
        if answers:
            said = np.array([[f"told {row}" for row in test]] * n)
            writer.data(f"answer_{when}", said, "point", "question")


def _errors(file: h5py.File, labels: dict, generator) -> None:
    """Eight wrong answers of the base model, and two that were not found."""
    writer = Writer(file.create_group("errors"))
    writer.scale("error", np.arange(10))
    found = np.arange(10) % 5 < 4
    writer.data("sampled", (np.arange(10) >= 5).astype(np.uint8), "error")
    writer.data("row", np.where(found, labels["test"][:10], -1), "error")
    writer.data("answer", [f"no {k}\u00e9" if k % 5 < 4 else "" for k in range(10)], "error")
    writer.data("kind", np.where(found, np.arange(10) % 5 + 3, 255).astype(np.uint8), "error")
    writer.data("f1", np.where(found, 0.25, np.nan).astype(np.float32), "error")


def _curve_names() -> list[str]:
    names = [
        f"{curve}_{name}" for curve in ("accuracy", "right") for name in ("dev", "test", "ood")
    ]
    names += ["answered_test", "answered_ood", "loss", "fitted", "fitted_known"]
    return names + [f"fitted_{name}" for name in CATEGORIES]


def _write_points(
    file: h5py.File, world: World, points: list[dict], columns: dict, generator
) -> None:
    n = len(points)
    done = np.arange(n) < n - world.unfinished
    ids = [
        f"{p['variant']}-{p['unknown_ratio']:g}-s{p['seed']}-{p['learning_rate']}" for p in points
    ]
    writer = begin_points(file, ids, done)
    writer.data("variant", [p["variant"] for p in points], "point")
    writer.data("unknown_ratio", [float(p["unknown_ratio"]) for p in points], "point")
    writer.data("seed", np.array([p["seed"] for p in points], np.int64), "point")
    if world.learning_rates:
        writer.data("learning_rate", [p["learning_rate"] for p in points], "point")
    writer.data("stage", 1 + np.arange(n), "point")
    writer.data("seconds", np.where(done, generator.uniform(10, 20, n), np.nan), "point")
    writer.data("rank", np.where(done, generator.integers(0, 4, n), -1).astype(np.int32), "point")
    for name, values in columns.items():
        whole = name.startswith(("n_train", "epoch"))
        kind = np.uint8 if name == "loss_rose" else np.int64 if whole else values.dtype
        writer.data(name, values.astype(kind), "point")
    fractions(writer.group, [n for n in columns if n.startswith(("accuracy_", "answered_"))])
    set_roles(writer.group, ("variant", "unknown_ratio", "seed", "learning_rate"))


if __name__ == "__main__":
    print(write(Path(sys.argv[1])))
