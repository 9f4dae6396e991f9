"""What the documents and the heads of decks say: the commands in them, code spans, links, decks."""

import re
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SPAN = re.compile(r"(?<!`)`([^`]+)`(?!`)")
PROGRAMS = "factsweep|factsweep-report|mpirun|srun|sbatch|scancel|python3?|pip|cmake|ctest|ninja|hf|apptainer|git|kill|export|source|cat|cd|echo|head"
COMMAND = re.compile(rf"(?:[A-Z_]+=\S* )*(?:sudo |nohup |time |/usr/bin/time -v )?(?:(?:{PROGRAMS})|(?:build\S*|jobs|tests|\.ci|\.venv)/\S+)(?=\s|$)")


class Command(NamedTuple):
    text: str  # one line, blanks collapsed, without the comment behind it; of a here-document all lines
    place: str  # docs/slick.md:42

    @property
    def key(self):
        """Its row's name in docs_commands_table.py: of a here-document the first line."""
        return self.text.splitlines()[0]


def pages():
    names = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "analysis/README.md")
    return [*(ROOT / name for name in names), *sorted(ROOT.glob("docs/**/*.md"))]


def decks():
    return sorted(ROOT.glob("inputs/**/*.ini"))


def tidy(text):
    """Without the comment at the end, and with single blanks."""
    return re.sub(r"\s+", " ", re.sub(r"(?:^|\s+)#\s.*", "", text)).strip()


def blank_out(text, pattern):
    return pattern.sub(lambda found: re.sub(r"[^\n]", " ", found.group()), text)


def in_lines(lines, where):
    """Commands among [number, text] lines; a backslash joins lines, and a here-document belongs to its command."""
    while lines:
        number, text = lines.pop(0)
        while text.endswith("\\") and lines:
            text = text[:-1] + lines.pop(0)[1].strip()
        if not COMMAND.match(text.strip()):
            continue
        inlaid = re.search(r"<<'(\w+)'", text)
        command = text.strip() if inlaid else tidy(text)
        while inlaid and lines and not command.endswith(f"\n{inlaid.group(1)}"):
            command += "\n" + lines.pop(0)[1]
        yield Command(command, f"{where}:{number}")


def in_page(page):
    where = page.relative_to(ROOT)
    text = blank_out(page.read_text(encoding="utf-8"), FENCE)
    indented = [(n, line[4:]) for n, line in enumerate(text.splitlines(), 1) if line.startswith("    ") or not line]
    yield from in_lines(indented, where)
    for fence in FENCE.finditer(page.read_text(encoding="utf-8")):
        if fence.group(1) != "python":
            first = text[: fence.start()].count("\n") + 2
            yield from in_lines(list(enumerate(fence.group(2).splitlines(), first)), where)
    for line, span in spans(page):
        if COMMAND.match(span) and " " in span:
            yield Command(tidy(span), f"{where}:{line}")


def in_deck(deck):
    where = deck.relative_to(ROOT)
    head = []
    for number, line in enumerate(deck.read_text(encoding="utf-8").splitlines(), 1):
        if not line.startswith("#"):
            break
        head.append((number, line[1:].strip()))
        if found := re.search(r": (factsweep .*)", line):  # "Make the world first: factsweep world --output world"
            yield Command(tidy(found.group(1)), f"{where}:{number}")
    yield from in_lines(head, where)


def spans(page):
    """Code spans with their lines; Markdown lets them go over the end of a line."""
    text = blank_out(page.read_text(encoding="utf-8"), FENCE)
    text = blank_out(text, re.compile(r"^    .*$", re.MULTILINE))
    for found in SPAN.finditer(text):
        yield text[: found.start()].count("\n") + 1, re.sub(r"\s+", " ", found.group(1)).replace("\\|", "|")  # \| in tables


def commands():
    """In the order of the pages; one that stands in several places has the first."""
    found = {}
    for page in pages():
        for command in in_page(page):
            found.setdefault(command.key, command)
    for deck in decks():
        for command in in_deck(deck):
            found.setdefault(command.key, command)
    return list(found.values())


if __name__ == "__main__":
    for command in commands():
        print(f"{command.place}: {command.key}")
