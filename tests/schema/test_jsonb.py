"""Documents: look-ups, immutability, equality and order as PostgreSQL's, bounds."""

import pickle
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exdbsql.schema.errors import DataError, Error, ProgrammingError
from exdbsql.schema.json_text import MAX_DEPTH
from exdbsql.schema.jsonb import Jsonb, kind
from exdbsql.schema.types import JSON, JSONB, array_of

# As PostgreSQL 15 orders them (collation C).
IN_ORDER = [
    "[]", "null", '""', '"a"', '"b"', "1", "2.0", "10", "false", "true", "[null]", '["a"]', "[1]", "[[]]", "[[1]]",
    "[{}]", "[1, 2]", "[[], 1]", "{}", '{"a": 1}', '{"a": []}', '{"a": {}}', '{"aa": 0}', '{"b": 0}',
    '{"a": 1, "b": 2}', '{"b": 0, "aa": 1}', '{"c": 0, "aa": 1}',
]  # fmt: skip
DOCUMENTS = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.decimals(allow_nan=False, allow_infinity=False, places=3)
    | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=3), inner)
    ),
    max_leaves=10,
)


def code(text: str) -> str:
    """The SQLSTATE of the error that reading the text gives."""
    with pytest.raises(DataError) as caught:
        Jsonb.parse(text)
    return caught.value.sqlstate


def test_order_is_that_of_postgresql() -> None:
    documents = [Jsonb.parse(text) for text in IN_ORDER]
    assert [str(document) for document in sorted(set(documents))] == IN_ORDER
    assert len(set(documents)) == len(documents)


def test_equality_is_that_of_sql() -> None:
    assert Jsonb(1) == Jsonb(Decimal("1.00"))
    assert hash(Jsonb(1)) == hash(Jsonb(Decimal("1.00")))
    assert Jsonb(1) != Jsonb(True)
    assert Jsonb([0]) != [False]
    assert Jsonb.parse('{"b":1,"a":[null]}') == {"a": [None], "b": 1}
    assert Jsonb.parse("[1]") == [1] != Jsonb.parse("[2]")
    assert Jsonb({}) != {1: 2}
    assert Jsonb("a") != "a"


@given(DOCUMENTS)
def test_a_document_survives_text_pickling_and_its_own_value(value: Any) -> None:
    document = Jsonb(value)
    for back in (
        Jsonb.parse(str(document)),
        Jsonb(document.value),
        pickle.loads(pickle.dumps(document)),
        Jsonb(document),
    ):
        assert back == document
        assert hash(back) == hash(document)
        assert str(back) == str(document)
    assert JSONB.coerce(str(document)) == document


def test_looking_into_a_document() -> None:
    document = Jsonb.parse('{"name": "x", "tags": ["a", {"b": null}], "n": 1.50}')
    assert document["name"] == "x"
    assert str(document["n"]) == "1.50"
    assert document["tags"][1]["b"] is None
    assert document["tags"][0] == "a"
    assert document.get("gone", 5) == 5
    assert list(document) == ["n", "name", "tags"]  # shorter keys first
    assert list(document["tags"]) == ["a", {"b": None}]
    assert "name" in document
    assert "x" not in document
    assert {"b": None} in document["tags"]
    assert (len(document), len(document["tags"]), len(Jsonb("abc"))) == (3, 2, 3)
    assert not Jsonb([])
    assert [kind(Jsonb(v)) for v in ({}, [], "", 1, Decimal(1), False, None)] == [
        "object", "array", "string", "number", "number", "boolean", "null"
    ]  # fmt: skip
    for wrong, error in (("x", KeyError), (0, KeyError)):
        with pytest.raises(error):
            document[wrong]
    for scalar in (Jsonb(1), Jsonb(None)):
        for use in (len, iter, lambda value: value[0]):
            with pytest.raises(TypeError, match="a JSON n"):
                use(scalar)


def test_nothing_that_a_document_gives_can_change_it() -> None:
    source = {"a": [1]}
    document = Jsonb(source)
    source["a"].append(2)
    document.value["a"].append(3)
    document["a"].value.append(4)
    assert document == {"a": [1]}
    with pytest.raises(TypeError):
        document["a"] = 1  # type: ignore[index]


def test_numbers_keep_their_precision() -> None:
    digits = "1" * 5_000
    document = Jsonb.parse(f"[1.50, 1e5, 123456789012345678901234567890.5, {digits}, 1e4500]")
    assert str(document) == f"[1.50, 100000, 123456789012345678901234567890.5, {digits}, 1{'0' * 4500}]"
    assert document.value[:2] == [Decimal("1.50"), 100_000]
    assert [type(number) for number in document.value[:2]] == [Decimal, int]
    assert str(Jsonb(0.1)) == "0.1"


def test_depth_is_bounded() -> None:
    deepest = Jsonb.parse("[" * MAX_DEPTH + "]" * MAX_DEPTH)
    assert Jsonb.parse(str(deepest)) == deepest == deepest.value
    assert code("[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1)) == "54001"
    assert code("[" * 100_000) == "54001"
    with pytest.raises(DataError):
        Jsonb([deepest])
    with pytest.raises(DataError):
        Jsonb([deepest.value])
    with pytest.raises(DataError):
        JSON.parse('{"a":' * 9_999 + "1" + "}" * 9_999)
    wide = "[" + "[]," * 1_000 + "[]]"
    assert len(Jsonb.parse(wide)) == 1_001


def test_what_json_does_not_have() -> None:
    for value in (float("nan"), Decimal("Infinity"), "a\0", {"\0": 1}, ["\ud800"]):
        with pytest.raises(DataError):
            Jsonb(value)
    for value in (object(), {1: 2}, b"a", {"a": {None: 1}}):
        with pytest.raises(ProgrammingError):
            Jsonb(value)
    assert [code(text) for text in ('"\\u0000"', '"\\ud800"', "nope", "1e999999")] == [
        "22P05",
        "22P02",
        "22P02",
        "22003",
    ]
    with pytest.raises(DataError, match="character 4"):
        JSONB.parse("[1 2]")


def test_what_columns_take() -> None:
    assert JSONB.coerce({"a": 1}) == JSONB.coerce('{"a": 1}') == {"a": 1}
    assert JSONB.coerce([1, None]) == [1, None]
    assert JSON.coerce({"b": 1, "a": "é"}) == '{"a": "é", "b": 1}'
    assert JSON.coerce(' {"a":1, "a":2} ') == ' {"a":1, "a":2} '
    assert JSON.coerce(Jsonb("x")) == '"x"'
    for sql_type in (JSON, JSONB):
        for value in (1, True, 1.5):
            with pytest.raises(ProgrammingError, match=r"Jsonb\(value\)"):
                sql_type.coerce(value)
        with pytest.raises(Error):
            sql_type.coerce("{")
    assert array_of(JSONB).coerce([[1], {"a": 2}]) == [Jsonb([1]), Jsonb({"a": 2})]
    assert not JSON.has_order
    assert not array_of(JSON).has_order
    assert JSONB.has_order
