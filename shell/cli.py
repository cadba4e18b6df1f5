"""The command line: ``exdbsql init``, ``serve``, ``shell``, ``discover``.

Each command does no more than call the module that does the work, and turn its errors into one message on standard error
and an exit code: 1 where the request was wrong, 2 where nothing answered. Modules are imported when their command runs,
so that ``exdbsql --version`` does not load a database.
"""

import sys
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import TypeVar

import click

from exdbsql.shell.settings import FORMATS

T = TypeVar("T")


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(version("exdbsql"), prog_name="exdbsql", message="%(prog)s %(version)s")
def main() -> None:
    """A SQL database for Python programs whose nodes form a cluster of equals."""


@main.command()
@click.argument("folder", metavar="DIR", type=click.Path(file_okay=False, path_type=Path))
@click.option("--nodes", default=3, show_default=True, help="How many nodes the cluster has.")
@click.option("--sql-port", default=5500, show_default=True, help="SQL port of node 0; node i gets this plus i.")
@click.option(
    "--cluster-port", default=5600, show_default=True, help="Cluster port of node 0; node i gets this plus i."
)
@click.option("--name", default="exdb", show_default=True, help="Name of the database.")
def init(folder: Path, nodes: int, sql_port: int, cluster_port: int, name: str) -> None:
    """Write the configurations of a cluster, and a sample schema, into DIR."""
    from exdbsql.initialize import InitPlan, write_cluster

    plan = InitPlan(nodes=nodes, sql_port=sql_port, cluster_port=cluster_port, name=name)
    written = _or_exit(lambda: write_cluster(folder, plan))
    for path in written:
        click.echo(f"wrote {path}")
    click.echo(f"Start each node in a terminal of its own:  exdbsql serve -c {folder / 'node0.toml'}")
    click.echo(f"Then open a shell on any of them:          exdbsql shell {plan.host}:{sql_port}")


@main.command()
@click.option(
    "-c", "--config", required=True, metavar="FILE", type=click.Path(path_type=Path), help="The node's TOML file."
)
def serve(config: Path) -> None:
    """Run a node until it is told to stop (Ctrl-C, SIGTERM)."""
    from exdbsql.config import load_config
    from exdbsql.server import serve as run_node

    _or_exit(lambda: run_node(load_config(config)))


@main.command()
@click.argument("target", required=False)
@click.option(
    "-c", "--command", "commands", multiple=True, metavar="SQL", help="Run SQL or a \\command, and end; repeatable."
)
@click.option(
    "-f", "--file", "files", multiple=True, metavar="FILE", help="Run a script, and end; - is standard input."
)
@click.option(
    "--on-error",
    type=click.Choice(["stop", "continue"]),
    default="stop",
    show_default=True,
    help="What a script does after an error.",
)
@click.option(
    "--format",
    "format_",
    type=click.Choice(FORMATS),
    help="How results are written  [default: table, or tsv in a pipe]",
)
@click.option("--readonly", is_flag=True, help="Refuse every statement that may write.")
def shell(
    target: str | None,
    commands: tuple[str, ...],
    files: tuple[str, ...],
    on_error: str,
    format_: str | None,
    readonly: bool,
) -> None:
    """Open a SQL shell on TARGET: host:port, exdb://host:port/, or nothing for an in-memory database.

    Exit codes: 0 done, 1 a statement failed, 2 no connection, 3 a script stopped at an error.
    """
    from exdbsql.shell.app import ShellOptions, run_shell

    options = ShellOptions(
        target=target,
        commands=commands,
        files=files,
        stop_on_error=on_error == "stop",
        format=format_,
        read_only=readonly,
    )
    sys.exit(run_shell(options))


@main.command()
@click.argument("address", metavar="HOST:PORT")
@click.option("--timeout", default=2000, show_default=True, help="Milliseconds to wait for an answer.")
def discover(address: str, timeout: int) -> None:
    """List the members of the cluster that answers at HOST:PORT (a node's cluster port)."""
    import exdbsql
    from exdbsql.shell.discovery import lines_for

    members = _or_exit(lambda: exdbsql.discover(address, timeout=timeout), code=2)
    for line in lines_for(members, people=sys.stdout.isatty()):
        click.echo(line)


def _or_exit(work: Callable[[], T], code: int = 1) -> T:
    """Do `work`; an error of ours becomes its message on standard error and the exit code."""
    from exdbsql.schema.errors import Error

    try:
        return work()
    except Error as error:
        click.echo(f"exdbsql: {error}", err=True)
    except OSError as error:
        click.echo(f"exdbsql: {error.filename or 'error'}: {error.strerror or error}", err=True)
    sys.exit(code)


if __name__ == "__main__":
    main()
