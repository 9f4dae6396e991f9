"""jobs/facts.py: tables of questions made of data sets in the shapes in which Hugging Face has them."""
import csv
import json

import pytest

from data_sets import csv_file, lines, listed, parquet, plain, rows_of, run, table

POPQA = [
    {
        "id": 4222362,
        "subj": "George Rankin",
        "prop": "occupation",
        "obj": "politician",
        "subj_id": 1850297,
        "s_aliases": '["George James Rankin"]',
        "question": "What is George Rankin's occupation?",
        "possible_answers": '["politician", "political leader", "political figure"]',
    },
    {
        "id": 1,
        "subj": "Mika Häkkinen",
        "prop": "place of birth",
        "obj": "Vantaa",
        "subj_id": 2,
        "s_aliases": "[]",
        "question": "In what city was Mika Häkkinen born?",
        "possible_answers": '["Vantaa", "Vanda \\u00e5"]',
    },
]
POPQA_TABLE = [
    {
        "question": "What is George Rankin's occupation?",
        "answer": ["politician", "political leader", "political figure"],
        "subject": "George Rankin",
        "relation": "occupation",
    },
    {
        "question": "In what city was Mika Häkkinen born?",
        "answer": ["Vantaa", "Vanda å"],
        "subject": "Mika Häkkinen",
        "relation": "place of birth",
    },
]


def test_popqa(tmp_path, capsys):
    assert table(capsys, csv_file(tmp_path / "test.tsv", POPQA, "\t")) == POPQA_TABLE
    assert table(capsys, parquet(tmp_path / "test.parquet", POPQA)) == POPQA_TABLE
    written = [{**row, "possible_answers": str(json.loads(row["possible_answers"]))} for row in POPQA]
    assert table(capsys, csv_file(tmp_path / "python.csv", written)) == POPQA_TABLE
    as_lists = [{**row, "possible_answers": json.loads(row["possible_answers"])} for row in POPQA]
    assert table(capsys, parquet(tmp_path / "lists.parquet", as_lists)) == POPQA_TABLE


def trivia(question, value, aliases=(), **more):
    answer = {"aliases": list(aliases), "normalized_aliases": [one.lower() for one in aliases], "type": "WikipediaEntity"}
    return {"question": question, "question_id": "tc_1", "answer": {**answer, "value": value, "normalized_value": value.lower()}}


def test_triviaqa(tmp_path, capsys):
    rows = [trivia("Who was Sinclair Lewis?", "Sinclair Lewis", ["Sinclair Lewis", "Grace Hegger", "Hegger"])]
    expected = {"question": "Who was Sinclair Lewis?", "answer": ["Sinclair Lewis", "Grace Hegger", "Hegger"]}
    assert table(capsys, parquet(tmp_path / "train-00000-of-00001.parquet", rows)) == [expected]
    test = parquet(tmp_path / "test-00000-of-00001.parquet", [trivia("Which?", "<unk>"), trivia("Who?", "<unk>")])
    code, out, err = run(capsys, test)
    assert (code, out) == (2, "")
    assert f"left out: 2 without an answer in 'answer' (first: {test}, row 1)\n" in err
    assert f"facts.py: {test}: no row that can be used.\n" in err
    normalized = [{"question": "Who?", "answer": {"value": None, "aliases": [], "normalized_aliases": ["ann", "anna"]}}]
    assert table(capsys, lines(tmp_path / "a.jsonl", normalized)) == [{"question": "Who?", "answer": ["ann", "anna"]}]


def test_natural_questions(tmp_path, capsys):
    rows = [{"question": "where was it filmed", "answer": ["Oslo", "Bergen", "Oslo "]}, {"question": "when", "answer": ["1969"]}]
    expected = [{"question": "where was it filmed", "answer": ["Oslo", "Bergen"]}, {"question": "when", "answer": ["1969"]}]
    assert table(capsys, parquet(tmp_path / "train.parquet", rows)) == expected
    assert table(capsys, lines(tmp_path / "NQ-open.train.jsonl", rows)) == expected
    # the whole of Natural Questions: short answers are lists in a list
    whole = {
        "question": {"text": "who sang it", "tokens": ["who", "sang", "it"]},
        "annotations": {"short_answers": [{"text": [], "start_token": []}, {"text": ["Ann", "Bo"], "start_token": [1, 2]}]},
    }
    named = ["--question", "question.text", "--answers", "annotations.short_answers"]
    path = parquet(tmp_path / "nq.parquet", [whole])
    assert table(capsys, path, *named) == [{"question": "who sang it", "answer": ["Ann", "Bo"]}]


