"""Addresses as users write them: ``host:port``, ``[v6]:port``, and ``exdb://`` targets with several of them.

One place reads them, so that a configuration file, ``connect()`` and ``discover()`` refuse the same mistakes with the
same words. Names are not resolved here: a host that does not exist is found out by the connection attempt.
"""

from dataclasses import dataclass
from urllib.parse import parse_qsl, unquote, urlsplit

from exdbsql.schema import sqlstate as states
from exdbsql.schema.errors import InterfaceError

SCHEME = "exdb"
DEFAULT_SQL_PORT = 5500


@dataclass(frozen=True, slots=True)
class Address:
    """A host (name or number, without brackets) and a TCP port."""

    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach it, as far as the text tells."""
        return self.host in ("localhost", "::1") or self.host.startswith("127.")


def parse_address(text: str, *, default_port: int | None = None, lowest_port: int = 1) -> Address:
    """Read ``host:port``.

    Args:
        text: what the user wrote.
        default_port: taken where the text has no port; None makes the port necessary.
        lowest_port: 0 where "any free port" makes sense (an address to listen at), else 1.

    Raises:
        InterfaceError: not an address; says what is wrong with it.
    """
    host, port_text = _split(text)
    if not host or any(c.isspace() or c in "/@,?#" for c in host):
        raise _bad(text, "the host is missing" if not host else f"{host!r} is no host name")
    if port_text is None:
        if default_port is None:
            raise _bad(text, "the port is missing")
        return Address(host, default_port)
    if not (port_text.isascii() and port_text.isdigit()):
        raise _bad(text, f"{port_text!r} is no port number")
    port = int(port_text[:9])
    if not lowest_port <= port <= 65535:
        raise _bad(text, f"port {port} is not between {lowest_port} and 65535")
    return Address(host, port)


def _split(text: str) -> tuple[str, str | None]:
    if text.startswith("["):
        host, bracket, rest = text[1:].partition("]")
        if not bracket or (rest and not rest.startswith(":")):
            raise _bad(text, "the bracket does not end the host")
        return host, rest[1:] if rest else None
    if text.count(":") > 1:
        raise _bad(text, "an IPv6 host needs brackets, as in [::1]:5500")
    host, colon, port = text.partition(":")
    return host, port if colon else None


def _bad(text: str, why: str) -> InterfaceError:
    return InterfaceError(
        f"not an address: {text!r}: {why}",
        sqlstate=states.INVALID_PARAMETER_VALUE,
        hint="an address looks like 127.0.0.1:5500",
    )


@dataclass(frozen=True, slots=True)
class Target:
    """What ``exdb://user:password@host1:port1,host2:port2/database?option=value`` says.

    `password` never shows in its text form.
    """

    addresses: tuple[Address, ...]
    user: str | None = None
    password: str | None = None
    database: str | None = None
    options: tuple[tuple[str, str], ...] = ()

    def __str__(self) -> str:
        user = f"{self.user}@" if self.user else ""
        return f"{SCHEME}://{user}{','.join(map(str, self.addresses))}/{self.database or ''}"

    def __repr__(self) -> str:
        return f"Target({str(self)!r})"


def is_remote_target(text: str) -> bool:
    """Whether `text` names a server rather than a folder: it has a scheme."""
    return "://" in text


def parse_target(text: str) -> Target:
    """Read an ``exdb://`` target.

    Raises:
        InterfaceError: another scheme, or a bad address in it.
    """
    parts = urlsplit(text)
    if parts.scheme != SCHEME:
        raise InterfaceError(
            f"unknown scheme {parts.scheme!r} in {_without_password(text)!r}",
            sqlstate=states.INVALID_PARAMETER_VALUE,
            hint="a target over the network looks like exdb://127.0.0.1:5500/",
        )
    login, _, hosts = parts.netloc.rpartition("@")
    user, _, password = login.partition(":")
    addresses = tuple(parse_address(host, default_port=DEFAULT_SQL_PORT) for host in hosts.split(","))
    return Target(
        addresses,
        unquote(user) or None,
        unquote(password) or None,
        unquote(parts.path.lstrip("/")) or None,
        tuple(parse_qsl(parts.query, keep_blank_values=True)),
    )


def _without_password(text: str) -> str:
    scheme, _, rest = text.partition("://")
    login, at, hosts = rest.rpartition("@")
    return f"{scheme}://{login.partition(':')[0]}{at}{hosts}"
