"""Rows of data files as Hugging Face has them: Parquet, JSON, CSV, TSV. For scripts of this folder."""
import csv
import gzip
import itertools
import json
import os
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TextIO

Row = dict[str, Any]

ENDINGS = (".parquet", ".json", ".jsonl", ".csv", ".tsv")
LFS_POINTER = b"version https://git-lfs"
UTF16 = (b"\xff\xfe", b"\xfe\xff")


class BadInput(Exception):
    """Nothing can be made of this: where, what, which rule, what to do."""


@dataclass
class Source:
    """A file: the names of its columns, and its rows. `rows` reads from the columns that are named; a row that is None has
    bytes that are no UTF-8. Where a text may have some, they are lone surrogates in it."""

    path: str
    columns: list[str]
    rows: Callable[[list[str]], Iterable[Row | None]]


def open_source(path: str) -> Source:
    """BadInput, here or while its rows are read: what is wrong with the file. ImportError: it is Parquet, and there is no
    pyarrow."""
    plain = path.removesuffix(".gz")
    ending = os.path.splitext(plain)[1].lower()
    if ending not in ENDINGS or (ending == ".parquet" and plain != path):
        raise BadInput(f"{path}: its name has to end in {', '.join(ENDINGS)}, or in .gz after one of the last four.")
    with open(path, "rb") as file:
        if file.read(len(LFS_POINTER)) == LFS_POINTER:
            raise BadInput(f"{path}: is a pointer of Git LFS, not the file. Fetch the file itself, by `git lfs pull`, say.")
    if ending == ".parquet":
        return parquet_source(path)
    return json_source(path) if ending in (".json", ".jsonl") else table_source(path, ending)


def first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).split("\n")[0].rstrip(".")


def parquet_source(path: str) -> Source:
    import pyarrow
    import pyarrow.parquet

    try:
        # as pages come: a file may be one row group, which it would hold whole
        file = pyarrow.parquet.ParquetFile(path, pre_buffer=False, buffer_size=1 << 20)
    except (pyarrow.ArrowException, OSError) as error:
        raise BadInput(f"{path}: cannot be read as Parquet: {first_line(error)}. Fetch it again.") from None

    def rows(columns: list[str]) -> Iterator[Row | None]:
        try:
            for batch in file.iter_batches(batch_size=1024, columns=columns, use_threads=False):
                try:
                    yield from batch.to_pylist()
                except UnicodeDecodeError:
                    yield from (readable_row(batch.slice(number, 1)) for number in range(batch.num_rows))
        except (pyarrow.ArrowException, OSError) as error:
            raise BadInput(f"{path}: cannot be read to its end: {first_line(error)}. Fetch it again.") from None

    return Source(path, file.schema_arrow.names, rows)


def readable_row(batch: Any) -> Row | None:
    try:
        return batch.to_pylist()[0]
    except UnicodeDecodeError:
        return None


@contextmanager
def text_of(path: str) -> Iterator[TextIO]:
    opened: Callable[..., Any] = gzip.open if path.endswith(".gz") else open
    try:
        with opened(path, "rb") as file:
            if file.read(2) in UTF16:
                raise BadInput(f"{path}: is UTF-16. Convert the file, with `iconv -f UTF-16 -t UTF-8`.")
        with opened(path, "rt", encoding="utf-8-sig", errors="surrogateescape", newline="") as stream:
            yield stream
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise BadInput(f"{path}: cannot be decompressed: {first_line(error)}. Fetch it again.") from None


def table_rows(path: str, ending: str) -> Iterator[list[str]]:
    """The row of names, then the others."""
    csv.field_size_limit(2**31 - 1)  # contexts are longer than the module's own limit
    with text_of(path) as stream:
        names = stream.readline()
        separator = "\t" if ending == ".tsv" else next((mark for mark in ",;\t" if mark in names), ",")
        reader = csv.reader(itertools.chain([names], stream), delimiter=separator, strict=True)
        width = 0
        try:
            for row in filter(None, reader):
                width = width or len(row)
                if len(row) != width:
                    raise BadInput(f"{path}:{reader.line_num}: has {len(row)} fields, and there are {width} columns.")
                yield row
        except csv.Error as error:
            raise BadInput(f"{path}:{reader.line_num}: is no valid {ending[1:].upper()}: {error}.") from None


def table_source(path: str, ending: str) -> Source:
    rows = table_rows(path, ending)
    names = [name.strip() for name in next(rows, [])]
    for name, count in Counter(names).items():
        if count > 1 and name:
            raise BadInput(f"{path}:1: the column '{name}' is there twice. Rename one of the two.")
    return Source(path, names, lambda columns: (dict(zip(names, row)) for row in rows))


def is_object(line: str) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return False


def json_of(text: str, path: str, line: int) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise BadInput(f"{path}:{line + error.lineno - 1}: is not valid JSON: {error.msg}.") from None
    except (ValueError, RecursionError) as error:
        raise BadInput(f"{path}:{line}: is not valid JSON: {first_line(error)}.") from None


def json_rows(path: str) -> Iterator[Row]:
    """An object a line; or the objects of a list, or of an object's only list, which is read whole."""
    with text_of(path) as stream:
        lines = ((number, line) for number, line in enumerate(stream, 1) if line.strip())
        number, line = next(lines, (1, "[]"))
        if not is_object(line):
            yield from records_of(json_of(line + stream.read(), path, number), path)
            return
        second = next(lines, None)
        if second is None:
            yield from records_of(json.loads(line), path)
            return
        for number, line in itertools.chain([(number, line), second], lines):
            row = json_of(line.rstrip(), path, number)
            if not isinstance(row, dict):
                raise BadInput(f'{path}:{number}: is no object such as {{"question": ...}}.')
            yield row


def records_of(value: Any, path: str) -> list[Row]:
    def is_records(one: Any) -> bool:
        return isinstance(one, list) and all(isinstance(record, dict) for record in one)

    if isinstance(value, dict):
        lists = [one for one in value.values() if one and is_records(one)]
        # a record's own answers may be a list of objects
        value = lists[0] if len(lists) == 1 and "question" not in value else [value]
    if not is_records(value):
        raise BadInput(f'{path}: is no list of objects such as {{"question": ...}}.')
    return value


def json_source(path: str) -> Source:
    rows = json_rows(path)
    first = next(rows, {})
    return Source(path, list(first), lambda columns: itertools.chain([first] if first else [], rows))