def test_simpleqa(tmp_path, capsys):
    metadata = str({"topic": "Science and technology", "answer_type": "Person", "urls": ["a", "b's"]})
    rows = [{"metadata": metadata, "problem": "Who got the award in 2010?", "answer": "Michio Sugeno"}]
    expected = {"question": "Who got the award in 2010?", "answer": ["Michio Sugeno"]}
    path = csv_file(tmp_path / "simple_qa_test_set.csv", rows)
    assert table(capsys, path) == [{**expected, "relation": "Science and technology"}]
    assert table(capsys, path, "--relation", "metadata.answer_type") == [{**expected, "relation": "Person"}]
    verified = [{"problem": rows[0]["problem"], "answer": "Michio Sugeno", "topic": "Art"}]
    assert table(capsys, csv_file(tmp_path / "verified.csv", verified)) == [{**expected, "relation": "Art"}]
    broken = csv_file(tmp_path / "broken.csv", [rows[0], {**rows[0], "metadata": "{'topic': array(['x'])}"}])
    code, out, err = run(capsys, broken)
    assert (code, len(rows_of(out))) == (0, 1)
    assert err == f"left out: 1 without a relation in 'metadata.topic' (first: {broken}, row 2)\n"


def mkqa_answer(kind, text, aliases=None, **more):
    return {"type": kind, "entity": "Q1", "text": text, **({} if aliases is None else {"aliases": aliases}), **more}


def mkqa(question, english, german):
    return {
        "query": question,
        "queries": {"en": question, "de": f"{question} (de)"},
        "answers": {"en": english, "de": german},
        "example_id": 563260143484355911,
    }


MKQA = [
    mkqa("who sings", [mkqa_answer("entity", "Dave Edmunds", [])], [mkqa_answer("entity", "Edmunds ", ["Dave Edmunds", "Dave"])]),
    mkqa("how", [mkqa_answer("long_answer", None)], [mkqa_answer("long_answer", None)]),
    mkqa("why me", [mkqa_answer("unanswerable", None)], [mkqa_answer("unanswerable", None)]),
    mkqa("when", [mkqa_answer("date", "2005-01-01", ["2005"]), mkqa_answer("date", "2006")], [mkqa_answer("date", "2005")]),
    mkqa("no text", [mkqa_answer("number", "")], [mkqa_answer("number", "1")]),
]


def test_mkqa(tmp_path, capsys):
    path = lines(tmp_path / "mkqa.jsonl.gz", MKQA)
    code, out, err = run(capsys, path)
    assert code == 0
    assert rows_of(out) == [
        {"question": "who sings", "answer": ["Dave Edmunds"]},
        {"question": "when", "answer": ["2005-01-01", "2005", "2006"]},
    ]
    assert err.splitlines() == [
        f"left out: 1 with a long answer alone (first: {path}, row 2)",
        f"left out: 1 unanswerable (first: {path}, row 3)",
        f"left out: 1 without an answer in 'answers.en' (first: {path}, row 5)",
    ]
    code, out, err = run(capsys, path, "--language", "de", "--output", tmp_path / "de.jsonl")
    assert rows_of((tmp_path / "de.jsonl").read_text())[0]["answer"] == ["Edmunds", "Dave Edmunds", "Dave"]
    assert out == f'# 3 rows\n[data]\nfacts    = "{tmp_path}/de.jsonl"\nlanguage = de\n'
    assert run(capsys, path, "--language", "ja", "--output", tmp_path / "ja.jsonl")[0] == 2
    assert run(capsys, path, "--language", "english")[0] == 2
    # in Parquet files types are numbers
    numbered = json.loads(json.dumps(MKQA))
    for row in numbered:
        for answers in row["answers"].values():
            for one in answers:
                one["type"] = ["entity", "long_answer", "unanswerable", "date", "number"].index(one["type"])
    code, out, err = run(capsys, parquet(tmp_path / "0000.parquet", numbered))
    assert [row["question"] for row in rows_of(out)] == ["who sings", "when"]
    assert "1 with a long answer alone" in err and "1 unanswerable" in err


def test_squad(tmp_path, capsys):
    rows = [
        {"title": "A", "context": "c" * 200_000, "question": "Who?", "answers": {"text": ["Ann", "Ann", "Bo"], "answer_start": [1, 1, 2]}},
        {"title": "A", "context": "c", "question": "Why?", "answers": {"text": [], "answer_start": []}},
    ]
    in_object = {"version": "2", "data": rows}
    one_line = tmp_path / "c.json"
    one_line.write_text(json.dumps(in_object))
    for path in (listed(tmp_path / "a.json", rows), listed(tmp_path / "b.json", in_object), one_line, parquet(tmp_path / "a.parquet", rows)):
        code, out, err = run(capsys, path, "--subject", "title")
        assert (code, rows_of(out)) == (0, [{"question": "Who?", "answer": ["Ann", "Bo"], "subject": "A"}])
        assert err == f"left out: 1 without an answer in 'answers' (first: {path}, row 2)\n"
    as_text = csv_file(tmp_path / "a.csv", [{**rows[0], "answers": str(rows[0]["answers"])}])
    assert table(capsys, as_text) == [{"question": "Who?", "answer": ["Ann", "Bo"]}]


