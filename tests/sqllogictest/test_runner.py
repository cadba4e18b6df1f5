"""The runner sees what is wrong: a runner that passes everything would pass the files too."""

import runpy
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest

from sqllogic.records import FormatError, read_records
from sqllogic.results import hashed
from sqllogic.runner import completed, run_file

ROOT = Path(__file__).parents[2]


def failures(tmp_path: Path, text: str) -> list[str]:
    path = tmp_path / "some.test"
    path.write_text(dedent(text))
    return [failure.reason for failure in run_file(path).failures]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("statement ok\nSELECT nope", 'ProgrammingError 42703: column "nope" does not exist'),
        ("statement error\nSELECT 1", "it should have failed"),
        ("query I nosort\nSELECT 1\n----\n2", "expected 2, got 1"),
        ("query I nosort\nSELECT 1\n----", "expected nothing, got 1"),
        ("query II nosort\nSELECT 1\n----\n1", "2 columns expected, 1 given"),
        ("query I nosort\nSELECT * FROM (VALUES (2), (1)) AS v\n----\n1\n2", "expected 1, 2, got 2, 1"),
        ("query T nosort\nSELECT ''\n----\n", "expected nothing, got (empty)"),
        ("query I nosort\nSELECT nope\n----\n1", 'ProgrammingError 42703: column "nope" does not exist'),
    ],
)
def test_a_failure_is_seen(tmp_path: Path, text: str, reason: str) -> None:
    assert failures(tmp_path, text) == [reason]


def test_a_wrong_hash_is_seen(tmp_path: Path) -> None:
    right = hashed(["1", "2"])
    text = "query I rowsort\nSELECT * FROM (VALUES (2), (1)) AS v\n----\n"
    assert failures(tmp_path, text + right) == []
    (reason,) = failures(tmp_path, text + right.replace("2 values", "3 values"))
    assert reason.startswith("expected 3 values hashing to")


def test_a_hash_is_of_values_and_newlines() -> None:
    assert hashed([]) == "0 values hashing to d41d8cd98f00b204e9800998ecf8427e"
    assert hashed(["a"]) == "1 values hashing to 60b725f10c9c85c70d97880dfe8191b3"


def test_queries_of_one_label_must_agree(tmp_path: Path) -> None:
    text = "query I nosort x\nSELECT 1\n----\n1\n\nquery I nosort x\nSELECT 2\n----\n2\n"
    assert failures(tmp_path, text) == ["not what other queries with the label x give"]


def test_records_know_their_lines() -> None:
    text = "# comment\n\nstatement ok # why\nSELECT 1,\n2\n\nquery I rowsort label\nSELECT 1\n----\n1\n"
    first, second = read_records(text)
    assert (first.line, first.sql, first.fails) == (3, "SELECT 1,\n2", False)
    assert (second.line, second.types, second.sort, second.label, second.expected) == (
        7,
        "I",
        "rowsort",
        "label",
        ("1",),
    )


def test_conditions_are_by_database() -> None:
    text = "skipif mysql\nstatement ok\nSELECT 1\n\nonlyif mysql\nstatement ok\nSELECT 2\n\nstatement ok\nSELECT 3\n"
    assert [r.sql for r in read_records(text, "mysql")] == ["SELECT 2", "SELECT 3"]
    assert [r.sql for r in read_records(text, "postgresql")] == ["SELECT 1", "SELECT 3"]


@pytest.mark.parametrize(
    "text",
    ["something", "statement", "statement maybe\nSELECT 1", "query X\nSELECT 1", "query I anysort\nSELECT 1", "skipif"],
)
def test_what_is_no_record_is_refused(text: str) -> None:
    with pytest.raises(FormatError, match="line 1"):
        list(read_records(text))


def test_a_new_file_is_completed() -> None:
    text = dedent("""\
        hash-threshold 2

        statement ok
        CREATE TABLE t (a integer)

        query I nosort
        SELECT 1

        query I nosort
        SELECT 2
        ----
        something old

        query III nosort
        SELECT 1, 2, 3
        """)
    lines = list(completed(text))
    assert lines == [
        *("hash-threshold 2", "", "statement ok", "CREATE TABLE t (a integer)", ""),
        *("query I nosort", "SELECT 1", "----", "1", ""),
        *("query I nosort", "SELECT 2", "----", "2", ""),
        *("query III nosort", "SELECT 1, 2, 3", "----", hashed(["1", "2", "3"])),
    ]


def test_the_command(tmp_path: Path) -> None:
    good, bad = tmp_path / "good.test", tmp_path / "bad.test"
    good.write_text("query I nosort\nSELECT 1\n----\n1\n")
    bad.write_text("query I nosort\nSELECT 1\n----\n2\n")
    command = [sys.executable, "-m", "tests.sqllogictest", str(good), str(bad)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 1, done.stderr
    assert "good.test: 1 records, 0 failed" in done.stdout
    assert "bad.test: 1 records, 1 failed" in done.stdout
    assert "line 1: expected 2, got 1" in done.stdout


def test_the_command_without_failures_and_without_files(tmp_path: Path) -> None:
    main = runpy.run_path(str(ROOT / "tests" / "sqllogictest" / "__main__.py"))["main"]
    good = tmp_path / "good.test"
    good.write_text("skipif mysql\nquery I nosort\nSELECT 1\n----\n2\n\nstatement ok\nSELECT 1\n")
    assert main([str(good)]) == 1
    assert main(["--as", "mysql", str(good)]) == main(["--complete", str(good)]) == 0
    assert main([]) == main(["--what", "x"]) == main([str(tmp_path / "none.test")]) == 2
