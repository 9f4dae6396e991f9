"""What the tests of all studies' reports do: run the command, and look at the files it wrote."""

from __future__ import annotations

import base64
import csv
import gzip
import json
import re
from collections.abc import Collection, Sequence
from pathlib import Path

from matplotlib import pyplot

from analysis.__main__ import main


def report(path: Path, *options: str) -> Path:
    """Runs `report`, which must end well; its folder where no option names another one."""
    assert main(["report", str(path), *options]) == 0
    assert pyplot.get_fignums() == [], "figures that were drawn and never closed"
    return path.with_name(f"{path.stem}_report")


def compare(pair: Sequence[Path], *options: str) -> int:
    """Runs `compare` on two files; its exit code."""
    return main(["compare", *map(str, pair), *options])


def stems(folder: Path, ending: str) -> set[str]:
    return {path.stem for path in folder.glob(f"*.{ending}")}


def page_with(folder: Path, figures: Collection[str]) -> str:
    """The page, which must show these figures, each of which must have its files."""
    assert stems(folder, "png") == stems(folder, "pdf") == set(figures)
    page = (folder / "index.html").read_text(encoding="utf-8")
    assert page.count('class="plot"') == len(figures)
    return page


def packed_in(page: str, name: str):
    """The data of this name that the page's script unpacks."""
    (packed,) = re.findall(f'id="{re.escape(name)}">([^<]*)<', page)
    return json.loads(gzip.decompress(base64.b64decode(packed)))


def csv_rows(folder: Path, name: str) -> list[list[str]]:
    with (folder / f"{name}.csv").open(encoding="utf-8") as file:
        return list(csv.reader(file))
