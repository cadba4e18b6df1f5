"""docs/sql.md is true: each section has an example that runs, each function it lists exists, and each that exists is listed."""

import re
from pathlib import Path

import pytest

import exdbsql
from exdbsql.engine.database import Database
from exdbsql.engine.query.aggregates import AGGREGATE_NAMES, WINDOW_FUNCTIONS
from exdbsql.engine.query.bind_special import FORMS
from exdbsql.engine.query.functions import FUNCTIONS
from exdbsql.engine.query.prepare import Planner
from exdbsql.engine.query.tokens import SPECIAL_FORMS
from exdbsql.schema.dictionary import Dictionary
from exdbsql.schema.errors import Error

DOCUMENT = (Path(__file__).parents[3] / "docs" / "sql.md").read_text(encoding="utf-8")
LISTED = set(
    re.findall(r"`(\w+)`", DOCUMENT.partition("<!-- functions -->")[2].partition("<!-- end of functions -->")[0])
)
WRITTEN_OTHERWISE = {"interval", "row", "overlaps"}
"""What has a syntax of its own, though the engine has it as a function."""


def test_each_function_that_exists_is_listed() -> None:
    existing = {*FUNCTIONS, *AGGREGATE_NAMES, *WINDOW_FUNCTIONS, *FORMS} - WRITTEN_OTHERWISE
    assert existing - LISTED == set()


@pytest.mark.parametrize("name", sorted(LISTED))
def test_each_function_that_is_listed_exists(name: str) -> None:
    try:
        Planner(Database(Dictionary())).prepare(f"SELECT {name}()")
    except Error as error:
        assert error.message != f"function {name} does not exist"
        assert error.sqlstate != "0A000" or "outside of FROM" in error.message


def test_each_section_has_an_example_that_runs() -> None:
    con = exdbsql.connect()
    sections = re.split(r"^#+ ", DOCUMENT, flags=re.MULTILINE)
    for section in sections[1:]:
        title = section.partition("\n")[0]
        blocks = re.findall(r"^```sql\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)
        for block in blocks:
            con.execute(block)
        if title not in ("Queries", "Changes", "Expressions", "Functions", "Functions of your own", "What is left out"):
            assert blocks, f"the section {title} has no example"


def test_the_forms_that_the_parser_is_kept_from_knowing_are_those_of_the_binder() -> None:
    assert set(FORMS) == SPECIAL_FORMS
