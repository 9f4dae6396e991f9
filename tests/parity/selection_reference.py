"""Makes the references of the unit tests of selection: brute force over random cases full of ties.

    python tests/parity/selection_reference.py [--output tests/unit/selection/data/reference.json]

`experts`: signals and similarities as they are (null: NaN), and per rule the chosen models, or null where the choice is an
error. `data`: the embeddings are drawn by the repository's counter-based generator, which tests/unit/selection/sim_div_test.cpp
draws from, too; per case the chosen candidates in order, and the sums of their scores and similarities.
"""

import argparse
import itertools
import json
import math
import pathlib
import struct

import numpy as np

MASK = (1 << 64) - 1
GOLDEN = 0x9E3779B97F4A7C15


def mix(z):
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
    return z ^ (z >> 31)


def hash_words(*words):
    state = GOLDEN
    for word in words:
        state = mix((state + GOLDEN + mix((word + GOLDEN) & MASK)) & MASK)
    return state


def hash_text(text):
    state = 0xCBF29CE484222325
    for byte in text.encode():
        state = ((state ^ byte) * 0x100000001B3) & MASK
    return mix((state + len(text.encode())) & MASK)


class CounterRandom:
    """include/factsweep/core/random.hpp"""

    def __init__(self, *words):
        self.key, self.counter = hash_words(*words), 0

    def next(self):
        self.counter += 1
        return mix((mix(self.key) + self.counter * GOLDEN) & MASK)

    def uniform(self):
        return (self.next() >> 11) * 2.0**-53

    def below(self, bound):
        limit = MASK - MASK % bound
        value = self.next()
        while value >= limit:
            value = self.next()
        return value % bound


# Experts -------------------------------------------------------------------------------------------------------------------


def rank(value, among):
    """From 1; equal values share the mean of their places."""
    return sum(other < value for other in among) + (sum(other == value for other in among) + 1) / 2


def first_best(members, value, count):
    return sorted(sorted(members, key=lambda model: (value(model), model))[:count])


def choose_experts(case, rule):
    perplexity, accuracy, names = case["perplexity"], case["accuracy"], case["names"]
    experts, pool_size = case["experts"], case["pool"]
    usable = [i for i in range(len(names)) if perplexity[i] is not None and accuracy[i] is not None]
    if len(usable) < experts or (rule == "all" and pool_size < experts):
        return None
    by_perplexity = {i: rank(perplexity[i], [perplexity[j] for j in usable]) for i in usable}
    by_accuracy = {i: rank(-accuracy[i], [-accuracy[j] for j in usable]) for i in usable}
    both = {i: by_perplexity[i] + by_accuracy[i] for i in usable}
    if rule == "random":
        key = hash_text("random experts")
        return first_best(usable, lambda i: CounterRandom(key, case["seed"], hash_text(names[i])).uniform(), experts)
    if rule != "all":
        value = {"perplexity": by_perplexity, "accuracy": by_accuracy, "perplexity_accuracy": both}[rule]
        return first_best(usable, value.get, experts)
    pool = first_best(usable, both.get, pool_size)
    subsets = list(itertools.combinations(pool, experts))
    # whole numbers: sums in any order are equal
    alike = [sum(round(case["similarity"][a][b] * 2**40) for a, b in itertools.combinations(s, 2)) for s in subsets]
    total = [sum(both[i] for i in s) + rank(alike[n], alike) for n, s in enumerate(subsets)]
    return list(subsets[total.index(min(total))])


RULES = ["perplexity", "accuracy", "perplexity_accuracy", "all", "random"]


def expert_case(seed):
    random = CounterRandom(hash_text("selection test"), hash_text("experts"), seed)
    n = 2 + random.below(8)
    case = {
        "names": [f"adapter-{i}" for i in range(n)],
        "perplexity": [None if random.below(12) == 0 else 2 + random.below(5) / 2 for _ in range(n)],
        "accuracy": [None if random.below(12) == 0 else random.below(6) / 5 for _ in range(n)],
        "similarity": np.eye(n).tolist(),
        "experts": 1 + random.below(4),
        "pool": 1 + random.below(9),
        "seed": seed,
    }
    coarse = random.below(2)
    for i, j in itertools.combinations(range(n), 2):
        value = random.below(8) / 8 if coarse else round(random.uniform(), 6)
        case["similarity"][i][j] = case["similarity"][j][i] = value
    return case | {"expected": {rule: choose_experts(case, rule) for rule in RULES}}


# Data ----------------------------------------------------------------------------------------------------------------------


def draw_rows(random, grid, count, width):
    """Unit rows, of which about a quarter repeat an earlier one, some with one last bit changed. On the grid of quarters
    every inner product is exact, so that ties are ties."""
    rows = []
    for i in range(count):
        if i > 0 and random.below(4) == 0:
            row = rows[random.below(i)].copy()
            if not grid and random.below(2) == 0:
                d = random.below(width)
                row[d] = np.nextafter(row[d], np.float32(2))
        elif grid:
            row, left = np.zeros(width, np.float32), 16
            while left > 0:
                value, d, sign = 1 + random.below(4), random.below(width), random.below(2)
                if value * value <= left and row[d] == 0:
                    row[d] = (value if sign else -value) / 4
                    left -= value * value
        else:
            values = [2 * random.uniform() - 1 for _ in range(width)]
            square = 0.0
            for value in values:
                square += value * value
            row = np.array([value / math.sqrt(square) for value in values], np.float32)
        rows.append(row)
    return rows


