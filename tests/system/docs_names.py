"""What documents name is there: targets of links and their headings, files, functions, and deck keys, which --print-deck of a study has.
And each of their commands has a row in docs_commands_table.py. Prints what is not, and then ends with exit code 1."""

import os
import re
import subprocess
import sys

import docs_commands_table as table
from documents import FENCE, ROOT, blank_out, commands, decks, pages, spans

LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)|!\[[^\]]*\]\(([^)\s]+)\)")
TOP = ("analysis", "cmake", "docs", "include", "inputs", "jobs", "src", "tests")
FILES = {"json", "jsonl", "safetensors", "h5", "csv", "tsv", "txt", "npy"}  # label.h5 is no key of [label]
SOURCE = re.compile(r"[\w./*-]+\.(?:cpp|hpp|py|sh|cmake|sbatch|md|ini|css|js)")
MADE = {"mine.ini", "MINE.ini", "first.ini", "a.ini"}  # of the reader's own

failures = []


def slug(heading):
    """The anchor that renderers of Markdown give a heading."""
    words = re.sub(r"[`*]", "", heading.strip().lower())
    return re.sub(r"[^\w\- ]", "", words).replace(" ", "-")


def check_links(page, text):
    text = blank_out(text, FENCE)
    for found in LINK.finditer(text):
        target = found.group(1) or found.group(2)
        if re.match(r"\w+:", target):
            continue
        file, _, anchor = target.partition("#")
        path = (page.parent / file).resolve() if file else page
        place = f"{page.relative_to(ROOT)}:{text[: found.start()].count(chr(10)) + 1}"
        if not path.exists():
            failures.append(f"{place}: no file {target}")
        elif anchor:
            headings = re.findall(r"^#+ (.*)$", path.read_text(encoding="utf-8"), re.MULTILINE)
            if anchor not in map(slug, headings):
                failures.append(f"{place}: {file or page.name} has no heading of the anchor #{anchor}")


def all_files():
    listed = subprocess.run(["git", "-C", ROOT, "ls-files", "-co", "--exclude-standard"], capture_output=True, text=True)
    if listed.returncode == 0:
        return listed.stdout.splitlines()
    return [str(p.relative_to(ROOT)) for top in TOP for p in (ROOT / top).rglob("*") if p.is_file()] + [p.name for p in ROOT.iterdir()]


def check_file(name, files):
    """A path below the repository, src or include; STUDY, MODULE and * are any; a bare name may lie anywhere."""
    pattern = re.sub(r"\\\*|[A-Z]{4,}", "[^/]*", re.escape(name.rstrip("/")))
    return any(re.search(rf"(?:^|/){pattern}(?:/|$)", file) for file in files)


def check_spans(page, files, keys, sections, source):
    for line, span in spans(page):
        place = f"{page.relative_to(ROOT)}:{line}"
        for word in re.split(r"[\s,;=]+", span):
            first = word.split("/")[0]
            if (first in TOP and "/" in word or SOURCE.fullmatch(word)) and "..." not in word and word.split("/")[-1] not in MADE:
                if not check_file(word, files):
                    failures.append(f"{place}: no file `{word}`")
        if found := re.match(r"(?:--)?([a-z]+)\.([a-z]\w*)(?=$|[\s=])", span):
            section, key = found.groups()
            a_file = key in FILES or SOURCE.fullmatch(f"{section}.{key}")
            if section in sections and not a_file and f"{section}.{key}" not in keys:
                failures.append(f"{place}: no study has the deck key `{section}.{key}`")
        if found := re.fullmatch(r"(?:\w+::)*(\w+)\(\)", span):
            if not re.search(rf"\b{found.group(1)}\b", source):
                failures.append(f"{place}: no function `{span}`")


def check_decks_of(page, text, keys):
    """Indented lines that begin with a [section], up to an empty line of no deck."""
    section = ""
    for number, line in enumerate(text.splitlines(), 1):
        if found := re.fullmatch(r"    \[([a-z]+)\]", line):
            section = found.group(1)
        elif found := re.match(r"    ([a-z_]\w*)\s*=", line):
            if section and f"{section}.{found.group(1)}" not in keys:
                failures.append(f"{page.relative_to(ROOT)}:{number}: no study has the deck key {section}.{found.group(1)}")
        elif line and not line.startswith("    "):
            section = ""


def deck_keys():
    """section.key of all studies."""
    program = os.environ["FACTSWEEP"]
    keys = set()
    for deck in decks():
        effective = subprocess.run([program, "run", deck, "--print-deck"], capture_output=True, text=True, env={**os.environ, "SCRATCH": "."})
        if effective.returncode:
            failures.append(f"{deck.relative_to(ROOT)} is refused: {effective.stderr}")
        section = ""
        for line in effective.stdout.splitlines():
            if found := re.fullmatch(r"\[(\w+)\]", line):
                section = found.group(1)
            elif found := re.match(r"(\w+) =", line):
                keys.add(f"{section}.{found.group(1)}")
    return keys


def check_commands():
    texts = {command.key: command.place for command in commands()}
    known = table.RUN.keys() | table.LISTED.keys()
    failures.extend(f"docs_commands_table.py has a command that stands in no document: {text}" for text in known - texts.keys())
    for text in texts.keys() - known:
        if not re.fullmatch(r"factsweep \w+", text):
            failures.append(f"{texts[text]}: neither run nor listed in tests/system/docs_commands_table.py: {text}")


def main():
    keys = deck_keys()
    sections = {key.split(".")[0] for key in keys}
    assert len(keys) > 150, keys
    files = all_files()
    code = [name for name in files if re.search(r"\.(cpp|hpp|py)$", name)]
    source = "\n".join((ROOT / name).read_text(encoding="utf-8") for name in code)
    for page in pages():
        text = page.read_text(encoding="utf-8")
        check_links(page, text)
        check_spans(page, files, keys, sections, source)
        check_decks_of(page, text, keys)
    check_commands()
    print(f"{len(pages())} pages, {len(keys)} deck keys, {len(failures)} dead references")
    print("\n".join(failures))
    return bool(failures)


if __name__ == "__main__":
    sys.exit(main())
