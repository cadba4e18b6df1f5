"""Canonical text has the tokens that were written, and is its own canonical text, whatever the expression."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exdbsql.schema.canonical import called_name, canonical_text, shadow
from exdbsql.schema.expressions import check_expression, referenced_columns, with_renamed_column
from exdbsql.schema.name_places import name_places, words_of
from exdbsql.schema.tokens import tokenize

OPERANDS = [
    "a",
    '"Bc"',
    "d",
    "t.a",
    "1",
    "'x''y'",
    "e'\\'z'",
    "$$it's$$",
    "null",
    "true",
    "-1",
    "- - a",
    "x'1f'",
    "1.5e3",
]
FORMS = [
    "{0} + {1}", "{0}*-{1}", "{0}||{1}", "{0} -> 'k' ->> {1}", "{0}#>>'{{k}}'", "{0} ? 'k'", "{0} ?| array['k',{1}]", "{0}@>{1}",
    "({0})[1]", "({0})[1:{1}]", "array[{0},{1}]", "{0}::text", "{0} :: numeric(10,2)[]", "cast({0} as timestamp with time zone)",
    "lower ({0})", "coalesce({0},{1})", "case when {0}>{1} then {0} else - {1} end", "{0} in ({1},2)", "not {0} is null",
    "{0} between {1} and -3", "{0} like {1} escape '!'", "{0} is not distinct from {1}", "{0} at time zone 'UTC'",
    "extract(year from {0})", "interval '1' day to second * {1}", "date '2020-01-01'<{0}", "mood 'ok' = {0}", "({0},{1})=({1},2)",
    "{0}::interval second(2)", "cast({0} as interval day to second (3))", "interval '1' minute to second(0) + {0}", "second({0})",
    "{0} = any (array[{1}])", "substring({0} from 1 for {1})", "{0} collate \"C\"", "{0} !~* {1}", "({0}) or ({1})",
]  # fmt: skip
BLANKS = st.sampled_from([" ", "\n\t", " -- a comment's\n ", " /* a /* nested */ one */ "])


def expressions() -> st.SearchStrategy[str]:
    """Expressions of every kind, nested."""
    return st.recursive(
        st.sampled_from(OPERANDS),
        lambda inner: st.builds(
            lambda form, a, b: form.format(f"({a})", f"({b})"), st.sampled_from(FORMS), inner, inner
        ),
        max_leaves=4,
    )


def meaning(text: str) -> list[tuple[object, str]]:
    """The tokens, without what a canonical text leaves out on purpose."""
    tokens = [(token.kind, token.value) for token in tokenize(text)]
    return [one for i, one in enumerate(tokens) if one[1] not in "()" and not _is_own_name(tokens, i)]


def _is_own_name(tokens: list[tuple[object, str]], i: int) -> bool:
    return [value for _, value in tokens[i : i + 2]] == ["t", "."] or [v for _, v in tokens[i - 1 : i + 1]] == [
        "t",
        ".",
    ]


@settings(deadline=None)
@given(expressions(), st.data())
def test_the_tokens_stay_and_the_text_is_stable(text: str, data: st.DataObject) -> None:
    spread = re.sub(r"(?<=[\w)\]]) (?=[\w(])", lambda _: data.draw(BLANKS), text) if "'" not in text else text
    made = canonical_text(spread, "t")
    assert meaning(made) == meaning(text)
    assert canonical_text(made, "t") == made
    assert canonical_text(f"(({spread}))", "t") == made
    assert check_expression(spread, "t", None) == check_expression(made, "t", None) == made


@settings(deadline=None)
@given(expressions())
def test_columns_are_found_and_renamed_and_nothing_else_changes(text: str) -> None:
    made = check_expression(text, "t", None)
    columns = referenced_columns(made)
    assert set(columns) <= {"a", "Bc", "d"}
    renamed = with_renamed_column(made, "a", "Select")
    assert referenced_columns(renamed) == tuple("Select" if name == "a" else name for name in columns)
    assert with_renamed_column(renamed, "Select", "a") == made


@settings(deadline=None)
@given(expressions())
def test_a_shadow_has_names_where_the_text_has_them(text: str) -> None:
    assert len(shadow(text)) == len(text)
    for name in re.finditer(r'"Bc"', text):
        assert shadow(text)[name.start() : name.end()] == name.group()


@pytest.mark.parametrize("word", ["explain", "show", "begin", "set", "struct", "replace"])
def test_a_word_of_any_language_is_a_column_in_an_expression(word: str) -> None:
    made = check_expression(f"{word.upper()} IS NOT NULL AND ({word} < 1000 OR t.{word} IN ({word}, 1))", "t", None)
    assert referenced_columns(made) == (word,)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Lower(a)", "lower"),
        ("lower(a) || 'x'", None),
        ("cast(a as text)", None),
        ("date_trunc('day', a)", "date_trunc"),
        ("a", None),
    ],
)
def test_called_name(text: str, name: str | None) -> None:
    assert called_name(text) == name


@pytest.mark.parametrize(
    ("sql", "names"),
    [
        (
            "select a, show from set as b where x.date = 3 order by explain desc nulls first",
            "a show set b x date explain",
        ),
        ("select date '2020-01-01', x::timestamp with time zone at time zone z, cast(x as text)", "x z x"),
        ("select extract(year from day), trim(both x from y), x is not unknown", "day x y x"),
        ("select sum(x) over (partition by y order by z rows between 1 preceding and current row) from t", "x y z t"),
        ("select sum(x) over w from t window w as (rows unbounded preceding)", "x w t w"),
        (
            "insert into unnest (set) values (?) on conflict (set) do update set set = set.set",
            "unnest set set set set set",
        ),
        ("with recursive a (show) as not materialized (delete from z) update set set set = 3", "a show z set set"),
        ("merge into t using u on a = b when not matched and c then insert (d) values (1)", "t u a b c d"),
        ("select x begin from t left join comment using (k) for update of t nowait", "x begin t comment k t"),
        ("select 1 as select, a.x and, count(*) filter (where copy) from x a", "select a x and copy x a"),
        ("select not between, a not between symmetric b and c, not a not in (b) from t", "between a b c a b t"),
        ("select case when a then b else c end from generate_series(1, 2) with ordinality as rows (v)", "a b c rows v"),
    ],
)
def test_the_words_that_can_only_be_names(sql: str, names: str) -> None:
    words = words_of(tokenize(sql))
    assert " ".join(words[i] for i in name_places(words)) == names
