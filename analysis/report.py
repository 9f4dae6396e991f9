"""`report FILE`: every figure and table of the study, one HTML page, and a summary on stdout.

What the file cannot give yet is left out with a line that says why.
"""

from __future__ import annotations

import json
from pathlib import Path

from . import flearning, html, kshot, slick
from .store import STATUS, Results, StoreError, read
from .writer import Writer

STUDIES = {"flearning": flearning.report, "kshot": kshot.report, "slick": slick.report}


def report(path: Path, folder: Path | None) -> None:
    """Writes the report of `path` into `folder` (default: beside the file), prints the summary."""
    results = read(path)
    name = str(results.attributes.get("study", ""))
    if name not in STUDIES:
        known = ", ".join(f"'{study}'" for study in STUDIES)
        raise StoreError(
            f"{path}: holds study '{name}', the report knows {known}. `compare` reads any study."
        )
    study = STUDIES[name]
    writer = Writer(folder or path.with_name(path.stem + "_report"))
    overview = html.Section("Sweep")
    overview.lines(_state(results))
    print("\n".join(_state(results)))
    sections = study.sections(results, writer)

    left_out = html.Section("Left out")
    if writer.left_out:
        left_out.lines(writer.left_out)
        print("\nleft out:\n" + "\n".join(f"  {line}" for line in writer.left_out))
    methods = html.Section("Methods")
    methods.lines(study.METHODS)
    for attribute in ("deck", "science", "library_versions"):
        if attribute in results.attributes:
            methods.details(attribute, _pretty(str(results.attributes[attribute])))
    page = writer.folder / "index.html"
    html.write_page(page, f"{study.TITLE}: {path.name}", [overview, *sections, left_out, methods])
    print(f"\nfigures and tables: {writer.folder}\npage: {page}")


def _state(results: Results) -> list[str]:
    """What was run, and how much of it is finished."""
    counts = results.points["status"].value_counts()
    states = ", ".join(f"{counts[k]} {name}" for k, name in STATUS.items() if k in counts)
    done = len(results.done)
    lines = [f"{results.path}: {done} of {len(results.points)} points finished ({states})."]
    if done < len(results.points):
        lines.append("Unfinished points are left out of every figure and table.")
    seeds = len({s for s in results.done.get("seed", ()) if s >= 0})  # -1: nothing is drawn
    if seeds == 1:
        lines.append("One seed only: no confidence intervals over seeds.")
    elif seeds > 1:
        lines.append(f"{seeds} seeds.")
    if "reason" in results.points:
        failed = results.points[results.points["status"] == 3]
        lines += [f"failed: {p['id']}: {p['reason']}" for _, p in failed.head(5).iterrows()]
        if len(failed) > 5:
            lines.append(f"... and {len(failed) - 5} more failed points (/points/reason).")
    attributes = results.attributes
    version = " ".join(
        str(attributes[n]) for n in ("code_version", "git_revision") if n in attributes
    )
    if version:
        lines.append(
            f"factsweep {version}; started {attributes.get('start_time', 'at an unknown time')}."
        )
    return lines


def _pretty(text: str) -> str:
    try:
        return json.dumps(json.loads(text), indent=2)
    except ValueError:
        return text
