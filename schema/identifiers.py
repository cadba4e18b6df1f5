"""Names in SQL: case folding, quoting, the bound on their length, and suggestions for misspelt ones.

PostgreSQL's rules (manual, section 4.1.1): an unquoted name folds to lower case, a quoted one is taken as it is.
"""

import difflib
import re
from collections.abc import Iterable
from typing import Final

from exdbsql.schema import sqlstate
from exdbsql.schema.errors import ProgrammingError

MAX_NAME_BYTES: Final = 63

# PostgreSQL's keywords that cannot name a table or a column without quotes (pg_get_keywords, categories R, T and C).
_RESERVED = """
    all analyse analyze and any array as asc asymmetric authorization between bigint binary bit boolean both case cast
    char character check coalesce collate collation column concurrently constraint create cross current_catalog
    current_date current_role current_schema current_time current_timestamp current_user dec decimal default deferrable
    desc distinct do else end except exists extract false fetch float for foreign freeze from full grant greatest group
    grouping having ilike in initially inner inout int integer intersect interval into is isnull join lateral leading
    least left like limit localtime localtimestamp national natural nchar none normalize not notnull null nullif numeric
    offset on only or order out outer overlaps overlay placing position precision primary real references returning
    right row select session_user setof similar smallint some substring symmetric table tablesample then time timestamp
    to trailing treat trim true union unique user using values varchar variadic verbose when where window with
    xmlattributes xmlconcat xmlelement xmlexists xmlforest xmlnamespaces xmlparse xmlpi xmlroot xmlserialize xmltable
"""
RESERVED_WORDS: Final = frozenset(_RESERVED.split())
# Of the above, those that may name a table or a column all the same; only a function or a type may not be called so.
_COLUMN_NAME = """
    between bigint bit boolean char character coalesce dec decimal exists extract float greatest grouping inout int
    integer interval least national nchar none normalize nullif numeric out overlay position precision real row setof
    smallint substring time timestamp treat trim values varchar xmlattributes xmlconcat xmlelement xmlexists xmlforest
    xmlnamespaces xmlparse xmlpi xmlroot xmlserialize xmltable
"""
COLUMN_NAME_WORDS: Final = frozenset(_COLUMN_NAME.split())
NOT_A_NAME: Final = RESERVED_WORDS - COLUMN_NAME_WORDS
"""Words that an unquoted name of a table or a column cannot be."""

_PLAIN = re.compile(r"[a-z_][a-z0-9_$]*")
_FOLD = {upper: upper + 32 for upper in range(ord("A"), ord("Z") + 1)}


def fold(word: str) -> str:
    """An unquoted name as it is looked up: ASCII letters in lower case, others as they are."""
    return word.translate(_FOLD)


def quote_name(name: str) -> str:
    """`name` as SQL text that reads back as `name`: quoted only where it must be."""
    if _PLAIN.fullmatch(name) and name not in RESERVED_WORDS:
        return name
    return '"' + name.replace('"', '""') + '"'


def quote_names(names: Iterable[str]) -> str:
    """Several names, separated by commas."""
    return ", ".join(map(quote_name, names))


def quote_text(text: str) -> str:
    """`text` as a SQL string literal."""
    return "'" + text.replace("'", "''") + "'"


def check_name(name: str) -> None:
    """Raises ProgrammingError for an empty name (42601) or one of more than 63 bytes (42622, PostgreSQL truncates it)."""
    if not name:
        raise ProgrammingError("a name must not be empty", sqlstate=sqlstate.SYNTAX_ERROR)
    if len(name.encode("utf-8", "surrogatepass")) > MAX_NAME_BYTES:
        message = f'the name "{name[:40]}..." is longer than {MAX_NAME_BYTES} bytes'
        raise ProgrammingError(message, sqlstate=sqlstate.NAME_TOO_LONG, hint="Choose a shorter name.")


def did_you_mean(name: str, known: Iterable[str]) -> str | None:
    """A hint that names the known word nearest to `name`; None where none is near."""
    near = difflib.get_close_matches(name.lower(), sorted(known), n=1, cutoff=0.6)
    return f'did you mean "{near[0]}"?' if near else None


def combined_name(table: str, columns: Iterable[str], suffix: str, taken: Iterable[str] = ()) -> str:
    """A name for an unnamed constraint or index, as PostgreSQL chooses it: ``table_column_suffix``, with a number if taken.

    Names that would be too long lose characters at the end of their longer part (PostgreSQL's makeObjectName).
    """
    unavailable = set(taken)
    parts = [table, "_".join(columns)]
    number = 0
    while True:
        ending = f"{suffix}{number or ''}"
        name = "_".join(part for part in (*_fitted(parts, MAX_NAME_BYTES - len(ending) - 1), ending) if part)
        if name not in unavailable:
            return name
        number += 1


def _fitted(parts: list[str], room: int) -> list[str]:
    fitted = list(parts)
    while sum(len(part.encode("utf-8", "surrogatepass")) for part in fitted) + len(fitted) - 1 > room:
        longer = max(range(len(fitted)), key=lambda i: len(fitted[i]))
        fitted[longer] = fitted[longer][:-1]
    return fitted
