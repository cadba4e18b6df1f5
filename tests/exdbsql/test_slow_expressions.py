"""Regular expressions that would take years: they can be cancelled, others go on meanwhile, and without either they end with an error."""

import threading

import pytest

from exdbsql.connection import Connection
from exdbsql.database import Database
from exdbsql.engine.query.runtime import longest_match, regular_expressions
from exdbsql.engine.query.runtime.regular_expressions import Expression
from exdbsql.schema.errors import DataError, NotSupportedError, OperationalError

YEARS = "repeat('a', 60) || 'c'"
SLOW = {
    "operator": f"SELECT {YEARS} ~ '^(a|aa)+$'",
    "ignoring case": f"SELECT {YEARS} ~* '^(A|aa)+$'",
    "not": f"SELECT {YEARS} !~ '^(a|aa)+$'",
    "similar": f"SELECT {YEARS} SIMILAR TO '(a|aa)+'",
    "match": f"SELECT regexp_match({YEARS}, '^(a|aa)+$')",
    "matches": f"SELECT regexp_matches({YEARS}, '^(a|aa)+$', 'g')",
    "replace": f"SELECT regexp_replace({YEARS}, '^(a|aa)+$', 'x', 'g')",
    "replace from": f"SELECT regexp_replace({YEARS}, '(a|aa)+$', 'x', 2)",
    "split": f"SELECT regexp_split_to_table({YEARS}, '(a|aa)+$')",
    "count": f"SELECT regexp_count({YEARS}, '(a|aa)+$')",
    "like": f"SELECT regexp_like({YEARS}, '(a|aa)+$')",
    "instr": f"SELECT regexp_instr({YEARS}, '(a|aa)+$')",
    "substr": f"SELECT regexp_substr({YEARS}, '(a|aa)+$')",
    "substring": f"SELECT substring({YEARS} FROM '(a|aa)+$')",
    "jsonpath": f"""SELECT jsonb_path_exists(to_jsonb({YEARS}), '$ ? (@ like_regex "^(a|aa)+$")')""",
    "quadratic": "SELECT regexp_replace(repeat('x', 1000000) || 'w', 'x*x*[yz]', '')",
    "rows": "SELECT count(*) FROM t WHERE repeat('a', 60 + id) || 'c' ~ '(a|aa)+$'",
}


@pytest.fixture
def con(database: Database) -> Connection:
    """A session that has a row and is in a transaction."""
    con = database.connect()
    con.execute("INSERT INTO t (id) VALUES (1)")
    con.commit()
    con.execute("INSERT INTO t (id) VALUES (2)")
    return con


def check_usable(con: Connection) -> None:
    assert con.transaction_state == "failed"
    con.rollback()
    con.execute("SET statement_timeout = 0")
    assert con.execute("SELECT count(*), bool_and('aab' ~ '^(a+)+b') FROM t").fetchall() == [(1, True)]
    con.rollback()


@pytest.mark.parametrize("sql", SLOW.values(), ids=SLOW)
def test_statement_timeout(con: Connection, sql: str) -> None:
    con.execute("SET statement_timeout = '20ms'")
    with pytest.raises(OperationalError, match="statement_timeout") as caught:
        con.execute(sql).fetchall()
    assert caught.value.sqlstate == "57014"
    check_usable(con)


def test_interrupt_while_another_thread_works(con: Connection, database: Database) -> None:
    """The other thread reads and writes while the expression is searched, and then stops the search."""
    other = database.connect()
    answers: list[object] = []

    def work() -> None:
        for number in range(10, 60):
            other.execute("INSERT INTO t (id) VALUES (?)", (number,))
            other.commit()
        answers.append(other.execute("SELECT count(*) FROM t WHERE id >= 10").fetchone())
        while not answers[1:]:
            con.interrupt()

    thread = threading.Thread(target=work)
    thread.start()
    try:
        with pytest.raises(OperationalError, match="cancelled") as caught:
            con.execute(SLOW["operator"])
    finally:
        answers.append("done")
        thread.join()
    assert caught.value.sqlstate == "57014"
    assert answers[0] == (50,)
    con.rollback()
    con.execute("DELETE FROM t WHERE id >= 10")
    con.commit()


