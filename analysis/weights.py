"""Deltas of a weights file, matrix by matrix: inner products between stages and singular values.

A matrix is never read whole where it is large, nor are those of all stages: blocks of at most
BLOCK_BYTES are. A low-rank delta scale B A stays its factors A [r, in] and B [out, r].
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import h5py
import numpy as np
from scipy import linalg

from .store import text, values

BLOCK_BYTES = 32 << 20  # of float64
# How many multiplications of a matrix product take as long as: to read a number, to write a row of
# a table, to open the two factors of a low-rank delta.
READ, ROW, OPENED = 40, 1e5, 3e7
WHEN = ("early_stop", "final")
_PEFT = "base_model.model."
_FACTOR = re.compile(r"(?P<module>.+?)(\.experts\.(?P<expert>\d+))?\.lora_(?P<factor>[AB])\.weight")


@dataclass(frozen=True)
class Which:
    """A matrix of the model, as deltas of one kind have it; only what is equal here is compared."""

    tensors: str  # full, lora, mixture
    when: str
    matrix: str  # self_attn.q_proj
    layer: int  # -1: of no layer
    expert: str  # of a mixture
    shape: tuple[int, ...]
    base: str  # fingerprint of the base model


@dataclass(frozen=True, slots=True)
class Dense:
    """A row of a dataset of whole deltas."""

    data: h5py.Dataset
    row: int


@dataclass(frozen=True, slots=True)
class LowRank:
    """A row of the datasets of both factors."""

    a: h5py.Dataset
    b: h5py.Dataset
    row: int
    scale: float

    def factors(self) -> tuple[np.ndarray, np.ndarray]:
        """A [r, in], and B [out, r] times the scale."""
        a, b = (d[self.row].astype(np.float64) for d in (self.a, self.b))
        return a, b * self.scale

    @property
    def bytes(self) -> int:
        return 8 * (math.prod(self.a.shape[1:]) + math.prod(self.b.shape[1:]))


@dataclass
class Matrix:
    """The deltas of one matrix: entry k is that of stage `stages[k]`."""

    which: Which
    stages: list[int] = field(default_factory=list)
    entries: list[Dense | LowRank] = field(default_factory=list)

    def add(self, stage: int, entry: Dense | LowRank) -> None:
        self.stages.append(stage)
        self.entries.append(entry)

    def products(self) -> np.ndarray:
        """[stage, stage] inner products, float64."""
        if isinstance(self.entries[0], LowRank):
            return _low_rank_products(self.entries)
        return _dense_products(self.entries)

    def squares(self) -> np.ndarray:
        """[stage] squared norms: the diagonal of products() alone."""
        kind = type(self)
        return np.array([kind(self.which, [0], [e]).products()[0, 0] for e in self.entries])

    def work(self, pairs: bool, ranks: bool) -> float:
        """About how many multiplications take as long as squares(), with products() and
        effective_rank() of all where they are wanted, and the rows of their tables.
        """
        n, sides = len(self.entries), sum(self.which.shape)
        if isinstance(one := self.entries[0], LowRank):
            r = one.a.shape[1]
            once, of_pair, of_rank = OPENED + r * r * sides, r * r * sides, OPENED
        else:
            numbers = math.prod(self.which.shape)
            small = min(self.which.shape) if len(self.which.shape) == 2 else 0
            once, of_pair, of_rank = READ * numbers, numbers, small * numbers + 10 * small**3
        return n * once + pairs * n * n * (of_pair + ROW) + ranks * n * of_rank

    def effective_rank(self, k: int) -> float:
        """exp of the entropy of the singular values' shares (Roy and Vetterli 2007).

        NaN of a vector, and where nothing changed.
        """
        if len(self.which.shape) != 2:
            return math.nan
        entry = self.entries[k]
        found = _low_rank_values(entry) if isinstance(entry, LowRank) else _dense_values(entry)
        if not np.isfinite(found).all() or found.sum() == 0:
            return math.nan
        shares = found[found > 0] / found.sum()
        return float(np.exp(-(shares * np.log(shares)).sum()))


# --- Which deltas there are --------------------------------------------------------------------


def matrices(file: h5py.File, done: np.ndarray) -> list[Matrix]:
    """Of every group below /deltas, by layer; rows of stages that are not done are left out."""
    found: dict[Which, Matrix] = {}
    for group in file.get("deltas", {}).values():
        rows = [(row, int(s)) for row, s in enumerate(group["stage"][()]) if done[s]]
        for when in [when for when in WHEN if when in group]:
            for which, stage, entry in _entries(group, when, rows):
                found.setdefault(which, Matrix(which)).add(stage, entry)
    return sorted(found.values(), key=lambda m: (m.which.tensors, m.which.when, m.which.layer))


def _entries(
    group: h5py.Group, when: str, rows: list[tuple[int, int]]
) -> Iterator[tuple[Which, int, Dense | LowRank]]:
    kind = re.sub(r"_\d+$", "", group.name.rpartition("/")[2])
    base = text(_about(group, "base_fingerprint")(0))
    if kind == "full":
        for name, data in group[when].items():
            layer, matrix = place(name)
            which = Which(kind, when, matrix, layer, "", data.shape[1:], base)
            yield from ((which, stage, Dense(data, row)) for row, stage in rows)
        return
    config = _about(group, "adapter_config" if kind == "lora" else "mixture_config")
    for (module, expert), a, b in _factors(group[when]):
        layer, matrix = place(module)
        shape = (b.shape[1], a.shape[2])
        for row, stage in rows:
            told = _parsed(config(row))
            if expert is None:
                name, scale = "", lora_scale(told, module, a.shape[1])
            elif _adapts(told, module, expert):
                name = _expert_name(told["experts"], expert)
                scale = told["modules"][module]["scales"][expert]
            else:
                continue
            which = Which(kind, when, matrix, layer, name, shape, base)
            yield which, stage, LowRank(a, b, row, scale)


_parsed = lru_cache(json.loads)


def _about(group: h5py.Group, name: str) -> Callable[[int], str]:
    """A text about a row: those that all rows share are there once."""
    data = group.get(f"about/{name}")
    texts = values(data) if data is not None else [""]
    return lambda row: texts[row if len(texts) > 1 else 0]


def _factors(
    folder: h5py.Group,
) -> Iterator[tuple[tuple[str, int | None], h5py.Dataset, h5py.Dataset]]:
    """Both factors of each module (and expert); routers and biases are no deltas of a matrix."""
    found: dict[tuple[str, int | None], dict[str, h5py.Dataset]] = {}
    for name, data in folder.items():
        if parsed := _FACTOR.fullmatch(name.removeprefix(_PEFT)):
            expert = parsed["expert"] and int(parsed["expert"])
            found.setdefault((parsed["module"], expert), {})[parsed["factor"]] = data
    for key, pair in found.items():
        yield key, pair["A"], pair["B"]


def _adapts(mixture: dict, module: str, expert: int) -> bool:
    """Whether an expert of a mixture has this module, as unlike adapters need not: the dataset has
    room for all that some mixture of the sweep adapts.
    """
    ranks = mixture["modules"].get(module, {}).get("ranks", ())
    return expert < len(ranks) and ranks[expert] > 0


def _expert_name(names: Sequence[str], expert: int) -> str:
    """Experts of one name, as copies of an adapter are, become NAME (1), NAME (2)."""
    name = names[expert]
    return name if names.count(name) == 1 else f"{name} ({names[: expert + 1].count(name)})"


def place(tensor: str) -> tuple[int, str]:
    """Layer and matrix of a tensor: 3 and self_attn.q_proj of model.layers.3.self_attn.q_proj."""
    name = tensor.removesuffix(".weight")
    found = re.search(r"(?:^|\.)(\d+)\.(.+)", name)
    return (int(found[1]), found[2]) if found else (-1, name)


def lora_scale(config: dict, module: str, rank: int) -> float:
    """What PEFT multiplies B A by."""
    alpha = next(
        (
            value
            for key, value in (config.get("alpha_pattern") or {}).items()
            if re.match(rf"(.*\.)?({key})$", module)
        ),
        config["lora_alpha"],
    )
    return alpha / math.sqrt(rank) if config.get("use_rslora") else alpha / rank


# --- Inner products ----------------------------------------------------------------------------


def _dense_products(entries: Sequence[Dense]) -> np.ndarray:
    found = np.zeros((len(entries), len(entries)))
    shape = entries[0].data.shape[1:]
    for part in _parts(shape, BLOCK_BYTES // (8 * len(entries))):
        block = [entry.data[(entry.row, *part)].ravel() for entry in entries]
        block = np.asarray(block, np.float64)
        found += block @ block.T
    return found


def _parts(shape: tuple[int, ...], most: int) -> Iterator[tuple[slice, ...]]:
    """Rectangles of a tensor of at most `most` numbers, in order; one row at least where it is no
    matrix."""
    wide = math.prod(shape[1:])
    rows = max(1, most // max(1, wide))
    columns = min(wide, max(1, most)) if len(shape) == 2 else wide
    for first in range(0, shape[0], rows):
        for column in range(0, wide, columns):
            sides = (slice(column, column + columns),) if len(shape) == 2 else ()
            yield slice(first, first + rows), *sides


def _low_rank_products(entries: Sequence[LowRank]) -> np.ndarray:
    """<B A, D C> is the sum over all ranks of (B^T D) * (A C^T)."""
    found = np.empty((len(entries), len(entries)))
    count = max(1, BLOCK_BYTES // (2 * entries[0].bytes))
    blocks = [slice(k, k + count) for k in range(0, len(entries), count)]
    for i, one in enumerate(blocks):
        a, b, first = _stacked(entries[one])
        for other in blocks[: i + 1]:
            c, d, second = (a, b, first) if other == one else _stacked(entries[other])
            sums = np.add.reduceat((b @ d.T) * (a @ c.T), first, axis=0)
            found[one, other] = np.add.reduceat(sums, second, axis=1)
            found[other, one] = found[one, other].T
    return found


def _stacked(entries: Sequence[LowRank]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A and B^T of all entries on top of each other, and where each begins."""
    factors = [entry.factors() for entry in entries]
    begins = np.cumsum([0, *(len(a) for a, _ in factors)])[:-1]
    return (
        np.concatenate([a for a, _ in factors]),
        np.concatenate([b.T for _, b in factors]),
        begins,
    )


