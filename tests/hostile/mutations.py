"""Statements that nobody would write: those of the golden scripts and of docs/sql.md, with their tokens dropped, doubled, swapped and
replaced by values at the edges of their types, by words of the language and by pieces of other statements."""

import random
import re
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parent.parent.parent
_TOKEN: Final = re.compile(r"\s+|'(?:[^']|'')*'|\"[^\"]*\"|\d+(?:\.\d+)?(?:e[+-]?\d+)?|\w+|[^\w\s]", re.IGNORECASE)
_VALUE: Final = re.compile(r"['\d]")

EDGES: Final = (
    *("NULL", "0", "-1", "2147483647", "-2147483648", "2147483648", "9223372036854775807", "9223372036854775808"),
    *("1e308", "1e-400", "1e400", "9" * 50, "0." + "0" * 40 + "1", "1" * 3000, "1e", "1.", "..5", "1_000", "0x10"),
    *("'NaN'", "'Infinity'", "'-Infinity'", "''", "' '", "'\x00'", "'a\ud800b'", "'\u202e\u0301\U0001f600'", "E'\\x'"),
    *("E'\\u0000'", "U&'\\0041'", "$$x$$", "$1", "$ 1", "?", ":a", "'" + "x" * 5000 + "'", "TRUE", "DATE '9999-12-31'"),
    *("TIMESTAMP '9999-12-31 23:59:59.999999'", "INTERVAL '178000000 years'", "'{}'", "'[]'", "'{\"a\":1}'::jsonb"),
    *("ARRAY[1,2]", "ARRAY[]::int[]", "ARRAY[NULL]", "(SELECT 1)", "(1,2)", "ROW(1)", "*", "x'ff'", "b'101'", '""'),
    *(
        '"' + "a" * 200 + '"',
        '"\x00"',
        "\u8868",
        "\ufeff",
        "\u00a0",
        "\u200b",
        "\U0001f600",
        "'2024-02-30'",
        "'{1,{2}}'",
    ),
    *("'1'::numeric(5,2)", "'NaN'::float", "'infinity'::float8", "'inf'::numeric", "''::text", "generate_series(1,3)"),
    *("count(*)", "row_number() over ()", "DEFAULT", "excluded.a", "t.*", "--", "/*", "*/", ";", "\\", "`", "@", "::"),
    *(
        "->",
        "->>",
        "#>",
        "<@",
        "||",
        "(",
        ")",
        "[",
        "]",
        "{",
        "}",
        ",",
        "=",
        "<>",
        "IS",
        "NOT",
        "IN",
        "LIKE",
        "BETWEEN",
    ),
    *("CASE", "WHEN", "END", "SELECT", "FROM", "WHERE", "GROUP BY", "ORDER BY", "LIMIT", "UNION", "WITH", "LATERAL"),
    *("OVER", "FILTER", "USING", "JOIN", "VALUES", "INSERT INTO", "UPDATE", "SET", "DELETE", "RETURNING", "CREATE"),
    *("TABLE", "INDEX", "DROP", "ALTER", "UNIQUE", "CHECK", "REFERENCES", "BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT"),
    *("PREPARE", "EXECUTE", "EXPLAIN", "ANALYZE", "PYTHON", "MERGE", "TRUNCATE", "SCATTER", "SHOW", "interval", "text"),
)


def scripts() -> dict[str, list[str]]:
    """Statements in an order in which they run, by where they come from."""
    found = {}
    for folder in ("tests/engine/query/golden", "tests/definitions/scripts"):
        for file in sorted((ROOT / folder).glob("*.txt")):
            lines = [line[2:] for line in file.read_text().splitlines() if line.startswith("> ")]
            if lines:
                found[file.stem] = lines
    found["sql.md"] = re.findall(r"```sql\n(.*?)```", (ROOT / "docs/sql.md").read_text(), re.DOTALL)
    return found


def mutated(rng: random.Random, statement: str, other: str) -> str:
    """`statement` with a few changes; `other` gives pieces."""
    tokens = _TOKEN.findall(statement)
    for _ in range(rng.choice((1, 1, 1, 1, 2, 2, 3, 6))):
        if tokens:
            _change(rng, tokens, _TOKEN.findall(other))
    return "".join(tokens)


def _change(rng: random.Random, tokens: list[str], others: list[str]) -> None:
    at, to = sorted((rng.randrange(len(tokens)), rng.randrange(len(tokens))))
    values = [i for i, token in enumerate(tokens) if _VALUE.match(token)]
    match rng.randrange(9):
        case 0:
            del tokens[at]
        case 1:
            tokens.insert(at, tokens[at] + " ")
        case 2:
            tokens[at], tokens[to] = tokens[to], tokens[at]
        case 3 | 4:
            tokens[rng.choice(values or [at])] = rng.choice(EDGES)
        case 5:
            tokens[at] = f" {rng.choice(EDGES)} "
        case 6 if others:
            first = rng.randrange(len(others))
            tokens[at:at] = [" ", *others[first : first + rng.randrange(1, 12)], " "]
        case 7:
            del tokens[at:to]
        case _:
            tokens[at:at] = tokens[at:to]
