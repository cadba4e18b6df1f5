"""Addresses and targets: what is read, what is refused and with which words."""

import pytest

from exdbsql.address import Address, parse_address, parse_target
from exdbsql.schema.errors import InterfaceError


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [("127.0.0.1:5500", "127.0.0.1", 5500), ("node-a.example:1", "node-a.example", 1), ("[::1]:65535", "::1", 65535)],
)
def test_an_address_is_read_and_printed_back(text: str, host: str, port: int) -> None:
    assert parse_address(text) == Address(host, port)
    assert str(parse_address(text)) == text


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("localhost", "port is missing"),
        (":5500", "host is missing"),
        ("a:b", "no port number"),
        ("a:0", "between 1 and"),
        ("a:70000", "between 1 and"),
        ("::1:5500", "brackets"),
        ("[::1", "bracket"),
        ("a b:5500", "no host name"),
        ("a:" + "9" * 5000, "between 1 and"),
    ],
)
def test_a_bad_address_says_what_is_wrong(text: str, why: str) -> None:
    with pytest.raises(InterfaceError, match=why):
        parse_address(text)


def test_a_target_has_several_hosts_and_never_prints_its_password() -> None:
    target = parse_target("exdb://ann:p%40ss@h1:1,h2/shop?timeout=3")
    assert target.addresses == (Address("h1", 1), Address("h2", 5500))
    assert (target.user, target.password, target.database) == ("ann", "p@ss", "shop")
    assert target.options == (("timeout", "3"),)
    assert "p@ss" not in str(target) + repr(target)


def test_another_scheme_is_refused_without_showing_the_password() -> None:
    with pytest.raises(InterfaceError) as caught:
        parse_target("postgres://ann:secret@h/")
    assert "postgres" in caught.value.message
    assert "secret" not in str(caught.value)
