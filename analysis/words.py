"""What a report says in words, from the file words.md in the folder of each study.

A section is about the figure or table of its name, or about a further note of it (NAME.NOTE). The
first paragraph is the caption or title, the others are notes; {values} are filled in by the code,
and a paragraph `= NAME` is that section. `methods` has the notes at the end of the page. A section
that states a result has three paragraphs, of which `stated` takes the one that the data bear out. A
paragraph that begins with `paper:` is shown beside published numbers alone, and one of a caption
that begins with `Bands:`, `Bars:` or `Thin lines:` where the figure has such.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import resources

from .statistics import Interval
from .table import Table, with_limits


def words(study: str, name: str, **values: object) -> list[str]:
    """The paragraphs of a section, each on one line. KeyError: there is none."""
    found: list[str] = []
    for paragraph in _sections(study)[name]:
        other = paragraph.removeprefix("= ")
        found += words(study, other) if other != paragraph else [paragraph.format(**values)]
    return found


@dataclass(frozen=True)
class Finding:
    """A result that a caption states: what its section of words.md says of these limits."""

    section: str
    found: Interval  # in percent points, or as the section says
    values: Mapping[str, object] = field(default_factory=dict)  # that its words need besides
    digits: int = 1


def stated(study: str, finding: Finding) -> str:
    """The sentence of the section that begins with `up:`, `down:` or `undecided:`, whichever the
    limits tell, with the numbers as {found}. Nothing is stated that the limits leave in doubt.
    """
    begin = f"{finding.found.direction}: "
    found = with_limits(finding.found, finding.digits)
    (sentence,) = [p for p in _sections(study)[finding.section] if p.startswith(begin)]
    sentence = sentence.removeprefix(begin).format(found=found, **finding.values)
    if math.isfinite(finding.found.low):
        return sentence
    if (runs := finding.found.runs) > 1:
        return f"{sentence} All {runs} values are alike, which tells of no limits."
    return f"{sentence} A single value has no limits."


class ToldTable(Table):
    """A table whose title and notes are in the words of its study."""

    def __init__(self, study: str, section: str, name: str = "", **values: object) -> None:
        super().__init__(name or section, *words(study, section, **values))
        self._study = study

    def note(self, section: str, **values: object) -> None:
        """A note that is not always true."""
        self.notes += words(self._study, section, **values)


@cache
def _sections(study: str) -> dict[str, list[str]]:
    file = resources.files(__package__) / study / "words.md"
    _, *sections = re.split(r"^## ", file.read_text(encoding="utf-8"), flags=re.MULTILINE)
    found = {}
    for section in sections:
        name, _, text = section.partition("\n")
        found[name] = [" ".join(part.split()) for part in re.split(r"\n\s*\n", text.strip())]
    return found
