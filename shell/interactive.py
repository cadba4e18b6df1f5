"""The shell that a person uses: prompt, keys, history, and the loop around it.

Keys: Enter runs the input if it is complete and begins a new line if not; Alt-Enter runs it anyway. Ctrl-C drops what is
typed, or cancels what runs. Ctrl-D leaves, and asks first while a transaction is open.
"""

from pathlib import Path

from prompt_toolkit import PromptSession
from prompt_toolkit.enums import DEFAULT_BUFFER
from prompt_toolkit.filters import has_focus
from prompt_toolkit.history import History, InMemoryHistory
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.shortcuts import CompleteStyle
from prompt_toolkit.styles import Style

from exdbsql.schema.errors import Error
from exdbsql.schema.statements import is_complete
from exdbsql.shell.commands import registry
from exdbsql.shell.completion import ShellCompleter
from exdbsql.shell.context import Context, QuitRequest
from exdbsql.shell.dispatch import Dispatcher
from exdbsql.shell.executor import is_blank
from exdbsql.shell.history import ShellHistory
from exdbsql.shell.lexer import ShellLexer
from exdbsql.shell.prompt import continuation_text, prompt_text
from exdbsql.shell.words import command_place

_STYLE = Style.from_dict({"prompt": "bold", "prompt.continuation": "ansibrightblack", "command": "ansicyan"})


def is_finished(text: str) -> bool:
    """Whether Enter should run `text`: a command, also behind SQL, nothing at all, or SQL that the tokenizer finds complete."""
    if is_blank(text) or registry.parse(text) is not None or command_place(text) is not None:
        return True
    try:
        complete: bool = is_complete(text)
    except Error:
        return True  # the database will say what is wrong with it
    return complete


def run_interactively(context: Context, dispatcher: Dispatcher, history_file: Path | None) -> int:
    """Read and run inputs until the user leaves; gives the exit code."""
    return _Loop(context, dispatcher, _history(context, history_file)).run()


def _history(context: Context, path: Path | None) -> History:
    if path is None:
        return InMemoryHistory()
    try:
        return ShellHistory(path, context.settings.history_size)
    except OSError as error:
        context.output.complain(f"The history is not kept: {error}")
        return InMemoryHistory()


class _Loop:
    def __init__(self, context: Context, dispatcher: Dispatcher, history: History) -> None:
        self._context = context
        self._dispatcher = dispatcher
        self._last_description: tuple[str, int | None] | None = None
        self._session: PromptSession[str] = PromptSession(
            multiline=True,
            history=history,
            lexer=ShellLexer(),
            completer=ShellCompleter(dispatcher.commands, context.catalog, context.settings),
            complete_while_typing=context.settings.complete_while_typing,
            complete_style=CompleteStyle.COLUMN,
            reserve_space_for_menu=4,
            enable_open_in_editor=True,
            prompt_continuation=lambda width, line, wrapped: [("class:prompt.continuation", continuation_text(width))],
            key_bindings=_keys(),
            style=_STYLE,
            tempfile_suffix=".sql",
        )
        context.history = history.get_strings
        context.confirm = self._confirmed

    def run(self) -> int:
        while True:
            try:
                text = self._read()
                if not is_blank(text):
                    self._dispatcher.run(self._context, text)
            except KeyboardInterrupt:
                continue
            except EOFError:
                if self._may_leave():
                    return 0
            except QuitRequest:
                self._say_what_is_rolled_back()
                return 0

    def _read(self) -> str:
        link = self._context.link
        if link.is_open:
            self._last_description = link.description
        self._context.catalog.refresh_if_stale(link)
        return self._session.prompt([("class:prompt", prompt_text(link, self._last_description))])

    def _confirmed(self, question: str) -> bool:
        return _ask(question)

    def _may_leave(self) -> bool:
        if self._context.link.transaction_state not in ("open", "failed"):
            return True
        return _ask("A transaction is open, and leaving rolls it back. Leave?", at_end_of_input=True)

    def _say_what_is_rolled_back(self) -> None:
        if self._context.link.transaction_state in ("open", "failed"):
            self._context.output.complain("The open transaction is rolled back.")


def _ask(question: str, *, at_end_of_input: bool = False) -> bool:
    """A yes-or-no question, where Enter and Ctrl-C mean no, and Ctrl-D what `at_end_of_input` says."""
    session: PromptSession[str] = PromptSession()
    while True:
        try:
            answer = session.prompt(f"{question} [y/N] ").strip().lower()
        except KeyboardInterrupt:
            return False
        except EOFError:
            return at_end_of_input
        if answer in ("y", "yes"):
            return True
        if answer in ("", "n", "no"):
            return False


def _keys() -> KeyBindings:
    keys = KeyBindings()

    @keys.add("enter", filter=has_focus(DEFAULT_BUFFER))
    def _enter(event: KeyPressEvent) -> None:
        buffer = event.current_buffer
        if buffer.complete_state is not None and buffer.complete_state.current_completion is not None:
            buffer.complete_state = None  # the chosen completion is already in the text
        elif is_finished(buffer.text):
            buffer.validate_and_handle()
        else:
            buffer.newline()

    @keys.add("escape", "enter", filter=has_focus(DEFAULT_BUFFER))
    def _run_anyway(event: KeyPressEvent) -> None:
        event.current_buffer.validate_and_handle()

    return keys
