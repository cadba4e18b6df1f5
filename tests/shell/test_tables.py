"""Tables for people."""

import datetime
import decimal

from exdbsql.shell.formats import render
from exdbsql.shell.local_result import columns
from exdbsql.shell.settings import Settings
from exdbsql.shell.tables import Look

COLUMNS = columns(("id", "integer"), ("name", "text"), ("height", "numeric(6,1)"))
ROWS = [
    (1, "Ostwald", decimal.Decimal("12.50")),
    (22, "", None),
    (333, None, decimal.Decimal(-3)),
]


def text(columns=COLUMNS, rows=ROWS, look=None, **settings):
    return "\n".join(render(columns, rows, Settings(**settings), look or Look(), 80))


def test_numbers_stand_right_and_null_is_not_the_empty_string():
    assert text() == (
        " id  |  name   | height\n"
        "-----+---------+--------\n"
        "   1 | Ostwald |  12.50\n"
        "  22 |         | <null>\n"
        " 333 | <null>  |     -3\n"
        "(3 rows)"
    )


def test_box_lines_on_a_terminal():
    assert text(rows=ROWS[:1], look=Look(unicode=True)) == (
        " id │  name   │ height\n────┼─────────┼────────\n  1 │ Ostwald │  12.50\n(1 row)"
    )


def test_vertical():
    assert text(rows=ROWS[:2], format="vertical") == (
        "-[ RECORD 1 ]---\n"
        "id     | 1\n"
        "name   | Ostwald\n"
        "height | 12.50\n"
        "-[ RECORD 2 ]---\n"
        "id     | 22\n"
        "name   |\n"
        "height | <null>\n"
        "(2 rows)"
    )


def test_expanded_auto_only_when_too_wide():
    wide = columns(("a", "text"), ("b", "text"))
    assert text(wide, [("x" * 60, "y" * 60)], expanded="auto").startswith("-[ RECORD 1 ]")
    assert text(wide, [("x", "y")], expanded="auto").startswith(" a | b")


def test_cells_of_several_lines_continue_with_a_plus():
    assert text(columns(("sql", "text"), ("n", "integer")), [("a\nbcd", 1)]) == (
        " sql  | n\n------+---\n a  + | 1\n bcd  |\n(1 row)"
    )


def test_a_value_cannot_drive_the_terminal():
    assert "\x1b" not in text(columns(("v", "text")), [("\x1b[31mred",)])


def test_wide_letters_keep_the_columns_straight():
    lines = text(columns(("name", "text"), ("n", "integer")), [("東京", 1), ("Rome", 2)]).split("\n")
    assert lines[2] == " 東京 | 1"
    assert lines[3] == " Rome | 2"


def test_no_rows_and_no_footer():
    assert text(rows=[]) == " id | name | height\n----+------+--------\n(0 rows)"
    assert text(rows=[], look=Look(footer=False)) == " id | name | height\n----+------+--------"


def test_the_forms_of_values_are_postgresql_s():
    zone = datetime.UTC
    row = (True, 1.0, 1e30, b"\x01\xff", datetime.datetime(2024, 5, 1, 12, 0, 0, 500000, zone), datetime.time(9, 30))
    names = columns(*((str(i), "text") for i in range(len(row))))
    assert text(names, [row], format="csv").split("\n")[1] == "t,1,1e+30,\\x01ff,2024-05-01 12:00:00.5+00,09:30:00"


def test_colours_dim_null_and_only_on_request():
    assert "\x1b[2m<null>\x1b[0m" in text(look=Look(colour=True))
    assert "\x1b" not in text()