def test_named_columns_and_splits(tmp_path, capsys):
    rows = [
        {"frage": "Wann?", "antwort": 2005.0, "wer": "Ann", "art": 7, "teil": "validation"},
        {"frage": "Wo?", "antwort": 3.5, "wer": "Bo", "art": 7, "teil": "Test"},
        {"frage": "Wie?", "antwort": None, "wer": "Bo", "art": 7, "teil": "train"},
        {"frage": "Wer?", "antwort": 1, "wer": "Bo", "art": 7, "teil": "eval"},
        {"frage": None, "antwort": 1, "wer": "Bo", "art": 7, "teil": "train"},
        {"frage": "Was?", "antwort": 1, "wer": "", "art": 7, "teil": "train"},
    ]
    names = ["--question", "frage", "--answers", "antwort", "--subject", "wer", "--relation", "art", "--split", "teil"]
    path = parquet(tmp_path / "a.parquet", rows)
    code, out, err = run(capsys, path, *names)
    assert rows_of(out) == [
        {"question": "Wann?", "answer": ["2005"], "subject": "Ann", "relation": "7", "split": "dev"},
        {"question": "Wo?", "answer": ["3.5"], "subject": "Bo", "relation": "7", "split": "test"},
    ]
    assert err.splitlines() == [
        f"left out: 1 without an answer in 'antwort' (first: {path}, row 3)",
        f"left out: 1 of no split: 'teil' is not train, dev, validation, valid, val, test (first: {path}, row 4: 'eval')",
        f"left out: 1 without a question in 'frage' (first: {path}, row 5)",
        f"left out: 1 without a subject in 'wer' (first: {path}, row 6)",
        "note: no train questions, of which factsweep needs some",
    ]
    # columns that are called as factsweep calls them are taken
    own = [{"question": "Who?", "answer": "Ann", "subject": "S", "relation": "R", "split": "val", "more": "x"}]
    expected = {"question": "Who?", "answer": ["Ann"], "subject": "S", "relation": "R", "split": "dev"}
    code, out, err = run(capsys, lines(tmp_path / "own.jsonl", own))
    assert (code, rows_of(out)) == (0, [expected])
    code, out, err = run(capsys, "--test", tmp_path / "own.jsonl")
    assert rows_of(out) == [{**expected, "split": "test"}]


def test_files_of_splits(tmp_path, capsys):
    train, more, test = plain(tmp_path, "1.jsonl", 2), plain(tmp_path, "2.jsonl", 1, 2), plain(tmp_path, "3.jsonl", 1, 3)
    code, out, err = run(capsys, "--train", train, more, "--test", test, "--output", tmp_path / "out.jsonl")
    assert [row["split"] for row in rows_of((tmp_path / "out.jsonl").read_text())] == ["train", "train", "train", "test"]
    assert out.startswith("# 4 rows; split: train 3, test 1\n[data]\n")
    assert err == "note: no dev questions, of which factsweep needs some: --dev-share 0.1 takes a tenth of the train questions\n"
    rows = table(capsys, "--train", plain(tmp_path, "many.jsonl", 1000), "--test", test, "--dev-share", "0.1")
    dev = {row["question"] for row in rows if row["split"] == "dev"}
    assert 60 < len(dev) < 140 and sum(row["split"] == "test" for row in rows) == 1
    other = table(capsys, "--train", tmp_path / "many.jsonl", "--test", test, "--dev-share", "0.1", "--seed", "2")
    assert {row["question"] for row in other if row["split"] == "dev"} != dev


def test_random_sample(tmp_path, capsys):
    path = plain(tmp_path, "a.jsonl", 300)
    rows = table(capsys, path, "--limit", "50")
    assert len(rows) == 50 and table(capsys, path, "--limit", "50") == rows
    order = [int(row["answer"][0][1:]) for row in rows]
    assert order == sorted(order) and max(order) > 200
    assert table(capsys, path, "--limit", "50", "--seed", "2") != rows
    # a larger sample holds the smaller one, and what stands beside a question does not matter
    assert [row for row in table(capsys, path, "--limit", "90") if row in rows] == rows
    assert table(capsys, "--limit", "1000", path) == table(capsys, path)
    # all rows of a question, or none
    again = plain(tmp_path, "b.jsonl", 300)
    twice = table(capsys, path, again, "--limit", "50")
    assert twice == rows + rows


