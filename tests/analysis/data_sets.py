"""jobs/facts.py for its tests, files of data sets to give it, and what it says of them."""
import csv
import gzip
import importlib.util
import json
import pathlib
import sys

import pytest

SCRIPT = pathlib.Path(__file__).parents[2] / "jobs" / "facts.py"
sys.path.insert(0, str(SCRIPT.parent))  # as Python does for a script
spec = importlib.util.spec_from_file_location("facts", SCRIPT)
facts = importlib.util.module_from_spec(spec)
spec.loader.exec_module(facts)


def pyarrow_or_skip():
    reason = "pyarrow is not installed, which reads Parquet: pip install -r tests/requirements.txt"
    pytest.importorskip("pyarrow", reason=reason)
    import pyarrow.parquet

    return pyarrow


def parquet(path, rows):
    pyarrow = pyarrow_or_skip()
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), path)
    return path


def lines(path, rows):
    opened = gzip.open if path.suffix == ".gz" else open
    with opened(path, "wt", encoding="utf-8") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)
    return path


def listed(path, rows):
    path.write_text(json.dumps(rows, indent=2))
    return path


def csv_file(path, rows, separator=","):
    with open(path, "w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), delimiter=separator)
        writer.writeheader()
        writer.writerows(rows)
    return path


def run(capsys, *arguments):
    """Exit code, standard output, standard error."""
    try:
        code = facts.main([str(argument) for argument in arguments])
    except SystemExit as stopped:
        code = stopped.code
    printed = capsys.readouterr()
    return code, printed.out, printed.err


def rows_of(text):
    """As factsweep reads JSON lines of questions: what it refuses fails here (src/data/question_table.cpp)."""
    rows = [json.loads(line) for line in text.split("\n") if line]
    for row in rows:
        assert list(row) == list(rows[0])
        assert set(row) <= {"question", "answer", "subject", "relation", "split"}
        assert row["answer"] and len(set(row["answer"])) == len(row["answer"])
        for value in [*row["answer"], *(row[key] for key in row if key != "answer")]:
            assert isinstance(value, str) and value and value == value.strip()
        assert not any({"\r", "\n"} & set(answer) for answer in row["answer"])
        assert row.get("split", "dev") in ("train", "dev", "test")
    return rows


def table(capsys, *arguments):
    """The rows; nothing was left out."""
    code, out, err = run(capsys, *arguments)
    assert (code, err) == (0, "")
    return rows_of(out)


def plain(tmp_path, name, count, begin=0):
    rows = [{"question": f"Who is {n}?", "answer": [f"a{n}"]} for n in range(begin, begin + count)]
    return lines(tmp_path / name, rows)
