"""exdbsql answers as PostgreSQL did when the transcripts were made; and where PostgreSQL is installed, they are still its answers."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

import postgres_answers

TRANSCRIPTS = sorted((Path(__file__).parent / "postgres_answers").glob("*.txt"))
SERVER = Path("/usr/lib/postgresql/15/bin")


@pytest.mark.parametrize("path", TRANSCRIPTS, ids=lambda p: p.stem)
def test_exdbsql_answers_the_same(path: Path) -> None:
    entries = postgres_answers.read(path)
    answers = postgres_answers.exdbsql_answers([e.sql for e in entries])
    wrong = [
        f"{entry.sql}\n  PostgreSQL: {entry.answer}\n  exdbsql:    {answer}"
        for entry, answer in zip(entries, answers, strict=True)
        if not entry.accepts(answer)
    ]
    assert not wrong, "\n".join(wrong[:20])


@pytest.fixture(scope="module")
def server() -> Iterator[None]:
    """A PostgreSQL of our own, reached by the environment; the test is skipped where it cannot be had."""
    if not (SERVER / "initdb").exists() or os.getuid() != 0 or shutil.which("runuser") is None:
        pytest.skip("no PostgreSQL 15 to start")
    with tempfile.TemporaryDirectory(prefix="answers") as folder:
        shutil.chown(folder, "postgres")
        run = ["runuser", "-u", "postgres", "--"]
        data = f"{folder}/data"
        subprocess.run([*run, SERVER / "initdb", "-D", data, "-A", "trust", "--locale=C", "-E", "UTF8"], check=True)
        options = f"-k {folder} -c listen_addresses='' -c fsync=off -c timezone=UTC"
        subprocess.run(
            [*run, SERVER / "pg_ctl", "-D", data, "-o", options, "-l", f"{folder}/log", "-w", "start"], check=True
        )
        path = f"{SERVER}{os.pathsep}{os.environ['PATH']}"
        with pytest.MonkeyPatch.context() as patch:
            for name, value in (("PGHOST", folder), ("PGUSER", "postgres"), ("PGDATABASE", "postgres"), ("PATH", path)):
                patch.setenv(name, value)
            yield
        subprocess.run([*run, SERVER / "pg_ctl", "-D", data, "-m", "immediate", "stop"], check=True)


@pytest.mark.parametrize("path", TRANSCRIPTS, ids=lambda p: p.stem)
def test_postgresql_answers_the_same(path: Path, server: None) -> None:
    subprocess.run(["psql", "-q", "-c", "DROP SCHEMA public CASCADE; CREATE SCHEMA public"], check=True)
    entries = postgres_answers.read(path)
    now = list(postgres_answers.postgres_answers([e.sql for e in entries]))
    assert [(e.sql, e.answer) for e in entries] == [(e.sql, a) for e, a in zip(entries, now, strict=True)]
