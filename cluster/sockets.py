"""How a node listens and dials: TCP or Unix sockets (``socketDomain``), with or without TLS (``ssl_params``).

With ``socketDomain="local"`` an address is the path of a Unix socket; a file that a dead process left is removed, one
that a living process listens on is not.

TLS is one context for both directions, made of the same parameters on every node. Certificates are checked against
``ca_file`` and ``ca_path``; names in them are not, because nodes are known by addresses. ``verify_mode`` is OpenSSL's:
1 check the other side's certificate, 2 (with 1) refuse a dialling node that has none. Where it is not given, it is 3 if
there are certificates to check against, else 0. Python's ssl has no call for ``max_cert_list`` and ``verify_depth``, so
these are looked at when the handshake is over, before a byte of the peer is read.
"""

import asyncio
import errno
import os
import socket
import ssl
from collections.abc import Callable
from typing import Any, Final

from exdbsql.cluster.parameters import SslParameters, TcpParameters, split_address, wrong
from exdbsql.schema.errors import InvalidParameterError

VERIFY_PEER: Final = 1
REQUIRE_CERTIFICATE: Final = 2
_DER: Final = 2  # _ssl.ENCODING_DER


def is_path(addr: str) -> bool:
    """Whether an address is the path of a Unix socket."""
    return addr.startswith("/")


class Sockets:
    """What the parameters say of sockets.

    Raises:
        InvalidParameterError: TLS material that cannot be used; names the parameter.
    """

    def __init__(self, parameters: TcpParameters) -> None:
        self._timeout_s = parameters.connectTimeout / 1000
        self._ssl = parameters.ssl_params
        self._server_context = self._client_context = None
        if self._ssl is not None:
            if not self._ssl.cert_file_pem:
                raise wrong("ssl_params.cert_file_pem", "is missing: a node that is dialled needs a certificate")
            self._server_context = context_of(self._ssl, server=True)
            self._client_context = context_of(self._ssl, server=False)

    async def listen(self, make: Callable[[], asyncio.Protocol], addr: str) -> asyncio.Server:
        """Accept connections at an address. Raises OSError."""
        loop = asyncio.get_running_loop()
        more = self._options(self._server_context)
        if is_path(addr):
            _refuse_living(addr)
            return await loop.create_unix_server(make, addr, **more)
        host, port = split_address(addr)
        return await loop.create_server(make, host, port, reuse_address=True, **more)

    async def dial(self, make: Callable[[], Any], addr: str) -> Any:
        """Connect to an address; the protocol. Raises OSError, TimeoutError."""
        loop = asyncio.get_running_loop()
        more = self._options(self._client_context)
        if self._client_context is not None:
            more["server_hostname"] = ""
        if is_path(addr):
            connecting = loop.create_unix_connection(make, addr, **more)
        else:
            host, port = split_address(addr)
            connecting = loop.create_connection(make, host, port, **more)
        _, protocol = await asyncio.wait_for(connecting, self._timeout_s)
        return protocol

    def _options(self, context: ssl.SSLContext | None) -> dict[str, Any]:
        return {} if context is None else {"ssl": context, "ssl_handshake_timeout": self._timeout_s}

    def refusal(self, transport: asyncio.BaseTransport) -> str:
        """What is wrong with the certificates of the other side, or ""."""
        if self._ssl is None:
            return ""
        return refuse_chain(transport.get_extra_info("ssl_object"), self._ssl)


def remove_socket(addr: str) -> None:
    """A listener at this address has ended: a Unix socket's file is in the way of the next one."""
    if is_path(addr):
        try:
            os.unlink(addr)
        except OSError:
            return


def _refuse_living(path: str) -> None:
    """Raise OSError EADDRINUSE if somebody listens on this socket: asyncio would take its file away."""
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(1.0)
        try:
            probe.connect(path)
        except (FileNotFoundError, ConnectionRefusedError):
            return
        raise OSError(errno.EADDRINUSE, "the socket is in use")


def context_of(parameters: SslParameters, *, server: bool) -> ssl.SSLContext:
    """A TLS context for one side.

    Raises:
        InvalidParameterError: a file that cannot be used, ciphers that do not exist; names the parameter.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER if server else ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.check_hostname = False
    context.verify_mode = _verification(parameters, server)
    if parameters.cipher_list:
        try:
            context.set_ciphers(parameters.cipher_list)
        except ssl.SSLError:
            raise wrong("ssl_params.cipher_list", f"{parameters.cipher_list!r} names no cipher") from None
    if parameters.cert_file_pem:
        try:
            context.load_cert_chain(parameters.cert_file_pem, parameters.pkey_file_pem or None)
        except (OSError, ssl.SSLError) as error:
            which = (
                "pkey_file_pem"
                if parameters.pkey_file_pem and os.path.exists(parameters.cert_file_pem)
                else "cert_file_pem"
            )
            raise _unusable(which, getattr(parameters, which), error) from None
    if parameters.ca_file or parameters.ca_path:
        try:
            context.load_verify_locations(parameters.ca_file or None, parameters.ca_path or None)
        except (OSError, ssl.SSLError) as error:
            which = "ca_file" if parameters.ca_file else "ca_path"
            raise _unusable(which, getattr(parameters, which), error) from None
    return context


def _verification(parameters: SslParameters, server: bool) -> ssl.VerifyMode:
    mode = parameters.verify_mode
    if mode is None:
        mode = VERIFY_PEER | REQUIRE_CERTIFICATE if parameters.ca_file or parameters.ca_path else 0
    if not mode & VERIFY_PEER:
        return ssl.CERT_NONE
    return ssl.CERT_REQUIRED if mode & REQUIRE_CERTIFICATE or not server else ssl.CERT_OPTIONAL


def _unusable(which: str, path: str, error: Exception) -> InvalidParameterError:
    return wrong(f"ssl_params.{which}", f"{path!r} cannot be used: {error}")


def refuse_chain(tls: ssl.SSLObject | ssl.SSLSocket | None, parameters: SslParameters) -> str:
    """Why the certificates that the other side sent are refused by ``max_cert_list`` or ``verify_depth``, or ""."""
    if tls is None or not (parameters.max_cert_list or parameters.verify_depth):
        return ""
    chain = _chain(tls)
    size = sum(map(len, chain))
    if parameters.max_cert_list and size > parameters.max_cert_list:
        return f"its certificates are {size} bytes, more than max_cert_list={parameters.max_cert_list}"
    authorities = max(0, len(chain) - 1)
    if parameters.verify_depth and authorities > parameters.verify_depth:
        return f"its certificate stands {authorities} deep, more than verify_depth={parameters.verify_depth}"
    return ""


def _chain(tls: ssl.SSLObject | ssl.SSLSocket) -> list[bytes]:
    """The certificates that the other side sent, in DER, its own first."""
    public: Any = getattr(tls, "get_unverified_chain", None)
    if public is not None:  # from Python 3.13 on
        return [bytes(one) for one in public()]
    hidden: Any = getattr(tls, "_sslobj", None)
    try:
        return [one.public_bytes(_DER) for one in hidden.get_unverified_chain() or ()]
    except AttributeError:
        leaf = tls.getpeercert(binary_form=True)
        return [leaf] if leaf else []
