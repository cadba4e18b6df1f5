"""What may stand between EXPLAIN and the statement: ANALYZE, PYTHON, or options in parentheses.

PostgreSQL's options where they mean something here: ANALYZE, SUMMARY (the time that a run took), FORMAT text or json. Those that ask for
less than there is (``COSTS off``, ``TIMING off``, ``BUFFERS off`` ...) hold as they are; those that ask for what is not measured are refused by name.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from typing import Any, Final

from exdbsql.schema import sqlstate
from exdbsql.schema.errors import ProgrammingError
from exdbsql.schema.token_reader import TokenReader
from exdbsql.schema.tokens import TokenKind, scan, tokenize

_SWITCHES: Final = ("analyze", "verbose", "costs", "settings", "buffers", "wal", "timing", "summary", "generic_plan")
_NOT_MEASURED: Final = ("verbose", "costs", "settings", "buffers", "wal", "timing", "generic_plan")
_NODE: Final = re.compile(r"(.*?)(?: using (\S+))?(?: on (\S+)(?: (.+))?)?", re.DOTALL)
_TRUTH: Final = {"true": True, "on": True, "1": True, "false": False, "off": False, "0": False}


@dataclass(frozen=True, slots=True)
class ExplainOptions:
    """What is to be shown.

    Attributes:
        start: where the statement begins in the text.
        analyze: run the statement, and say how many rows it gave.
        python: show the generated function.
        as_json: show the plan as a JSON document.
        summary: say how long the run took.
    """

    start: int = 0
    analyze: bool = False
    python: bool = False
    as_json: bool = False
    summary: bool = True


def read_explain(sql: str) -> ExplainOptions | None:
    """The options of an EXPLAIN; None for another statement.

    Raises:
        ProgrammingError: an option that PostgreSQL does not have either (42601), or a wrong value (22023).
        NotSupportedError: VERBOSE, and what is not measured.
    """
    first = next(scan(sql), None)
    if first is None or not first.is_word("explain"):
        return None
    reader = TokenReader(sql, tokenize(sql))
    reader.take()
    following = reader.peek(1)
    if reader.next_is_symbol("(") and following is not None and not following.is_word("select", "values", "with"):
        options = _in_parentheses(reader)
    else:
        options = ExplainOptions(analyze=reader.accept_one_of("analyze", "analyse") is not None)
        if reader.next_is("verbose"):
            raise reader.not_supported("EXPLAIN VERBOSE")
    if reader.accept("python"):
        options = replace(options, python=True)
    return replace(options, start=reader.offset)


def _in_parentheses(reader: TokenReader) -> ExplainOptions:
    reader.expect_symbol("(")
    given: dict[str, bool] = {}
    as_json = False
    while True:
        token = reader.take()
        name = "analyze" if token.value == "analyse" else token.value
        with reader.at(token):
            if name == "format":
                as_json = _is_json(reader)
            elif name in _SWITCHES:
                given[name] = _switch(reader, name)
            else:
                raise ProgrammingError(f'unrecognized EXPLAIN option "{name}"', sqlstate=sqlstate.SYNTAX_ERROR)
            if name in _NOT_MEASURED and given[name]:
                raise reader.not_supported(f"EXPLAIN ({name.upper()})", at=token)
        if not reader.accept_symbol(","):
            break
    reader.expect_symbol(")")
    analyze = given.get("analyze", False)
    if given.get("summary", False) and not analyze:
        raise reader.not_supported("EXPLAIN (SUMMARY) without ANALYZE")
    return ExplainOptions(analyze=analyze, as_json=as_json, summary=given.get("summary", True))


def _switch(reader: TokenReader, name: str) -> bool:
    if reader.next_is_symbol(",") or reader.next_is_symbol(")"):
        return True
    value = reader.take().value.lower()
    if value not in _TRUTH:
        raise ProgrammingError(f"{name} requires a Boolean value", sqlstate=sqlstate.SYNTAX_ERROR)
    return _TRUTH[value]


def _is_json(reader: TokenReader) -> bool:
    token = reader.take()
    value = token.value.lower() if token.kind in (TokenKind.WORD, TokenKind.STRING) else ""
    if value in ("xml", "yaml"):
        raise reader.not_supported(f"EXPLAIN (FORMAT {value})", at=token)
    if value not in ("text", "json"):
        raise ProgrammingError(
            f'unrecognized value for EXPLAIN option "format": "{token.value}"',
            sqlstate=sqlstate.INVALID_PARAMETER_VALUE,
        )
    return value == "json"


def _node(text: str) -> dict[str, Any]:
    parts = _NODE.fullmatch(text)
    assert parts is not None, "any text is at least a type of node"
    names = ("Node Type", "Index Name", "Relation Name", "Alias")
    return {name: part for name, part in zip(names, parts.groups(), strict=True) if part is not None}


def as_document(lines: list[str]) -> str:
    """The lines of a plan as JSON: PostgreSQL's names for what a node is, its further lines by their names."""
    roots: list[dict[str, Any]] = []
    above: list[tuple[int, dict[str, Any]]] = []
    extra: dict[str, Any] = {}
    for line in lines:
        text = line.lstrip()
        depth = len(line) - len(text)
        is_node = text.startswith("->") or (depth == 0 and ": " not in text)
        if not is_node:
            name, _, value = text.partition(": ")
            owner = next((node for at, node in reversed(above) if at < depth), extra)
            owner[name] = int(value) if value.isdecimal() else value or True
            continue
        node = _node(text.removeprefix("->").strip())
        above = [(at, one) for at, one in above if at < depth]
        siblings = above[-1][1].setdefault("Plans", []) if above else roots
        siblings.append(node)
        above.append((depth, node))
    return json.dumps([{"Plan": root, **extra} for root in roots] or [extra], indent=2)
