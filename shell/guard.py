"""What a statement would do, as far as its words tell: for ``--readonly`` and for the question before a dangerous one.

Both are manners, not security: the words at the beginning of a statement are looked at, nothing is parsed. For reading
only, the rule is a list of what may pass, so that a statement nobody thought of is refused.
"""

from collections.abc import Sequence

from exdbsql.schema import sqlstate as states
from exdbsql.schema.errors import OperationalError
from exdbsql.shell.words import Word, unquoted, words

_READING = "SELECT SHOW VALUES TABLE DESCRIBE"
_CONTROL = "BEGIN START COMMIT END ROLLBACK ABORT SAVEPOINT RELEASE SET RESET DISCARD DECLARE FETCH MOVE CLOSE"
_MAY_PASS = frozenset((*_READING.split(), *_CONTROL.split()))
_WRITING = frozenset(["INSERT", "UPDATE", "DELETE", "MERGE", "CREATE", "DROP", "ALTER", "TRUNCATE"])


def refuse_writing(sql: str) -> None:
    """Let reading statements pass.

    Raises:
        OperationalError: 25006, the statement may write.
    """
    if only_reads(sql):
        return
    first = next((word.upper for word in words(sql)), "")
    raise OperationalError(
        f"{first} is refused: this shell was started with --readonly",
        sqlstate=states.READ_ONLY_SQL_TRANSACTION,
        hint="start the shell without --readonly to write",
    )


def only_reads(sql: str) -> bool:
    """Whether the statement changes no rows and no tables, judged by its words; in doubt, no."""
    names = [word.upper for word in words(sql) if word.kind == "name"]
    first = names[0] if names else ""
    if first == "COPY":
        return "TO" in names and not _WRITING.intersection(names) and "STDOUT" in names
    return not first or first in _MAY_PASS or (first in ("WITH", "EXPLAIN") and not _WRITING.intersection(names))


def question_before(sql: str, *, in_transaction: bool = False) -> str | None:
    """The question to ask a person before `sql` runs, or None for a statement that needs none.

    Args:
        sql: the statement.
        in_transaction: whether a transaction is open, which ROLLBACK undoes.
    """
    tokens = list(words(sql))
    first = tokens[0].upper if tokens else ""
    if first == "DROP" and len(tokens) > 2:
        names = ", ".join(_names_dropped(tokens))
        undone = "ROLLBACK undoes this, COMMIT makes it final" if in_transaction else "this cannot be undone"
        return f"DROP {tokens[1].upper} {names}: {undone}."
    if first == "TRUNCATE":
        return "TRUNCATE removes every row."
    if [word.upper for word in tokens[:4]] == ["ALTER", "CLUSTER", "FORCE", "RECOVERY"]:
        return "FORCE RECOVERY goes on without the other nodes: commits that only they have are lost."
    if [word.upper for word in tokens[:4]] == ["ALTER", "CLUSTER", "REMOVE", "NODE"] and len(tokens) > 4:
        return f"Node {tokens[4].text} is taken off the member list: only if it will not come back."
    if first in ("UPDATE", "DELETE") and not _has_where(tokens):
        what = "changes" if first == "UPDATE" else "removes"
        return f"{first} without WHERE {what} every row of {_table_named(tokens)}."
    return None


def _has_where(tokens: Sequence[Word]) -> bool:
    """Whether a WHERE stands outside parentheses: one in a subquery does not restrict the statement."""
    depth = 0
    for word in tokens:
        depth += {"(": 1, ")": -1}.get(word.text, 0)
        if depth == 0 and word.kind == "name" and word.upper == "WHERE":
            return True
    return False


def _names_dropped(tokens: Sequence[Word]) -> list[str]:
    skipped = {"IF", "EXISTS", "CASCADE", "RESTRICT"}
    return [unquoted(w) for w in tokens[2:] if w.kind in ("name", "quoted") and w.upper not in skipped]


def _table_named(tokens: Sequence[Word]) -> str:
    skipped = {"FROM", "ONLY"}
    names = (unquoted(w) for w in tokens[1:] if w.kind in ("name", "quoted") and w.upper not in skipped)
    return next(names, "the table")
