"""The numbers that papers print, read from data files."""

from pathlib import Path

from analysis.published import paper_table
from analysis.report import STUDIES

TABLES = {"flearning": "abilities", "kshot": "method", "slick": "fit"}
SOURCE = Path(__file__).resolve().parents[2] / "analysis"


def test_every_study_has_numbers():
    assert set(TABLES) == set(STUDIES)
    for study, name in TABLES.items():
        assert paper_table(study, name)
        assert paper_table(study, "no such table") == {}


def test_cells_are_numbers_or_words():
    original = paper_table("flearning", "outcomes zsre")["original"]
    assert original["LLaMA2-7B"] == (43.70, 43.17, None)  # the original model has no locality
    assert "BLOOM-7B" not in paper_table("flearning", "outcomes zsre")["rome"]
    natural = paper_table("slick", "single_category", str)["natural"]
    assert natural["early_stop"] == ("43.5", "98.0*", "67.6**", "14.1", "1.8")


def test_every_line_says_where_its_numbers_are_from():
    for study in STUDIES:
        lines = (SOURCE / study / "published.csv").read_text(encoding="utf-8").splitlines()
        head, *rows = [line.split(",") for line in lines if not line.startswith("#")]
        assert [name.strip() for name in head[:4]] == ["arXiv", "place", "table", "row"]
        for row in rows:
            assert len(row) == len(head) and all(cell.strip() for cell in row[:4])
