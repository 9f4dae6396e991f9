"""Cells keep the numbers that they show: a CSV has them a row each, and the page sorts by them."""

import math

import numpy as np
import pytest
from reports import csv_rows, report
from synthetic_slick import World, write

from analysis.html import Section
from analysis.statistics import Interval, crossed_mean
from analysis.table import NONE, NUMBERS, Table, between, duration, number, numbers, percent


def of(*rows):
    table = Table("t", "T")
    for cells in rows:
        table.row(*cells)
    return table


def test_a_row_a_number_named_by_texts_and_heads():
    known = Interval(62.5, 51.25, 71.75, runs=3, examples=100)
    table = of(
        [("method", "ft"), ("locality", between(known)), ("exact", number(1))],
        [("method", "rome"), ("locality", number(None)), ("exact", number(3))],
    )
    table.columns.append("exact")
    table.rows[0].append(number(2))
    table.rows[1].append(NONE)
    assert table.rows[0][1] == "62.5 [51.2, 71.8]" and table.rows[1][1] == NONE
    assert table.csv_rows() == [
        ["method", *NUMBERS],
        ["ft", "locality", "62.5", "51.25", "71.75", "3", "100"],
        ["ft", "locality exact", "1", "", "", "", ""],
        ["ft", "locality exact", "2", "", "", "", ""],
        ["rome", "locality exact", "3", "", "", "", ""],
    ]


def test_several_numbers_in_a_cell_and_units():
    shown = numbers([66.04, None, 28.3], names=("reliability", "generality", "locality"))
    table = of([("method", "ft"), ("paper X", shown), ("time", duration(150))])
    assert shown == "66.0 / - / 28.3" and table.rows[0][2] == "2.5 min"
    assert [row[1:3] for row in table.csv_rows()[1:]] == [
        ["paper X reliability", "66.04"],
        ["paper X locality", "28.3"],
        ["time (s)", "150"],
    ]


def test_texts_alone_stay_a_table():
    assert of([("a", "x"), ("b", "1")]).csv_rows() == [["a", "b"], ["x", "1"]]


def test_seeds_and_examples_are_counted():
    found = percent(crossed_mean(np.array([[100.0, 0, 100], [0, 0, math.nan]]))).found[0]
    assert (found.runs, found.examples) == (2, 3) and 0 <= found.low < found.value < found.high


def test_published_columns_without_a_number_go_with_their_notes():
    for cell, heads in ((NONE, ["a"]), ("1.0", ["a", "paper X"])):
        table = of([("a", "x"), ("paper X", cell)])
        table.notes = ["of ours", "paper: theirs"]
        table.without_unpublished()
        assert table.columns == heads and len(table.notes) == len(heads)


def test_the_page_sorts_by_the_number_and_not_by_what_is_shown():
    section = Section("S")
    section.table(of([("a", "x"), ("time", duration(150))]), "t")
    assert "<td data-v=150>2.5 min</td>" in section.parts[0]


@pytest.mark.usefixtures("without_files")
def test_the_data_of_a_figure_are_those_of_the_table(tmp_path):
    folder = report(write(tmp_path / "s.h5", World(epochs=4, questions=12)))
    table = csv_rows(folder, "results")
    last = {row[0].split()[0]: row[3:] for row in table if row[2] == "CONV test"}
    figure = csv_rows(folder, "figure3a_unknown_ratio")
    begin = ["a training duration", "CONVERGENCE (4)"]
    drawn = {row[5]: row[6:] for row in figure if row[:2] == begin}
    assert drawn == last and len(drawn) == 7
    assert all(row[3] == "3" and row[4] == "48" for row in drawn.values())
