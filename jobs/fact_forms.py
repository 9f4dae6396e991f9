"""Which columns of a data set are questions and answers, and what their values say. For jobs/facts.py."""
import argparse
import ast
import io
import itertools
import json
import math
import tokenize
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from data_files import BadInput, Row, Source

Record = dict[str, Any]

NOT_UTF8 = "with text that is not UTF-8"
SPLITS = {"train": "train", "dev": "dev", "validation": "dev", "valid": "dev", "val": "dev", "test": "test"}
MKQA_LANGUAGES = "ar da de en es fi fr he hu it ja km ko ms nl no pl pt ru sv th tr vi zh_cn zh_hk zh_tw".split()
# MKQA's Parquet files have their places in this list instead
MKQA_TYPES = "entity long_answer unanswerable date number number_with_unit short_phrase binary".split()


class LeftOut(Exception):
    """Why a row cannot be used; `value` is what of the row says so."""

    def __init__(self, reason: str, value: str = ""):
        super().__init__(reason)
        self.reason, self.value = reason, value


@dataclass(frozen=True)
class Form:
    """Names of columns. All answers of the columns `answers` are right; the first of the first is the one that is taught."""

    question: str
    answers: tuple[str, ...]
    subject: str | None = None
    relation: str | None = None
    split: str | None = None
    is_mkqa: bool = False
    is_plain: bool = False  # of no data set that is known by its columns
    separator: str | None = None  # of the answers in one text

    def names(self) -> list[str]:
        return [name for name in (self.question, *self.answers, self.subject, self.relation, self.split) if name]


# the columns that tell a form
FORMS = {
    "popqa": ("question", "obj", "possible_answers", "subj", "prop"),
    "mkqa": ("queries", "answers"),
    "simpleqa": ("problem", "answer"),
    "plain": ("question",),
}


def column_of(name: str, columns: list[str]) -> str:
    return name if name in columns else name.split(".")[0]


def check_columns(names: list[str], source: Source) -> None:
    for name in names:
        if column_of(name, source.columns) not in source.columns:
            raise BadInput(f"{source.path}: there is no '{name}'. There are: {', '.join(source.columns)}.")


def form_named(name: str, source: Source, language: str) -> Form:
    check_columns(list(FORMS[name]), source)

    def if_there(*names: str) -> str | None:
        return next((one for one in names if column_of(one, source.columns) in source.columns), None)

    if name == "popqa":
        return Form("question", ("obj", "possible_answers"), "subj", "prop")
    if name == "mkqa":
        return Form(f"queries.{language}", (f"answers.{language}",), is_mkqa=True)
    if name == "simpleqa":
        return Form("problem", ("answer",), relation=if_there("metadata.topic", "topic"))
    answers = [one for one in ("answer", "answers") if one in source.columns]
    if len(answers) != 1:
        there = "both 'answer' and 'answers'" if answers else f"no 'answer' or 'answers', but {', '.join(source.columns)}"
        raise BadInput(f"{source.path}: has {there}. Name the columns with --question and --answers.")
    optional = [if_there(name) for name in ("subject", "relation", "split")]
    return Form("question", (answers[0],), *optional, is_plain=True)


def form_of(source: Source, flags: argparse.Namespace) -> Form:
    if flags.question:
        form = Form(flags.question, tuple(flags.answers), is_plain=True)
    else:
        fits = [name for name, columns in FORMS.items() if set(columns) <= set(source.columns)]
        if not fits and not flags.form:
            there = ", ".join(source.columns) or "there are none"
            raise BadInput(f"{source.path}: its columns tell no form: {there}. Name them with --question and --answers.")
        form = form_named(flags.form or fits[0], source, flags.language or "en")
    if flags.language and not form.is_mkqa:
        raise BadInput(f"{source.path}: is not of MKQA's form, so --language has no effect. Leave it out.")
    form = replace(form, **{key: getattr(flags, key) for key in ("subject", "relation", "split") if getattr(flags, key)})
    form = replace(form, separator=flags.answer_separator)
    check_columns(form.names(), source)
    return form


def parsed(text: str) -> Any:
    """The list or object that a text writes in JSON or in Python; None where it is neither. Python reads ['a' 'b'], which
    numpy writes, as one text: that is neither, too."""
    with suppress(ValueError, RecursionError):
        return json.loads(text)
    with suppress(ValueError, SyntaxError, MemoryError, RecursionError, tokenize.TokenError):
        value = ast.literal_eval(text.strip())
        tokens = tokenize.generate_tokens(io.StringIO(text.strip()).readline)
        kinds = [token.type for token in tokens if token.type not in (tokenize.NL, tokenize.NEWLINE)]
        if (tokenize.STRING, tokenize.STRING) not in itertools.pairwise(kinds):
            return value
    return None