@pytest.mark.parametrize("name", ["operator", "replace", "jsonpath"])
def test_one_that_nobody_stops(con: Connection, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setattr(regular_expressions, "LONGEST_SEARCH_S", 0.1)
    with pytest.raises(OperationalError, match=r"longer than 0\.1 s of processor time") as caught:
        con.execute(SLOW[name])
    assert caught.value.sqlstate == "54001"
    check_usable(con)


def test_errors_of_patterns(con: Connection) -> None:
    for pattern in ("(a", "a**", "[b-a]", "a{3,2}"):
        with pytest.raises(DataError) as caught:
            con.execute("SELECT repeat('a', 5000) ~ ?", (pattern,))
        assert caught.value.sqlstate == "2201B", pattern
        con.rollback()
    with pytest.raises(NotSupportedError, match="back reference") as refused:
        con.execute(r"SELECT repeat('ab', 5000) ~ '([^a]+.??)*?\1'")
    assert refused.value.sqlstate == "0A000"


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("(a+)+b", "aaab-ab-c"),
        (r"(\w+\.)+com", "see mail.example.com, www.com"),
        (r"(a|ab)(c|bcd)*", "abcd ac"),
        ("a{e<=1}|(x+x+)+y", "a{e<=1} xxxxy"),
        (r"[^\W\d]+|\B.|\b|(\s+\s*)+", "ab½e\u0301 \x1c 12 é_x"),
        ("[h-j]+|(k*k*)*s", "hiİıIJ Kſ"),
        (r"(.)(a|\1)+(?!b)$", "bbaab\nbbaa"),
        ("(^|,)([^,]*)*", "a,b,,c\nd"),
        ("(a?)*|()", "aab a"),
        (r"\b(?=\w)|(a+)+\b(?<=\w)\Z|\A(?!b)", "aab a\naa"),
    ],
)
@pytest.mark.parametrize("flags", [0, 2, 8, 16, 26])
def test_both_ways_to_search_find_the_same(pattern: str, text: str, flags: int) -> None:
    plain = Expression(pattern, flags)
    limited = Expression(pattern, flags)
    plain._plain_length, limited._plain_length = len(text), -1
    assert [(m.span(), m.groups()) for m in limited.matches(text)] == [
        (m.span(), m.groups()) for m in plain.matches(text)
    ]
    for limit in (1, 2):
        assert limited.replaced(text, lambda m: "x", 1, limit) == plain.replaced(text, lambda m: "x", 1, limit)
    for one, two in ((limited.search(text), plain.search(text)), (limited.fullmatch(text), plain.fullmatch(text))):
        assert (one and one.span()) == (two and two.span())


def test_a_search_that_is_cut_goes_on_where_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(regular_expressions, "_FIRST_SLICE_S", 0.0005)
    text = ("ab" + "a" * 20 + ".") * 3000
    expression = Expression("(a|b)*", 0)
    assert [m.span() for m in expression.matches(text)] == [m.span() for m in expression._plain.finditer(text)]


def test_a_point_stands_for_the_end_of_a_line_too(con: Connection) -> None:
    """As in PostgreSQL, in short texts and in long ones."""
    rows = con.execute(r"""
        SELECT E'a\nb' ~ 'a.b', E'a\nB' ~* 'A.b', repeat(E'a\n', 900) || 'b' ~ 'a.b', repeat(E'a\n', 900) || 'b' ~ '^(a.|b)+$'
    """)
    assert rows.fetchall() == [(True, True, True, True)]


def test_the_way_to_the_furthest_end_is_limited(con: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the first way is not the longest, all places count that may be reached; and neither many ways nor a long text take long."""
    texts = con.execute(
        "SELECT regexp_replace(repeat('a', 3000), '(a|aa)+', 'x'), substring(repeat('ab', 3000), '(?:a|ab)+')"
    )
    assert texts.fetchall() == [("x", "ab" * 3000)]
    monkeypatch.setattr(longest_match, "_STEPS", 1000)
    with pytest.raises(OperationalError, match="too many ways") as caught:
        con.execute("SELECT regexp_replace(repeat('a', 3000), '(a|aa)+', 'y')")
    assert caught.value.sqlstate == "54001"
    check_usable(con)
