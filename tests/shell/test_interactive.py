"""The interactive shell on a real pseudo-terminal."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from shell_terminal import Terminal

PROGRAM = [sys.executable, str(Path(__file__).parent / "fake_shell.py"), "shell", "fake:1"]
PROMPT = "fakedb@node0>"


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Terminal]]:
    """Starts shells that share one home; completion while typing is off, so that the screen stays quiet."""
    folder = tmp_path / "exdbsql"
    folder.mkdir()
    (folder / "shell.toml").write_text("complete_while_typing = false\ntiming = false\n")
    started = []

    def shell(*arguments: str, **env: str) -> Terminal:
        terminal = Terminal([*PROGRAM, *arguments], tmp_path, **env)
        started.append(terminal)
        return terminal

    yield shell
    for terminal in started:
        terminal.close()


@pytest.fixture
def shell(start: Callable[..., Terminal]) -> Terminal:
    terminal = start()
    terminal.expect(PROMPT)
    return terminal


def test_greeting_statement_and_quit(start: Callable[..., Terminal]) -> None:
    shell = start()
    shell.expect('exdbsql: database "fakedb" on node 0 at fake:1. \\? for help, \\q to leave.')
    shell.expect(PROMPT)
    shell.type("SELECT 1;\r")
    shell.expect(" one\n─────\n   1\n(1 row)")
    shell.expect(PROMPT)
    shell.type("\\q\r")
    assert shell.exit_code() == 0


def test_a_statement_goes_over_several_lines_until_it_is_complete(shell: Terminal) -> None:
    shell.type("SELECT\r")
    shell.expect("->")
    shell.type("1\r")
    shell.expect("->")
    shell.type(";\r")
    shell.expect("(1 row)")
    shell.expect(PROMPT)
    shell.type("SELECT *\rFROM sensr;\r")
    shell.expect('ERROR 42P01: relation "sensr" does not exist\nLINE 2: FROM sensr\n             ^\n')
    shell.expect(PROMPT)
    shell.type("SELECT ';\r")
    shell.expect("->")
    shell.type("';\r")
    shell.expect("(1 row)")
    shell.expect(PROMPT)
    shell.type("\x04")
    assert shell.exit_code() == 0


def test_history_comes_back_in_the_next_shell(start: Callable[..., Terminal], tmp_path: Path) -> None:
    first = start()
    first.expect(PROMPT)
    first.type("SELECT 1;\r")
    first.expect("(1 row)")
    first.expect(PROMPT)
    first.type("\\q\r")
    assert first.exit_code() == 0
    assert "SELECT 1;" in (tmp_path / "exdbsql" / "history").read_text()
    second = start()
    second.expect(PROMPT)
    second.type("\x1b[A\x1b[A\r")  # twice up: \q is the newest
    second.expect("(1 row)")


def test_ctrl_c_drops_what_is_typed(shell: Terminal) -> None:
    shell.type("DROP TABLE sit")
    shell.type("\x03")
    shell.expect(PROMPT)
    shell.type("SELECT 1;\r")
    shell.expect("(1 row)")


def test_ctrl_c_cancels_the_statement_and_not_the_shell(shell: Terminal) -> None:
    shell.type("\\echo ready\rHANG;\r")
    shell.expect("ready\n")
    shell.expect("HANG;")
    wait_until_it_runs(shell)
    shell.type("\x03")
    shell.expect("ERROR 57014: the statement was cancelled")
    shell.expect(PROMPT)
    shell.type("SELECT 1;\r")
    shell.expect("(1 row)")


def wait_until_it_runs(shell: Terminal) -> None:
    """The fake says so on the terminal when a statement hangs."""
    shell.expect("hanging\n")


def test_ctrl_d_inside_a_transaction_asks_first(shell: Terminal) -> None:
    shell.type("BEGIN;\r")
    shell.expect("fakedb@node0*>")
    shell.type("\x04")
    shell.expect("A transaction is open, and leaving rolls it back. Leave? [y/N]")
    shell.type("n\r")
    shell.expect("fakedb@node0*>")
    shell.type("\x04")
    shell.expect("Leave? [y/N]")
    shell.type("y\r")
    assert shell.exit_code() == 0


def test_the_prompt_shows_a_failed_transaction(shell: Terminal) -> None:
    shell.type("BEGIN;\rSELECT *\rFROM sensr;\r")
    shell.expect("fakedb@node0!>")
    shell.type("ROLLBACK;\r")
    shell.expect(PROMPT)


def test_quit_in_a_transaction_says_that_it_is_rolled_back(shell: Terminal) -> None:
    shell.type("BEGIN;\r")
    shell.expect("fakedb@node0*>")
    shell.type("\\q\r")
    shell.expect("The open transaction is rolled back.")
    assert shell.exit_code() == 0


def test_a_lost_connection_is_told_and_made_again(shell: Terminal) -> None:
    shell.type("BEGIN;\r")
    shell.expect("fakedb@node0*>")
    shell.type("LOSE;\r")
    shell.expect("ERROR: the connection to fake:1 was lost: the server closed the connection\n")
    shell.expect("The open transaction was rolled back: nothing of it was kept.\n")
    shell.expect("fakedb@node0?>")
    shell.type("SELECT 1;\r")
    shell.expect("Connected again to fake:1.\n")
    shell.expect("(1 row)")
    shell.expect(PROMPT)


def test_a_dangerous_statement_is_asked_about(shell: Terminal) -> None:
    shell.type("DROP TABLE sites;\r")
    shell.expect("DROP TABLE sites: this cannot be undone. Go on? [y/N]")
    shell.type("\r")
    shell.expect("ERROR: not run")
    shell.expect(PROMPT)
    shell.type("DELETE FROM sites;\r")
    shell.expect("Go on? [y/N]")
    shell.type("yes\r")
    shell.expect("DELETE\n")


def test_describe_timing_and_completion(shell: Terminal) -> None:
    shell.type("\\timing\r")
    shell.expect("Timing is on.")
    shell.type("\\dt sites\r")
    shell.expect("replicated")
    shell.expect(PROMPT)
    shell.type("\\tim\t")
    shell.expect("ing")
    shell.type(" off\r")
    shell.expect("Timing is off.")


def test_a_command_on_a_line_of_its_own_ends_what_is_typed(shell: Terminal) -> None:
    shell.type("SELECT 1\r\\g\r")
    shell.expect("(1 row)")
    shell.expect(PROMPT)
    shell.type("SELECT 9\r\\q\r")
    assert shell.exit_code() == 0


def test_a_dead_node_is_one_message_and_exit_code_2(start: Callable[..., Terminal]) -> None:
    shell = start("--dead")
    assert shell.exit_code() == 2
    assert shell.rest == "exdbsql: cannot connect to fake:1: connection refused\n"


def test_the_first_start_writes_a_configuration_that_explains_itself(tmp_path: Path) -> None:
    shell = Terminal(PROGRAM, tmp_path)
    try:
        shell.expect(PROMPT)
        assert "# format = " in (tmp_path / "exdbsql" / "shell.toml").read_text()
        shell.type("select 1 from sites whe")  # completion while typing is on by default
        shell.expect("where")
        shell.type("\x03")
        shell.expect(PROMPT)
        shell.type("SELECT 1;\r")
        shell.expect("(1 row)")
        shell.expect("Time: ")
    finally:
        shell.close()


def test_a_wide_result_goes_to_the_pager(start: Callable[..., Terminal]) -> None:
    shell = start(PAGER="sed s/^/paged:/")
    shell.expect(PROMPT)
    shell.type("\\?\r")
    shell.expect("paged:General")
    shell.expect(PROMPT)
    shell.type("SELECT 1;\r")
    assert "paged" not in shell.expect("(1 row)")


def test_the_editor_changes_the_last_statement_and_runs_it(start: Callable[..., Terminal]) -> None:
    shell = start(EDITOR="sed -i s/9/1/")
    shell.expect(PROMPT)
    shell.type("SELECT 9;\r")
    shell.expect("SELECT\n")
    shell.expect(PROMPT)
    shell.type("\\e\r")
    shell.expect("SELECT 1\n")
    shell.expect("(1 row)")


def test_completion_offers_names_that_came_in_the_background(shell: Terminal) -> None:
    shell.type("\\di sites_by\t")
    shell.expect("_name")
    shell.type("\r")
    shell.expect("name desc")
