"""jobs/data_files.py, by way of jobs/facts.py: files that are read, row by row, and files that cannot be."""
import gzip
import json
import random
import subprocess
import sys

import pytest

from data_sets import SCRIPT, facts, parquet, plain, pyarrow_or_skip, rows_of, run, table


def test_text_that_is_not_utf8(tmp_path, capsys):
    path = tmp_path / "a.csv"
    path.write_bytes("\ufeffquestion;answer;note\nWho?;Ann;x\n".encode() + b"Wer?;Bj\xf8rn;x\nWo?;Oslo;\xf8\n")
    code, out, err = run(capsys, path)
    assert [row["answer"] for row in rows_of(out)] == [["Ann"], ["Oslo"]]
    assert err == f"left out: 1 with text that is not UTF-8 (first: {path}, row 2)\n"
    pyarrow = pyarrow_or_skip()
    texts = pyarrow.array([b"Ann", b"Bj\xf8rn", b"Oslo"]).view(pyarrow.string())
    for answers in (texts, texts.view(pyarrow.binary())):
        columns = pyarrow.table({"question": ["a", "b", "c"], "answer": answers})
        pyarrow.parquet.write_table(columns, tmp_path / "a.parquet")
        code, out, err = run(capsys, tmp_path / "a.parquet")
        assert [row["answer"] for row in rows_of(out)] == [["Ann"], ["Oslo"]]
        assert err == f"left out: 1 with text that is not UTF-8 (first: {tmp_path}/a.parquet, row 2)\n"


BAD = [
    ("a.csv", b"frage,antwort\nWho?,Ann\n", "its columns tell no form: frage, antwort. Name them with --question and --answers."),
    ("a.csv", b"", "its columns tell no form: there are none."),
    ("a.csv", b"question,answer,answers\nWho?,Ann,Bo\n", "has both 'answer' and 'answers'. Name the columns with"),
    ("a.csv", b"question,text\nWho?,Ann\n", "has no 'answer' or 'answers', but question, text. Name the columns with"),
    ("a.csv", b"question,answer,answer\nWho?,Ann,Bo\n", ":1: the column 'answer' is there twice."),
    ("a.csv", b"question,answer\nWho?,Ann\nWho?,Rome, Italy\n", ":3: has 3 fields, and there are 2 columns."),
    ("a.csv", b'question,answer\nWho?,"Ann"x\n', ":2: is no valid CSV"),
    ("a.csv", b'question,answer\nWho?,"Ann\n', ":2: is no valid CSV"),
    ("a.csv", b"question,answer\n", "no row that can be used."),
    ("a.jsonl", b'{"question": "Who?", "answer": "Ann"}\n{"question": \n', ":2: is not valid JSON"),
    ("a.jsonl", b'{"question": "Who?", "answer": "Ann"}\n[1]\n', ':2: is no object such as {"question": ...}.'),
    ("a.json", b'[{"question": "Who?",\n "answer" "Ann"}]\n', ":2: is not valid JSON"),
    ("a.json", b'["Who?"]', "is no list of objects"),
    ("a.json", b"\xff\xfe[\x00", "is UTF-16. Convert the file"),
    ("a.jsonl.gz", gzip.compress(b'{"question": "Who?", "answer": "Ann"}\n' * 99)[:-9], "cannot be decompressed"),
    ("a.jsonl.gz", b'{"question": "Who?"}', "cannot be decompressed"),
    ("a.parquet", b"version https://git-lfs.github.com/spec/v1\noid sha256:1\n", "is a pointer of Git LFS, not the file."),
    ("a.parquet.gz", b"", "its name has to end in .parquet, .json, .jsonl, .csv, .tsv, or in .gz after one"),
    ("a.xlsx", b"", "its name has to end in"),
]


@pytest.mark.parametrize("name, content, message", BAD)
def test_bad_files_are_said(tmp_path, capsys, name, content, message):
    path, output = tmp_path / name, tmp_path / "out.jsonl"
    path.write_bytes(content)
    code, out, err = run(capsys, path, "--output", output)
    assert (code, out) == (2, "")
    assert message in err and str(path) in err
    assert [one.name for one in tmp_path.iterdir()] == [name]


def test_parquet_is_read_in_batches(tmp_path):
    letters = random.Random(1)
    rows = [{"question": f"Who is {n}?", "answer": letters.randbytes(2500).hex(), "context": "c"} for n in range(8000)]
    path = parquet(tmp_path / "a.parquet", rows)  # one row group
    pyarrow = pyarrow_or_skip()
    before, most = pyarrow.total_allocated_bytes(), 0
    for count, row in enumerate(facts.open_source(str(path)).rows(["answer", "question"]), 1):
        most = max(most, pyarrow.total_allocated_bytes() - before) if count % 100 == 0 else most
    assert count == len(rows) and sorted(row) == ["answer", "question"]
    assert 0 < most < path.stat().st_size / 2


def test_a_parquet_file_that_is_cut_off(tmp_path, capsys):
    path = parquet(tmp_path / "a.parquet", [{"question": "Who?", "answer": "Ann"}])
    path.write_bytes(path.read_bytes()[:-20])
    code, _, err = run(capsys, path)
    assert code == 2 and f"facts.py: {path}: cannot be read as Parquet" in err


def test_without_pyarrow(tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    (tmp_path / "a.parquet").write_bytes(b"PAR1")
    code, out, err = run(capsys, tmp_path / "a.parquet")
    assert (code, out) == (3, "") and "install pyarrow" in err
    assert len(table(capsys, plain(tmp_path, "a.jsonl", 2))) == 2


def test_as_a_command(tmp_path):
    path = plain(tmp_path, "a.jsonl", 20_000)
    done = subprocess.run(f"{sys.executable} {SCRIPT} {path} | head -n 1", shell=True, capture_output=True, text=True)
    assert (json.loads(done.stdout), done.stderr) == ({"question": "Who is 0?", "answer": ["a0"]}, "")
