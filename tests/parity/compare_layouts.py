"""Compares two sweeps to the last bit though their keys differ: stages are joined by title, points by id.

    tests/parity/compare_layouts.py OLD.h5 NEW.h5

For changes that must not change results: run a deck by the program before and by the one after. What a run alone decides
(times, ranks, keys) and the journal are left out; prints what differs, is missing or is new.
"""
import sys
import h5py
import numpy as np

old, new = sys.argv[1:3]
SKIP_POINTS = {"seconds", "rank", "stage", "point", "edit_seconds", "train_seconds"}


def datasets(file):
    names = {}
    file.visititems(lambda name, item: names.__setitem__(name, item) if isinstance(item, h5py.Dataset) else None)
    return names


class Deltas:
    """Weights of stages: a folder a stage in older files, a row of shared datasets since."""

    def __init__(self, file, stages):
        self.file, self.stages = file, list(stages)

    def find(self, key, rest):
        if f"deltas/{key}" in self.file:
            return self.file.get(f"deltas/{key}/{rest}")
        stage = self.stages.index(key)
        for name, group in self.file.get("deltas", {}).items():
            rows = np.flatnonzero(group["stage"][:] == stage)
            if rows.size:
                part = group.get(rest if "/" in rest else f"about/{rest}")
                return part if part is None or part.shape[0] == 1 and "/" not in rest else part[rows[0]]
        return None


def values(part):
    return np.asarray(part[()] if isinstance(part, h5py.Dataset) else part)


def same(a, b):
    a, b = values(a), values(b)
    if a.dtype.kind == "S" or b.dtype.kind == "S":
        return a.shape == b.shape and (a.astype("S") == b.astype("S")).all()
    return a.shape == b.shape and a.dtype == b.dtype and a.tobytes() == b.tobytes()


bad, compared = [], 0
with h5py.File(old) as a, h5py.File(new) as b:
    titles = [dict(zip(f["stages/title"].asstr()[:], f["stages/key"].asstr()[:])) for f in (a, b)]
    whole = {t[:95]: t for t in titles[1]}
    keys = {k: titles[1].get(t, titles[1].get(whole.get(t[:95], ""))) for t, k in titles[0].items()}
    assert None not in keys.values(), [t for t, k in titles[0].items() if keys[k] is None][:5]
    assert list(a["points/id"][:].astype("U")) == list(b["points/id"][:].astype("U"))
    for suffix in (".h5", ".weights.h5"):
        try:
            fa, fb = h5py.File(old[:-3] + suffix), h5py.File(new[:-3] + suffix)
        except OSError:
            continue
        da, db = datasets(fa), datasets(fb)
        seen = set()
        deltas = Deltas(fb, b["stages/key"].asstr()[:])
        for name, item in da.items():
            group, _, last = name.partition("/")
            if group == "stages" or (group == "points" and last in SKIP_POINTS):
                continue
            if group == "deltas":
                key, _, rest = last.partition("/")
                part = deltas.find(keys[key], rest)
                compared += 1
                if part is None:
                    bad.append(("missing", name))
                elif not same(values(item).ravel(), values(part).ravel()):
                    bad.append(("differs", name))
                continue
            other = "/".join(keys.get(part, part) for part in name.split("/"))
            seen.add(other)
            if name.endswith("/seconds"):
                continue
            compared += 1
            if other not in db:
                bad.append(("missing", other))
            elif not same(item, db[other]):
                bad.append(("differs", other))
        more = [n for n in db if n not in seen and not n.startswith("stages/") and not n.startswith("points/")
                and not n.startswith("deltas/")]
        bad += [("new", n) for n in more]
print(f"{compared} datasets compared, {len(bad)} differ")
for item in bad[:20]:
    print(*item)
sys.exit(bool(bad))
