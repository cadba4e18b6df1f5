"""Formats for programs."""

import csv
import decimal
import io
import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exdbsql.shell.formats import distinct_names, render
from exdbsql.shell.local_result import columns
from exdbsql.shell.settings import FORMATS, Settings
from exdbsql.shell.tables import Look

COLUMNS = columns(("n", "integer"), ("text", "text"))


def lines(format_, rows, heads=COLUMNS):
    return list(render(heads, rows, Settings(format=format_), Look(), 80))


def test_csv_tells_null_from_the_empty_string():
    assert lines("csv", [(1, None), (2, ""), (None, 'a "b", c\nd')]) == [
        "n,text",
        "1,",
        '2,""',
        ',"a ""b"", c\nd"',
    ]


def test_tsv_escapes():
    assert lines("tsv", [(1, None), (2, "a\tb\nc\\N")]) == ["n\ttext", "1\t\\N", "2\ta\\tb\\nc\\\\N"]


def test_json_is_exact_and_valid():
    rows = [(1, None), (decimal.Decimal("0.10"), "ä\n"), (float("nan"), "")]
    text = "\n".join(lines("json", rows))
    assert "0.10" in text
    assert json.loads(text) == [{"n": 1, "text": None}, {"n": 0.1, "text": "ä\n"}, {"n": "NaN", "text": ""}]
    assert lines("json", []) == ["[", "]"]


def test_jsonl_is_one_object_per_line():
    assert [json.loads(line) for line in lines("jsonl", [(1, "a"), (2, "b\n")])] == [
        {"n": 1, "text": "a"},
        {"n": 2, "text": "b\n"},
    ]


def test_two_columns_of_one_name_both_arrive():
    heads = columns(("a", "integer"), ("a", "integer"))
    assert json.loads(lines("jsonl", [(1, 2)], heads)[0]) == {"a": 1, "a_2": 2}
    assert distinct_names(["a", "a_2", "a", "a"]) == ["a", "a_2", "a_3", "a_4"]


def test_markdown():
    assert lines("markdown", [(1, "a|b"), (2, "x\ny")]) == [
        "| n | text |",
        "|---:|---|",
        "| 1 | a\\|b |",
        "| 2 | x<br>y |",
    ]


@pytest.mark.parametrize("format_", FORMATS)
def test_every_format_writes_no_rows_and_some(format_):
    assert len(lines(format_, [(1, "x"), (None, None)])) > len(lines(format_, []))


@given(st.lists(st.tuples(st.integers(), st.text())))
def test_csv_reads_back(rows):
    text = "".join(line + "\n" for line in lines("csv", rows))
    back = list(csv.reader(io.StringIO(text, newline="")))
    assert back[1:] == [[str(n), t] for n, t in rows]


@given(st.lists(st.text(), min_size=1, max_size=4))
def test_tsv_reads_back(values):
    heads = columns(*((f"c{i}", "text") for i in range(len(values))))
    body = lines("tsv", [tuple(values)], heads)[1]
    signs = {"t": "\t", "n": "\n", "r": "\r", "\\": "\\"}
    back = [re.sub(r"\\(.)", lambda match: signs[match[1]], field) for field in body.split("\t")]
    assert "\n" not in body
    assert back == values
