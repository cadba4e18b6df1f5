"""The hosts of an ``exdb://`` target: greeting the first of them that answers.

Each is tried once, in turn, and has `connect_timeout` to take the connection and to greet. What all of them say is in the error.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any, Final

from exdbsql import protocol
from exdbsql.address import Address, Target
from exdbsql.client_options import ClientOptions
from exdbsql.schema import sqlstate as states
from exdbsql.schema.errors import Error, OperationalError, ProtocolError
from exdbsql.wire_socket import WireSocket, no_answer, open_socket

CLIENT: Final = f"exdbsql-python {version('exdbsql')}"


@dataclass(frozen=True, slots=True)
class Greeting:
    """A node that has greeted: the connection to it, what it said, where it is."""

    wire: WireSocket
    welcome: dict[str, Any]
    address: Address


@dataclass(frozen=True, slots=True)
class Hosts:
    """Where to connect, and how long to wait."""

    target: Target
    options: ClientOptions

    @property
    def are_several(self) -> bool:
        """Whether there is another one where one is lost."""
        return len(self.target.addresses) > 1

    def first(self) -> Greeting:
        """The first of all that answers.

        Raises:
            OperationalError: nobody does (08001), or the only one refuses.
        """
        return self._first_of(self.target.addresses)

    def first_after(self, lost: Address) -> Greeting:
        """The first that answers of those that follow, with the one that was lost as the last."""
        addresses = self.target.addresses
        following = addresses.index(lost) + 1
        return self._first_of(addresses[following:] + addresses[:following])

    def _first_of(self, addresses: Sequence[Address]) -> Greeting:
        refusals: list[Error] = []
        for address in addresses:
            try:
                return self._greet(address)
            except OperationalError as error:
                refusals.append(error)
        if len(refusals) == 1:
            raise refusals[0]
        raise OperationalError(
            "; ".join(error.message for error in refusals),
            sqlstate=states.CANNOT_CONNECT,
            hint=refusals[0].hint,
            retryable=True,
        )

    def _greet(self, address: Address) -> Greeting:
        wire = WireSocket(open_socket((address,), self.options.connect_timeout))
        try:
            wire.send(protocol.hello(CLIENT, self.target.database, self.target.user))
            welcome = protocol.check_welcome(wire.receive())
        except ProtocolError as error:
            wire.close()
            raise OperationalError(f"{address}: {error.message}", sqlstate=states.CANNOT_CONNECT) from error
        except OperationalError as error:
            wire.close()
            if error.sqlstate != states.CONNECTION_FAILURE:
                raise
            raise no_answer(f"{address}: it takes connections, but does not greet") from error
        except BaseException:
            wire.close()
            raise
        wire.watch(self.options.heartbeat, self.options.heartbeat_timeout)
        wire.set_limit(welcome["limit"])
        return Greeting(wire, welcome, address)
