"""The history file."""

import stat

from exdbsql.shell.history import ShellHistory, holds_secret


def entries(path):
    return list(reversed(list(ShellHistory(path, 100).load_history_strings())))


def test_kept_across_shells_for_the_owner_only(tmp_path):
    path = tmp_path / "state" / "history"
    history = ShellHistory(path, 100)
    history.append_string("SELECT\n1;")
    history.append_string("SELECT 2;")
    assert entries(path) == ["SELECT\n1;", "SELECT 2;"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_passwords_are_never_kept(tmp_path):
    path = tmp_path / "history"
    history = ShellHistory(path, 100)
    for text in ("ALTER USER a PASSWORD 'x'", "\\c exdb://me:secret@host:1/", "SELECT 1;"):
        history.append_string(text)
    assert entries(path) == ["SELECT 1;"]
    assert "secret" not in path.read_text()
    assert not holds_secret("\\c exdb://me@host:1/")


def test_cut_to_its_size(tmp_path):
    path = tmp_path / "history"
    history = ShellHistory(path, 100)
    for i in range(10):
        history.append_string(f"SELECT\n{i};")
    ShellHistory(path, 3)
    assert entries(path) == ["SELECT\n7;", "SELECT\n8;", "SELECT\n9;"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
