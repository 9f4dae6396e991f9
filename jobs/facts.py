#!/usr/bin/env python3
"""Makes a table of questions that factsweep reads (data.facts) of a data set as Hugging Face has it.

    jobs/facts.py FILE ... --output questions.jsonl >>my.ini
    jobs/facts.py --train FILE ... --dev FILE ... --test FILE ... --output questions.jsonl >>my.ini

A FILE is Parquet, JSON (a list, or an object a line), CSV or TSV, or .gz of one of the last three. Its columns tell its form:
PopQA, MKQA, SimpleQA, or plain: a question and its answer or answers, such as TriviaQA, Natural Questions open, SQuAD and
WebQuestions. Columns of other names are named; a dot leads into a column of objects: --answers annotations.short_answers.
Rows that cannot be used are left out, and counted by their reason on standard error. With --output, standard output has the
lines of a deck, else the table as JSON lines.
"""
import argparse
import csv
import functools
import hashlib
import heapq
import itertools
import json
import os
import re
import signal
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import TextIO

from data_files import BadInput, open_source
from fact_forms import FORMS, MKQA_LANGUAGES, Form, LeftOut, Record, column_of, form_of, record_of

DECK_LANGUAGES = ("en", "de", "nl", "fr", "es", "it", "pt", "tr")  # that data.language knows by name


class Counts:
    """What was left out, by its reason, and where the first is."""

    def __init__(self) -> None:
        self.of: Counter[str] = Counter()
        self.first: dict[str, str] = {}

    def add(self, path: str, number: int, why: LeftOut) -> None:
        self.of[why.reason] += 1
        self.first.setdefault(why.reason, f"{path}, row {number}" + (f": {why.value}" if why.value else ""))

    def tell(self) -> None:
        for reason, count in self.of.items():
            print(f"left out: {count} {reason} (first: {self.first[reason]})", file=sys.stderr)


def rank(question: str, purpose: str, seed: int) -> float:
    """A number from 0 to 1, the same for all rows of a question, and whatever stands beside it."""
    digest = hashlib.blake2b(f"{purpose}\n{seed}\n{question}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") / 2**64


class Sample:
    """All rows of the `limit` questions of the least rank."""

    def __init__(self, limit: int, seed: int):
        self.limit, self.seed, self.seen = limit, seed, 0
        self.worst: list[tuple[float, str]] = []
        self.rows: dict[str, list[tuple[int, Record]]] = {}

    def add(self, record: Record) -> None:
        question = record["question"]
        self.seen += 1
        if question not in self.rows:
            entry = (-rank(question, "sample", self.seed), question)
            if len(self.rows) < self.limit:
                heapq.heappush(self.worst, entry)
            else:
                gone = heapq.heappushpop(self.worst, entry)[1]
                if gone == question:
                    return
                del self.rows[gone]
            self.rows[question] = []
        self.rows[question].append((self.seen, record))

    def records(self) -> list[Record]:
        """In the order of the files."""
        return [record for _, record in sorted(itertools.chain(*self.rows.values()), key=lambda row: row[0])]


class Table:
    """Writes records as they come, and counts them."""

    def __init__(self, stream: TextIO, as_csv: bool):
        self.stream, self.rows = stream, 0
        self.csv = csv.writer(stream, quoting=csv.QUOTE_ALL, lineterminator="\n") if as_csv else None
        self.of: dict[str, Counter[str]] = {"relation": Counter(), "split": Counter()}

    def add(self, record: Record) -> None:
        if self.csv is None:
            self.stream.write(json.dumps(record, ensure_ascii=False) + "\n")
        else:
            if self.rows == 0:
                self.csv.writerow(record)
            self.csv.writerow({**record, "answer": json.dumps(record["answer"], ensure_ascii=False)}.values())
        self.rows += 1
        for key, count in self.of.items():
            if key in record:
                count[record[key]] += 1


@contextmanager
def table_at(path: str | None) -> Iterator[Table]:
    """At `path` once it is whole; None: standard output."""
    if path is None:
        sys.stdout.reconfigure(encoding="utf-8")  # type: ignore[union-attr]
        yield Table(sys.stdout, as_csv=False)
        return
    part = f"{path}.part"
    try:
        with open(part, "w", encoding="utf-8", newline="") as stream:
            yield Table(stream, path.endswith(".csv"))
        os.replace(part, path)
    except BaseException:
        with suppress(OSError):
            os.remove(part)
        raise


def check_columns_agree(first: list[str], columns: list[str], path: str, first_path: str) -> None:
    """BadInput: they do not. Which columns there are, the reader of the table takes from its first row."""
    if columns != first:
        said = [", ".join(one) or "questions and answers alone" for one in (columns, first)]
        raise BadInput(f"{path}: gives {said[0]}, and {first_path} gives {said[1]}. Convert them one by one.")


def more_answers(columns: list[str], form: Form) -> list[str]:
    """What may be answers, too, of a table whose columns this program does not know."""
    if not form.is_plain:
        return []
    read = {column_of(name, columns) for name in form.names()}
    return [name for name in columns if name not in read and re.search("answer|alias", name, re.IGNORECASE)]


