"""Names of types: PostgreSQL's spellings, parameters, and help for the names that we do not have."""

import pytest

from exdbsql.schema.errors import DatabaseError
from exdbsql.schema.type_names import parse_type


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("INT", "integer"),
        ("int4", "integer"),
        ("int8", "bigint"),
        ("bool", "boolean"),
        ("float", "double precision"),
        ("float(24)", "real"),
        ("float(25)", "double precision"),
        ("Double  Precision", "double precision"),
        ("decimal", "numeric"),
        ("dec(7)", "numeric(7,0)"),
        ("numeric(3,-2)", "numeric(3,-2)"),
        ("varchar", "character varying"),
        ("character varying(7)", "character varying(7)"),
        ("char varying (7)", "character varying(7)"),
        ("char", "character(1)"),
        ("bpchar(3)", "character(3)"),
        ("timestamp", "timestamp without time zone"),
        ("timestamptz(3)", "timestamp(3) with time zone"),
        ("timestamp(0) without time zone", "timestamp(0) without time zone"),
        ("time(6) without time zone", "time(6) without time zone"),
        ("pg_catalog.int4", "integer"),
        ("INTERVAL", "interval"),
        ("interval (3)", "interval(3)"),
        ("INTERVAL Day TO second (3)", "interval day to second(3)"),
        ("interval year", "interval year"),
        ("interval hour to minute[]", "interval hour to minute[]"),
        ("json", "json"),
        ("JsonB", "jsonb"),
        ("int[]", "integer[]"),
        ("varchar(3)[2][]", "character varying(3)[]"),
        ("numeric(5,2) array [4]", "numeric(5,2)[]"),
        ("timestamptz(0)[]", "timestamp(0) with time zone[]"),
        ('"text"', "text"),
    ],
)
def test_spellings_have_one_canonical_name_that_reads_back(text: str, canonical: str) -> None:
    found = parse_type(text)
    assert str(found) == canonical
    assert parse_type(canonical) == found


@pytest.mark.parametrize(
    ("text", "state", "words"),
    [
        ("intger", "42704", 'type "intger" does not exist|did you mean "integer"'),
        ("timestmp", "42704", 'did you mean "timestamp"'),
        ("string", "42704", 'did you mean "text"'),
        ("datetime", "42704", 'did you mean "timestamp"'),
        ("double", "42704", 'did you mean "double precision"'),
        ("qqqqq", "42704", 'type "qqqqq" does not exist'),
        ('"Integer"', "42704", 'did you mean "integer"'),
        ("varchar(0)", "22023", "between 1 and 10485760"),
        ("numeric(1001)", "22023", "between 1 and 1000"),
        ("timestamp(7)", "22023", "between 0 and 6"),
        ("tsvector", "0A000", "the type tsvector is not supported"),
        ("serial", "0A000", "the type serial is not supported|columns of CREATE TABLE"),
        ("interval day to year", "42601", "an interval has no fields DAY TO YEAR"),
        ("interval day to", "42601", "a field of an interval"),
        ("interval day(3)", "42601", "("),
        ("interval second(7)", "22023", "between 0 and 6"),
        ("interval(7)", "22023", "between 0 and 6"),
        ("time with time zone", "0A000", "time with time zone"),
        ("int[x]", "42601", "Expected a size"),
        ("text array[3", "42601", "end of input"),
        ("app.kind", "0A000", "a type in a schema"),
        ("varchar(x)", "42601", "whole number"),
        ("numeric(1", "42601", "end of input"),
        ("int int", "42601", 'at or near "int"'),
        ("5", "42601", "Expected a type"),
    ],
)
def test_names_that_are_no_types_of_ours(text: str, state: str, words: str) -> None:
    with pytest.raises(DatabaseError) as caught:
        parse_type(text)
    assert caught.value.sqlstate == state
    assert all(word in str(caught.value) for word in words.split("|"))
    assert caught.value.position is not None