# --- Singular values ---------------------------------------------------------------------------


def _low_rank_values(entry: LowRank) -> np.ndarray:
    """Those of B A = Q (R S^T) P^T, B = Q R and A^T = P S."""
    a, b = entry.factors()
    r, s = (linalg.qr(m, mode="r")[0][: m.shape[1]] for m in (b, a.T))
    return linalg.svdvals(r @ s.T)


def _dense_values(entry: Dense) -> np.ndarray:
    """Roots of the eigenvalues of M M^T or M^T M, whichever is smaller, summed up over blocks.

    Eigenvalues that rounding alone can make are taken for zero: singular values below about 1e-6
    of the largest.
    """
    rows, columns = entry.data.shape[1:]
    small = min(rows, columns)
    product = np.zeros((small, small))
    step = max(1, BLOCK_BYTES // (8 * small))
    for first in range(0, max(rows, columns), step):
        part = slice(first, first + step)
        where = (part, slice(None)) if columns <= rows else (slice(None), part)
        block = entry.data[(entry.row, *where)].astype(np.float64)
        product += block.T @ block if columns <= rows else block @ block.T
    found = linalg.eigvalsh(product, overwrite_a=True, check_finite=False)
    least = small * np.finfo(np.float64).eps * found[-1]
    return np.sqrt(np.where(found > least, found, 0))