def convert(flags: argparse.Namespace, inputs: list[tuple[str, str | None]], table: Table, left_out: Counts) -> None:
    """`inputs`: files, and the split of each where it is named."""
    sample = Sample(flags.limit, flags.seed) if flags.limit else None
    first: list[str] | None = None
    for path, split in inputs:
        source = open_source(path)
        form = form_of(source, flags)
        if split:
            form = replace(form, split=None)
        columns = [key for key in ("subject", "relation", "split") if getattr(form, key)] + ["split"] * bool(split)
        first = columns if first is None else first
        check_columns_agree(first, columns, path, inputs[0][0])
        if others := more_answers(source.columns, form):
            print(f"note: {path}: not read: {', '.join(others)}; --answers names columns of answers", file=sys.stderr)
        if flags.dev_share and "split" not in columns:
            raise BadInput(f"{path}: --dev-share takes of train questions, and there is no split: name it --train.")
        for number, row in enumerate(source.rows(sorted({column_of(name, source.columns) for name in form.names()})), 1):
            drop = functools.partial(left_out.add, path, number)
            try:
                record = record_of(row, form, split, drop)
            except LeftOut as why:
                drop(why)
                continue
            if record.get("split") == "train" and rank(record["question"], "dev", flags.seed) < flags.dev_share:
                record["split"] = "dev"
            (sample or table).add(record)
    for record in sample.records() if sample else []:
        table.add(record)


def deck_lines(flags: argparse.Namespace, table: Table) -> str:
    lines = [f"# {table.rows} rows" + "".join(f"; {key}: {told(count)}" for key, count in table.of.items() if count)]
    lines += ["[data]", f"facts    = {json.dumps(flags.output, ensure_ascii=False)}"]
    if flags.language:
        lines.append(f"language = {flags.language if flags.language in DECK_LANGUAGES else 'none'}")
    return "\n".join(lines)


def told(counts: Counter[str]) -> str:
    most = [f"{' '.join(name.split())} {count}" for name, count in counts.most_common(20)]
    return ", ".join(most + ["..."] * (len(counts) > 20))


def share(text: str) -> float:
    value = float(text)
    if not 0 < value < 1:
        raise ValueError
    return value


def positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise ValueError
    return value


def flags_of(arguments: list[str]) -> tuple[argparse.Namespace, list[tuple[str, str | None]]]:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="*", metavar="FILE")
    for name in ("train", "dev", "test"):
        parser.add_argument(f"--{name}", nargs="+", action="extend", default=[], metavar="FILE", help=f"of the {name} split")
    parser.add_argument("--form", choices=FORMS, help="where the columns would tell another one")
    for name in ("question", "subject", "relation", "split"):
        parser.add_argument(f"--{name}", metavar="COLUMN")
    parser.add_argument("--answers", metavar="COLUMN", action="append", help="once for each column of answers that are right")
    parser.add_argument("--answer-separator", metavar="TEXT", help="between the answers of one cell, such as '|'")
    parser.add_argument("--language", choices=MKQA_LANGUAGES, help="of MKQA's questions and answers; en")
    parser.add_argument("--dev-share", type=share, default=0, help="of the train questions go to dev")
    parser.add_argument("--limit", type=positive, metavar="N", help="a random sample of N questions, each with all of its rows")
    parser.add_argument("--seed", type=int, default=1, help="of the sample and of --dev-share; 1")
    parser.add_argument("--output", metavar="FILE", help=".jsonl or .csv")
    flags = parser.parse_args(arguments)
    named = [(path, name) for name in ("train", "dev", "test") for path in getattr(flags, name)]
    inputs = named or [(path, None) for path in flags.files]
    if bool(named) == bool(flags.files):
        parser.error("name files, either all with --train, --dev and --test, or all without.")
    if named and flags.split:
        parser.error("--split names a column, and --train, --dev and --test name splits: one or the other.")
    if bool(flags.question) != bool(flags.answers):
        parser.error("--question and --answers name columns together.")
    if flags.form and flags.question:
        parser.error("--form has columns of its own: --question and --answers, or --form.")
    if flags.output and not flags.output.endswith((".jsonl", ".csv")):
        parser.error(f"--output {flags.output} has to end in .jsonl or .csv.")
    if flags.output and os.path.abspath(flags.output) in [os.path.abspath(path) for path, _ in inputs]:
        parser.error(f"--output {flags.output} is also an input.")
    return flags, inputs


def main(arguments: list[str]) -> int:
    flags, inputs = flags_of(arguments)
    left_out = Counts()
    try:
        with table_at(flags.output) as table:
            try:
                convert(flags, inputs, table, left_out)
            finally:
                left_out.tell()
            if table.rows == 0:
                raise BadInput(f"{', '.join(path for path, _ in inputs)}: no row that can be used.")
    except (BadInput, OSError) as error:
        print(f"facts.py: {error}", file=sys.stderr)
        return 2
    except ImportError as error:
        print(f"facts.py: {error}: install pyarrow, which reads Parquet.", file=sys.stderr)
        return 3
    splits = table.of["split"]
    for name in ("train", "dev", "test"):
        if splits and not splits[name]:
            way = ": --dev-share 0.1 takes a tenth of the train questions" if name == "dev" else ""
            print(f"note: no {name} questions, of which factsweep needs some{way}", file=sys.stderr)
    if flags.output:
        print(deck_lines(flags, table))
    return 0


if __name__ == "__main__":
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # `| head` is no error
    sys.exit(main(sys.argv[1:]))
