"""The words of each study: every section is used, and those that the code names are there."""

import re
from importlib import resources

import pytest

import analysis
from analysis import words
from analysis.report import STUDIES


@pytest.mark.parametrize("study", STUDIES)
def test_every_section_is_named_in_the_code_or_in_another_one(study):
    folder = resources.files(analysis) / study
    code = "".join(f.read_text() for f in folder.iterdir() if f.name.endswith(".py"))
    sections = words._sections(study)
    named = {other for found in sections.values() for other in found}
    for name in sections.keys() - {"methods"}:
        assert f'"{name}"' in code or f"= {name}" in named, name
    for name in re.findall(r'(?:note|told)\(\s*"([^"]+)"', code):
        assert name in sections, name


def test_a_section_may_stand_in_another_and_is_filled_in():
    text = words.words("slick", "table3_idk", percent=50.0, early_stop="x")
    assert text[0] == 'Table 3: relabelling Unknown as "I don\'t know", 50 % Unknown (percent)'
    assert text[-1] == words.words("slick", "chance")[0] and "\n" not in text[-1]
    with pytest.raises(KeyError):
        words.words("slick", "nothing of the kind")
