"""Commands about how results look: ``\\x``, ``\\timing``, ``\\pset``, and the variables of ``\\set``."""

import re

from exdbsql.shell import executor
from exdbsql.shell import settings as table_of_settings
from exdbsql.shell.commands.registry import Command
from exdbsql.shell.context import CommandError, Context
from exdbsql.shell.local_result import columns
from exdbsql.shell.settings import HUMAN_FORMATS, SETTINGS, shown

_GROUP = "How it looks"


def expanded(context: Context, argument: str) -> None:
    """``\\x [on|off|auto]``"""
    following = "off" if context.settings.expanded != "off" else "on"
    _change(context, "expanded", argument or following)
    _tell(context, f"Expanded display is {context.settings.expanded}.")


def timing(context: Context, argument: str) -> None:
    """``\\timing [on|off]``"""
    _change(context, "timing", argument or shown(not context.settings.timing))
    _tell(context, f"Timing is {shown(context.settings.timing)}.")


def print_setting(context: Context, argument: str) -> None:
    """``\\pset [NAME [VALUE]]``"""
    name, _, value = argument.partition(" ")
    if not name:
        rows = [(s.name, shown(getattr(context.settings, s.name)), s.meaning) for s in SETTINGS]
        executor.show_rows(context, columns(("setting", "text"), ("value", "text"), ("meaning", "text")), rows)
        return
    if value:
        _change(context, name, _unquote(value.strip()))
    elif name not in table_of_settings.BY_NAME:
        _change(context, name, value)  # says that there is no such setting
    _tell(context, f"{name} is {shown(getattr(context.settings, name))}.")


def set_format(context: Context, argument: str) -> None:
    """``\\format NAME``"""
    print_setting(context, f"format {argument}".rstrip())


def set_variable(context: Context, argument: str) -> None:
    """``\\set [NAME VALUE]``: the value is a number, true, false, null, or text."""
    name, _, value = argument.partition(" ")
    variables = context.settings.variables
    if not name:
        rows = [(key, None if variables[key] is None else str(variables[key])) for key in sorted(variables)]
        executor.show_rows(context, columns(("variable", "text"), ("value", "text")), rows)
        return
    if not name.isidentifier():
        raise CommandError(f'a variable cannot be called "{name}": letters, digits and _ only')
    variables[name] = _value(value.strip())


def unset_variable(context: Context, argument: str) -> None:
    """``\\unset NAME``"""
    if argument not in context.settings.variables:
        raise CommandError(f'there is no variable "{argument}"')
    del context.settings.variables[argument]


def echo(context: Context, argument: str) -> None:
    """``\\echo TEXT``"""
    context.output.line(_unquote(argument))


def _change(context: Context, name: str, text: str) -> None:
    try:
        table_of_settings.change(context.settings, name, text)
    except ValueError as error:
        raise CommandError(str(error)) from None


def _tell(context: Context, text: str) -> None:
    """Confirm a change to people; among data for programs it would be one more line of data."""
    if context.interactive or context.settings.format in HUMAN_FORMATS:
        context.output.say(text)


def _unquote(text: str) -> str:
    if len(text) > 1 and text[0] == text[-1] == "'":
        return text[1:-1].replace("''", "'")
    return text


def _value(text: str) -> bool | int | float | str | None:
    words: dict[str, bool | None] = {"true": True, "false": False, "null": None}
    if text.lower() in words:
        return words[text.lower()]
    if re.fullmatch(r"[+-]?\d+", text):
        return int(text)
    if re.fullmatch(r"[+-]?(\d+\.\d*|\.\d+)([eE][+-]?\d+)?", text):
        return float(text)
    return _unquote(text)


COMMANDS = (
    Command("x", "[on|off|auto]", "one line per column", _GROUP, expanded, ("expanded",), "switch"),
    Command("timing", "[on|off]", "show how long statements take", _GROUP, timing, ("timer",), "switch"),
    Command("pset", "[NAME [VALUE]]", "show or change a setting", _GROUP, print_setting, (), "setting"),
    Command("format", "[NAME]", "how results are written", _GROUP, set_format, ("mode",), "format"),
    Command("set", "[NAME VALUE]", "variables; SQL uses one as :NAME", _GROUP, set_variable, (), "variable"),
    Command("unset", "NAME", "forget a variable", _GROUP, unset_variable, (), "variable"),
    Command("echo", "TEXT", "write a line", _GROUP, echo, ("print",)),
)
