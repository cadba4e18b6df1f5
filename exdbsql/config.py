"""The configuration of one node: a TOML file, read strictly.

A configuration that says something we do not understand is refused, because a misspelt ``qrnak`` that is silently
ignored is found out on the day when a node fails. Every message names file and key, and says what would be right.

The keys of ``[cluster]`` are the parameters of :class:`~exdbsql.cluster.parameters.ClusterParams` by their own names,
so there is one list to learn. What a file cannot hold is left out: callbacks. Relative paths are relative to the file.
"""

import difflib
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from exdbsql.address import Address, parse_address
from exdbsql.cluster.parameters import (
    ClusterNodeParams,
    ClusterParams,
    ClusterWindow,
    NotifyCallback,
    TcpParameters,
)
from exdbsql.schema import sqlstate as states
from exdbsql.schema.errors import InterfaceError, InvalidParameterError


def _address_to_listen(text: str) -> str:
    return str(_checked(text, lowest_port=0))


def _address_of_node(text: str) -> str:
    if text.startswith("/"):  # a Unix socket, with socketDomain = "local"
        return text
    return str(_checked(text, lowest_port=1)) if text else ""


def _checked(text: str, lowest_port: int) -> Address:
    try:
        return parse_address(text, lowest_port=lowest_port)
    except InterfaceError as error:
        raise ValueError(error.message) from None