def value_at(row: Row, name: str) -> Any:
    if name in row:
        return row[name]
    value: Any = row
    for key in name.split("."):
        if isinstance(value, str):
            value = parsed(value)
        if isinstance(value, list):
            value = [one.get(key) for one in value if isinstance(one, dict)]
        else:
            value = value.get(key) if isinstance(value, dict) else None
    return value


def number_text(number: int | float | Decimal) -> str | None:
    """A year is 2005.0 in a column with gaps."""
    if not isinstance(number, int) and not math.isfinite(number):
        return None
    return str(int(number)) if number == int(number) and abs(number) < 1e15 else str(number)


def plain_text(value: Any) -> str | None:
    """Without white space at its ends. None: it is empty, or neither a text nor a number."""
    if isinstance(value, bytes):
        value = value.decode("utf-8", "surrogateescape")
    elif isinstance(value, (int, float, Decimal)) and not isinstance(value, bool):
        value = number_text(value)
    text = value.strip() if isinstance(value, str) else ""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise LeftOut(NOT_UTF8) from None
    return text or None


def answers_in(value: Any) -> Iterator[str]:
    """The texts of TriviaQA's {"value", "aliases"}, SQuAD's {"text"}, MKQA's {"text", "aliases"}, of lists of these, of
    texts and of numbers."""
    if isinstance(value, list):
        for one in value:
            yield from answers_in(one)
    elif isinstance(value, dict):
        for names in (("value", "text", "aliases"), ("normalized_value", "normalized_aliases")):
            found = [text for text in answers_in([value.get(name) for name in names]) if text != "<unk>"]  # of TriviaQA's test
            if found:
                yield from found
                break
    elif value is not None:
        text = plain_text(value)
        if text is not None:
            yield text
        elif not isinstance(value, (str, bytes, float, Decimal)):
            raise LeftOut("with an answer that is neither a text nor a number", repr(value)[:40])


def answers_of(value: Any, separator: str | None) -> list[str]:
    """A text may be a list, which PopQA's is; any other is several texts where it has separators."""
    text = value.strip() if isinstance(value, str) else ""
    if text[:1] + text[-1:] in ("[]", "{}"):
        value = parsed(text)
        if not isinstance(value, (list, dict)):
            raise LeftOut("with answers in brackets that are neither JSON nor Python", repr(text[:40]))
    elif separator:
        value = text.split(separator)
    return list(answers_in(value))


def short_answers(answers: Any) -> list[Any]:
    """Of MKQA's. LeftOut: there is none."""
    listed = [one for one in answers or [] if isinstance(one, dict)]
    kinds = [one.get("type") for one in listed]
    kinds = [MKQA_TYPES[kind] if isinstance(kind, int) and 0 <= kind < len(MKQA_TYPES) else kind for kind in kinds]
    short = [one for one, kind in zip(listed, kinds) if kind not in ("unanswerable", "long_answer")]
    if listed and not short:
        raise LeftOut("unanswerable" if "unanswerable" in kinds else "with a long answer alone")
    return short


def record_of(row: Row | None, form: Form, split: str | None, drop: Callable[[LeftOut], None]) -> Record:
    """What the table says of a row. LeftOut: factsweep would refuse it. Answers that it would refuse beside others are told
    to `drop`."""
    if row is None:
        raise LeftOut(NOT_UTF8)
    question = plain_text(value_at(row, form.question))
    if question is None:
        raise LeftOut(f"without a question in '{form.question}'")
    answers: list[str] = []
    for name in form.answers:
        value = value_at(row, name)
        answers += answers_of(short_answers(value) if form.is_mkqa else value, form.separator)
    answers = list(dict.fromkeys(answers))
    lines = [text for text in answers if "\n" not in text and "\r" not in text]
    if not lines:
        raise LeftOut("with a line break in every answer" if answers else f"without an answer in '{form.answers[-1]}'")
    for _ in range(len(answers) - len(lines)):
        drop(LeftOut("answers with a line break, of rows with others"))
    record: Record = {"question": question, "answer": lines}
    for key, name in (("subject", form.subject), ("relation", form.relation)):
        if name:
            record[key] = plain_text(value_at(row, name))
            if record[key] is None:
                raise LeftOut(f"without a {key} in '{name}'")
    if split is None and form.split:
        written = plain_text(value_at(row, form.split)) or ""
        split = SPLITS.get(written.lower())
        if split is None:
            raise LeftOut(f"of no split: '{form.split}' is not {', '.join(SPLITS)}", repr(written))
    if split:
        record["split"] = split
    return record