def product(u, v):
    total = 0.0
    for a, b in zip(u.tolist(), v.tolist()):
        total += a * b
    return total


def to_point(weights, shots, u):
    """-|u - p|^2 from inner products."""
    total, square, along = 0.0, 0.0, 0.0
    for weight in weights:
        total += weight
    for i, a in enumerate(weights):
        for j, b in enumerate(weights):
            square += a * b * product(shots[i], shots[j])
        along += a * product(shots[i], u)
    return 2 * along / total - product(u, u) - square / (total * total)


def log_density(gamma, shots, u):
    distances = sorted(product(u, u) + product(shot, shot) - 2 * product(u, shot) for shot in shots)
    scale, total = 1 / (2 * gamma * gamma), 0.0
    for distance in distances:
        total += math.exp((distances[0] - distance) * scale)
    return math.log(total) - distances[0] * scale - math.log(len(shots) * gamma)


def gumbel(seed, gamma, candidate):
    bits = struct.unpack("<Q", struct.pack("<d", gamma))[0]
    key = hash_words(hash_text("density"), seed, bits)
    return -math.log(-math.log1p(-CounterRandom(key, candidate).uniform()))


def choose(case, shots, pool):
    count = min(case["count"], len(pool))
    method, seed = case["similarity"], case["seed"]
    if method == "convex_hull":
        taken = {}
        for p in range(count):
            random = CounterRandom(hash_text("convex hull"), seed, p)
            weights = [-math.log1p(-random.uniform()) for _ in shots]
            scores = {j: to_point(weights, shots, u) for j, u in enumerate(pool) if j not in taken}
            best = max(scores, key=lambda j: (scores[j], -j))
            taken[best] = scores[best]
        scores = taken
    elif method == "random":
        key = hash_text("random candidates")
        scores = {j: CounterRandom(key, seed, j).uniform() for j in range(len(pool))}
    else:
        score = {
            "cosine": lambda u: max(product(u, shot) for shot in shots),
            "centroid": lambda u: to_point([1.0] * len(shots), shots, u),
            "kde": lambda u: log_density(case["gamma"], shots, u),
        }[method]
        noise = gumbel if method == "kde" else lambda *_: 0
        scores = {j: score(u) + noise(seed, case["gamma"], j) for j, u in enumerate(pool)}
    return sorted(scores.items(), key=lambda item: (-item[1], item[0]))[:count]


def stays(rule, tau, j, members, similar, alike):
    if rule == "none" or tau >= 1:
        return True
    near = [i for i in members if i != j and alike(i, j) > tau]
    if rule == "first_stays":
        return not any(i < j for i in near)
    before = [i for i in near if (-similar[i], i) < (-similar[j], j)]
    if rule == "repr_filter":
        return not any(stays(rule, tau, i, members, similar, alike) for i in before)
    return not before


SIMILARITIES = ["cosine", "centroid", "kde", "convex_hull", "random"]
DEDUPLICATIONS = ["none", "similar_stays", "first_stays", "repr_filter"]


def data_case(seed):
    random = CounterRandom(hash_text("selection test"), hash_text("data"), seed)
    grid = random.below(2)
    case = {
        "seed": seed,
        "grid": grid,
        "shots": 1 + random.below(5),
        "pool": 1 + random.below(40),
        "width": 16 if grid else 3 + random.below(5),
        "count": 1 + random.below(30),
        "tau": [0.25, 0.5, 0.75, 0.9, 1.0][random.below(5)],
        "gamma": [0.1, 2, 10][random.below(3)],
        "similarity": SIMILARITIES[seed % 5],
        "deduplication": DEDUPLICATIONS[seed // 5 % 4],
    }
    rows = draw_rows(CounterRandom(hash_text("selection test"), hash_text("rows"), seed), grid,
                     case["shots"] + case["pool"], case["width"])  # fmt: skip
    shots, pool = rows[: case["shots"]], rows[case["shots"] :]
    chosen = choose(case, shots, pool)
    members = [j for j, _ in chosen]
    similar = {j: max(product(pool[j], shot) for shot in shots) for j in members}
    kept = [(j, score) for j, score in chosen
            if stays(case["deduplication"], case["tau"], j, members, similar, lambda a, b: product(pool[a], pool[b]))]  # fmt: skip
    return case | {
        "expected": [j for j, _ in kept],
        "scores": sum(score for _, score in kept),
        "similarities": sum(similar[j] for j, _ in kept),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=pathlib.Path, default="tests/unit/selection/data/reference.json")
    output = parser.parse_args().output
    lines = {"experts": [expert_case(seed) for seed in range(120)], "data": [data_case(seed) for seed in range(240)]}
    text = ",\n".join(f'"{key}":[\n' + ",\n".join(json.dumps(case, separators=(",", ":")) for case in cases) + "\n]"
                      for key, cases in lines.items())  # fmt: skip
    output.write_text("{" + text + "}\n")
    errors = sum(case["expected"]["all"] is None for case in lines["experts"])
    dropped = sum(len(case["expected"]) < min(case["count"], case["pool"]) for case in lines["data"])
    print(f"{output}: {output.stat().st_size} bytes; experts: {errors} errors; data: {dropped} cases with duplicates dropped")


if __name__ == "__main__":
    main()