@pytest.mark.parametrize(
    "answer, found",
    [
        ("Oslo", ["Oslo"]),
        (" Oslo\n", ["Oslo"]),
        ('["Oslo", "\\u00e5"]', ["Oslo", "å"]),
        ("['Oslo', \"Ann's\"]", ["Oslo", "Ann's"]),
        ("['Oslo' 'Bergen']", None),  # numpy's
        ("['Oslo'\n 'Bergen']", None),
        ("{'text': array(['Oslo'], dtype=object)}", None),
        ("[redacted]", None),
        (["[redacted]", None, "", 7], ["[redacted]", "7"]),
        (["two\nlines", "one"], ["one"]),
        (["two\rlines"], None),
        (2005.0, ["2005"]),
        ("2005.0", ["2005.0"]),
        (float("nan"), None),
        (True, None),
        ("\ud800", None),
        ("\u3000Tōkyō\u00a0", ["Tōkyō"]),
        ({"value": "<unk>"}, None),
        ([], None),
    ],
)
def test_answers(tmp_path, capsys, answer, found):
    path = lines(tmp_path / "a.jsonl", [{"question": "Q?", "answer": "first"}, {"question": "Who?", "answer": answer}])
    code, out, err = run(capsys, path)
    assert code == 0
    assert [row["answer"] for row in rows_of(out)[1:]] == ([found] if found else [])
    assert ("left out: 1 " in err) == (found is None or found == ["one"])


def test_csv_output_is_the_same_table(tmp_path, capsys):
    rows = [
        {"question": 'Who said "a,b"\rand; c?', "answer": ['"x"', "[y]"], "subject": "S\ts"},
        {"question": "Wer?\nWas?", "answer": ["é"], "subject": '"'},
    ]
    path = lines(tmp_path / "a.jsonl", rows)
    assert run(capsys, path, "--output", tmp_path / "a.csv")[0] == 0
    with open(tmp_path / "a.csv", encoding="utf-8", newline="") as file:
        read = list(csv.DictReader(file, strict=True))
    assert [{**row, "answer": json.loads(row["answer"])} for row in read] == rows == table(capsys, path)
    assert b"\r" not in (tmp_path / "a.csv").read_bytes().replace(b"b\"\"\rand", b"")
    assert sorted(one.name for one in tmp_path.iterdir()) == ["a.csv", "a.jsonl"]


def test_bad_flags_are_said(tmp_path, capsys):
    path, other = plain(tmp_path, "a.jsonl", 2), csv_file(tmp_path / "test.tsv", POPQA, "\t")
    for arguments, message in [
        ([], "name files, either all with --train"),
        ([path, "--test", path], "name files, either all with --train"),
        ([path, "--question", "question"], "--question and --answers name columns together."),
        (["--test", path, "--split", "s"], "--split names a column"),
        ([path, "--form", "plain", "--question", "q", "--answers", "a"], "--form has columns of its own"),
        ([path, "--output", "out.parquet"], "out.parquet has to end in .jsonl or .csv."),
        ([path, "--output", path], "is also an input."),
        ([path, "--limit", "0"], "argument --limit"),
        ([path, "--dev-share", "1"], "argument --dev-share"),
        ([path, "--dev-share", "0.1"], "--dev-share takes of train questions, and there is no split"),
        ([path, "--language", "de"], "is not of MKQA's form, so --language has no effect."),
        ([path, "--form", "popqa"], "there is no 'obj'. There are: question, answer."),
        ([path, "--question", "frage", "--answers", "answer"], "there is no 'frage'. There are: question, answer."),
        ([path, "--relation", "meta.topic"], "there is no 'meta.topic'. There are: question, answer."),
        ([path, other], f"{other}: gives subject, relation, and {path} gives questions and answers alone."),
        ([tmp_path / "nowhere.csv"], "No such file"),
    ]:
        code, out, err = run(capsys, *arguments)
        assert code == 2 and message in err, err


def test_answers_in_several_columns_and_in_one_cell(tmp_path, capsys):
    rows = [{"question": "Who?", "answer": "Ann", "possible_answers": "Ann|Bo | Cy"}, {"question": "Why?", "answer": "So", "possible_answers": ""}]
    path = csv_file(tmp_path / "a.csv", rows)
    code, out, err = run(capsys, path)
    assert code == 0 and [row["answer"] for row in rows_of(out)] == [["Ann"], ["So"]]
    assert err == f"note: {path}: not read: possible_answers; --answers names columns of answers\n"
    named = ["--question", "question", "--answers", "answer", "--answers", "possible_answers"]
    code, out, err = run(capsys, path, *named, "--answer-separator", "|")
    assert (code, err) == (0, "")
    assert [row["answer"] for row in rows_of(out)] == [["Ann", "Bo", "Cy"], ["So"]]
    code, out, _ = run(capsys, path, *named)
    assert [row["answer"] for row in rows_of(out)] == [["Ann", "Ann|Bo | Cy"], ["So"]]
