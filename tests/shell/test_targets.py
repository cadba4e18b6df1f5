"""What the user may write as TARGET."""

import pytest

from exdbsql.schema.errors import InterfaceError
from exdbsql.shell.prompt import continuation_text, prompt_text
from exdbsql.shell.targets import link_to


@pytest.mark.parametrize(
    ("target", "shown", "embedded"),
    [
        (None, "memory", True),
        ("127.0.0.1:5501", "127.0.0.1:5501", False),
        ("localhost", "localhost:5500", False),
        ("[::1]:5501", "[::1]:5501", False),
        ("exdb://me:secret@h:1,i:2/db", "exdb://me@h:1,i:2/db", False),
        ("./folder", "./folder", True),
    ],
)
def test_targets(target, shown, embedded):
    link = link_to(target)
    assert (link.target, link.embedded) == (shown, embedded)
    link.close()


@pytest.mark.parametrize("target", ["host:port", "pg://h:1/", "h:99999", "a b:1"])
def test_no_targets(target):
    with pytest.raises(InterfaceError):
        link_to(target)


def test_the_prompt_says_where_and_in_what_state(bench):
    link = bench.context.link
    assert prompt_text(link) == "fake:1?> "
    link.open()
    assert prompt_text(link) == "fakedb@node0> "
    link.execute("BEGIN")
    assert prompt_text(link) == "fakedb@node0*> "
    link.close()
    assert prompt_text(link, ("fakedb", 0)) == "fakedb@node0?> "
    assert continuation_text(15) == "            -> "