ListenAddress = Annotated[str, AfterValidator(_address_to_listen)]
NodeAddress = Annotated[str, AfterValidator(_address_of_node)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class DatabaseSection(_Section):
    """``[database]``: what is stored, and where its few files lie."""

    name: str = Field(min_length=1, max_length=63)
    schema_file: str = Field(alias="schema", min_length=1)
    state_dir: str | None = None
    db_segment_size: int = Field(default=0, ge=0)
    is_debug: bool = False


class SqlSection(_Section):
    """``[sql]``: the service for clients.

    There is no authentication yet, so the service binds to loopback unless `allow_remote` says that the network in
    front of it is trusted. `server_files` lets clients COPY from and to files of the node's machine.
    """

    listen: ListenAddress = "127.0.0.1:5500"
    allow_remote: bool = False
    server_files: bool = False
    workers: int = Field(default=32, ge=1, le=1024)
    max_connections: int = Field(default=2000, ge=1, le=100_000)
    max_frame_size: int = Field(default=64 * 1024 * 1024, ge=64 * 1024, le=1024 * 1024 * 1024)

    @model_validator(mode="after")
    def _only_loopback(self) -> "SqlSection":
        if not self.allow_remote and not parse_address(self.listen, lowest_port=0).is_loopback:
            raise ValueError(
                f"listen = {self.listen!r} is reachable from the network, and this version has no authentication; "
                "say allow_remote = true if every host that can reach it may do everything"
            )
        return self


class NodeSection(_Section):
    """One entry of ``cluster.nodes``; its place in the list is the node's id."""

    addr: NodeAddress
    qrank: int = Field(default=1, ge=0)


class WindowSection(_Section):
    """``[cluster.window]``: bytes, transactions, milliseconds."""

    bsize: int = Field(default=0, ge=0)
    length: int = Field(default=0, ge=0)
    timeout: int = Field(default=1, ge=0)


class ClusterSection(_Section):
    """``[cluster]``: the parameters of ClusterParams that a file can hold."""

    nodeId: int = Field(ge=0)
    nwtype: Literal["TCP"] = "TCP"
    nodes: list[NodeSection] = Field(min_length=1)
    nwparams: dict[str, Any] = Field(default_factory=dict)
    window: WindowSection = WindowSection()
    conn_pool_factor: int = Field(default=50, ge=1, le=100)
    sync_msg_objects: int = Field(default=100, ge=1)
    sync_msg_size: int = Field(default=0, ge=0)
    clusterSendBuf: int = Field(default=0, ge=0)
    clusterRecvBuf: int = Field(default=0, ge=0)
    mode_mask: int = Field(default=0, ge=0)

    @model_validator(mode="after")
    def _own_entry(self) -> "ClusterSection":
        if self.nodeId >= len(self.nodes):
            raise ValueError(f"nodeId is {self.nodeId}, but nodes has {len(self.nodes)} entries (ids from 0)")
        if not self.nodes[self.nodeId].addr:
            raise ValueError(f"nodes[{self.nodeId}].addr, this node's own address, is empty")
        return self

    @field_validator("nwparams")
    @classmethod
    def _known_parameters(cls, nwparams: dict[str, Any]) -> dict[str, Any]:
        try:
            TcpParameters.from_mapping(nwparams)
        except InvalidParameterError as error:
            raise ValueError(str(error).replace("\nHINT: ", "; known: ").removeprefix("nwparams: ")) from None
        return nwparams

    def parameters(self, notify: NotifyCallback | None = None) -> ClusterParams:
        """The same as an object for `open_database`.

        Raises:
            InvalidParameterError: a value that only the cluster's own check finds.
        """
        values = {name: getattr(self, name) for name in _PASSED_ON}
        return ClusterParams(
            nodes=[ClusterNodeParams(node.addr, node.qrank) for node in self.nodes],
            window=ClusterWindow(self.window.bsize, self.window.length, self.window.timeout),
            notifyCallback=notify,
            **values,
        )

    @field_validator("nodes")
    @classmethod
    def _no_address_twice(cls, nodes: list[NodeSection]) -> list[NodeSection]:
        seen: dict[str, int] = {}
        for node_id, node in enumerate(nodes):
            if node.addr and seen.setdefault(node.addr, node_id) != node_id:
                raise ValueError(f"nodes[{seen[node.addr]}] and nodes[{node_id}] have the same address {node.addr}")
        return nodes


_PASSED_ON = tuple(name for name in ClusterSection.model_fields if name not in ("nodes", "window"))


class NodeConfig(_Section):
    """A whole configuration file. Without ``[cluster]`` the node serves a database of its own."""

    database: DatabaseSection
    sql: SqlSection = SqlSection()
    cluster: ClusterSection | None = None
    path: Path = Field(default=Path("node.toml"), exclude=True)

    def resolve(self, name: str) -> Path:
        """A path of the configuration, relative to its file."""
        return (self.path.parent / name).absolute()


def load_config(path: str | Path) -> NodeConfig:
    """Read and check a configuration file.

    Raises:
        InterfaceError: sqlstate F0000; the file cannot be read, is not TOML, or has a key or value that is wrong. The
            message begins with the file's name and names the key.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise _wrong(path, "no such file", hint="`exdbsql init --nodes 3 DIR` writes configurations") from None
    except (OSError, UnicodeDecodeError) as error:
        raise _wrong(path, f"cannot be read: {error}") from None
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise _wrong(path, f"not TOML: {error}") from None
    return check_config(values, path)


def check_config(values: dict[str, Any], path: Path) -> NodeConfig:
    """Check the values of a configuration; `path` is where they came from.

    Raises:
        InterfaceError: as :func:`load_config`.
    """
    if "path" in values:
        raise _wrong(path, "path: unknown key")
    try:
        return NodeConfig.model_validate({**values, "path": path})
    except ValidationError as error:
        first, *others = [_explain(item) for item in error.errors()]
        raise _wrong(path, first, detail="; ".join(others) or None) from None


def _wrong(path: Path, message: str, *, detail: str | None = None, hint: str | None = None) -> InterfaceError:
    return InterfaceError(message, sqlstate=states.CONFIG_FILE_ERROR, detail=detail, hint=hint, file=str(path))


def _explain(item: Any) -> str:
    """One of pydantic's findings in our words: the key as in the file, then what is wrong."""
    key = _key_of(item["loc"])
    match item["type"]:
        case "extra_forbidden":
            return f"{key}: unknown key{_did_you_mean(item['loc'])}"
        case "missing":
            return f"{key}: missing, and it has no default"
        case "value_error":
            return f"{key}: {item['ctx']['error']}"
        case _:
            got = item["input"]
            return f"{key}: {item['msg'][0].lower()}{item['msg'][1:]}, not {got!r} ({type(got).__name__})"


def _key_of(location: tuple[str | int, ...]) -> str:
    key = ""
    for part in location:
        key += f"[{part}]" if isinstance(part, int) else f".{part}" if key else part
    return key or "the file"


def _did_you_mean(location: tuple[str | int, ...]) -> str:
    close = difflib.get_close_matches(str(location[-1]), _keys_of(location[:-1]), n=1)
    return f"; did you mean {close[0]}?" if close else ""


_SECTIONS: dict[tuple[str, ...], type[_Section]] = {
    (): NodeConfig,
    ("database",): DatabaseSection,
    ("sql",): SqlSection,
    ("cluster",): ClusterSection,
    ("cluster", "nodes"): NodeSection,
    ("cluster", "window"): WindowSection,
}


def _keys_of(location: tuple[str | int, ...]) -> list[str]:
    section = _SECTIONS.get(tuple(part for part in location if isinstance(part, str)))
    if section is None:
        return []
    return [field.alias or name for name, field in section.model_fields.items() if name != "path"]
