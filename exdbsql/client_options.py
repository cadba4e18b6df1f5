"""What the part after "?" of an ``exdb://`` target says: how long a client waits, for what.

| option | default | what it does |
|---|---|---|
| connect_timeout | 5 | seconds that each host has to take the connection and to greet |
| heartbeat | 5 | seconds without a word from the node after which the client asks whether it is there; 0: it never asks, and waits without limit |
| heartbeat_timeout | 30 | seconds without a word after which the connection is given up as lost (08006, 08007) |

A node answers the question beside the statement that runs, however long that takes; only a single long call into C, which keeps the
interpreter to itself, delays the answer. So the last of the three wants to be longer than the longest such call.
"""

from dataclasses import dataclass, replace

from exdbsql.address import Target
from exdbsql.schema.errors import InterfaceError

LONGEST_S = 86400.0


@dataclass(frozen=True, slots=True)
class ClientOptions:
    """Seconds; see the table above."""

    connect_timeout: float = 5.0
    heartbeat: float = 5.0
    heartbeat_timeout: float = 30.0


def read_options(target: Target) -> ClientOptions:
    """The options of a target.

    Raises:
        InterfaceError: an option that there is not, or a value that it does not take.
    """
    options = ClientOptions()
    for name, text in target.options:
        if name not in ClientOptions.__slots__:
            known = ", ".join(ClientOptions.__slots__)
            raise InterfaceError(f"unknown option {name!r} in {target}", hint=f"known are {known}, all in seconds")
        options = replace(options, **{name: _seconds(name, text)})
    if 2 * options.heartbeat > options.heartbeat_timeout:
        raise InterfaceError(
            f"heartbeat is {options.heartbeat:g} s, and heartbeat_timeout {options.heartbeat_timeout:g} s",
            hint="heartbeat_timeout is at least twice as long, so that the node is asked before it is given up",
        )
    return options


def _seconds(name: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not (0 < value < LONGEST_S or (value == 0 and name == "heartbeat")):
        raise InterfaceError(
            f"{name}: expected seconds, got {text!r}", hint=f"a number below {LONGEST_S:.0f}, as in 2.5"
        )
    return value
