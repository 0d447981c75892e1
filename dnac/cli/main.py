"""`dnac COMMAND ...`: find the command by its file name, import it alone, map its outcome to an exit code.

Exit codes: 0 fine, 1 faults in the file, 2 wrong use, 3 internal error, 130 interrupted.
"""

from __future__ import annotations

import gc
import json
import os
import sys
from argparse import ArgumentParser, Namespace, RawDescriptionHelpFormatter
from collections.abc import Sequence
from difflib import get_close_matches
from typing import NoReturn

from dnac import __version__, catalogue
from dnac.cli.base import Command
from dnac.cli.options import add_common, wants_json
from dnac.cli.usage import WrongUse
from dnac.text.diagnostic import Faults
from dnac.text.elsewhere import COMMANDS

FINE, FAULTS, WRONG_USE, INTERNAL, PIPE, INTERRUPTED = 0, 1, 2, 3, 141, 130


def entry() -> NoReturn:
    """The console script."""
    gc.set_threshold(30_000, 20, 20)  # a short command makes no garbage; looking for it all the time costs 7 % of it
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "true")  # dnac uses none, and the scan for them costs 24 ms
    code = main()
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        code = _reader_left()
    sys.exit(code)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; the result goes to stdout, everything else to stderr. Returns the exit code."""
    words = list(sys.argv[1:] if argv is None else argv)
    args: Namespace | None = None
    try:
        command = _find(words)
        if command is None:
            return FINE
        args = _parser(command).parse_args(words[1:])
        for folder in args.kinds:
            _add_kinds(folder)
        return command.run(args)
    except Faults as faults:
        _show(faults, args)
        return FAULTS
    except WrongUse as wrong:
        print(wrong.render(), file=sys.stderr)
        return WRONG_USE
    except SystemExit as stop:  # argparse has said what is wrong, or has printed a help text
        return stop.code if isinstance(stop.code, int) else WRONG_USE
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        return _reader_left()
    except Exception as error:  # the one place that may: whatever comes through is a bug in dnac or a full disk
        from dnac.cli.crash import explain

        return explain(error, words)


def _find(words: list[str]) -> Command | None:
    """The command that the first word names; None where a general option has already been answered."""
    first = words[0] if words else "--help"
    if first in ("-h", "--help", "help"):
        print(help_text(), end="")
        return None
    if first in ("-V", "--version"):
        print(f"dnac {__version__}")
        return None
    if first.startswith("-"):
        raise WrongUse(f"unknown option `{first}`", "the command comes first: dnac COMMAND [options]")
    known = catalogue.names("command")
    if first not in known:
        meant = COMMANDS.get(first)
        close = [meant] if meant else get_close_matches(first, known, 1, 0.5)
        hint = f"did you mean `dnac {close[0]}`?" if close else "`dnac --help` lists all commands"
        raise WrongUse(f"unknown command `{first}`", hint)
    return catalogue.get("command", first)


def help_text() -> str:
    """What `dnac --help` prints."""
    commands = [catalogue.get("command", name) for name in catalogue.names("command")]
    wide = max((len(c.name) for c in commands), default=0)
    lines = [f"  {c.name:{wide}}  {c.help}" for c in commands]
    return "\n".join(
        [
            "usage: dnac COMMAND [options]",
            "",
            "A language and compiler for token-routed neural networks.",
            "",
            "commands:",
            *lines,
            "",
            "`dnac COMMAND --help` shows its options; `dnac --version` the version.",
            "",
        ]
    )


class _Parser(ArgumentParser):
    """argparse, saying wrong use in the words of all other messages."""

    def error(self, message: str) -> NoReturn:
        """Raise instead of printing the usage and leaving."""
        raise WrongUse(message, f"`{self.prog} --help` shows its options")


def _parser(command: Command) -> ArgumentParser:
    parser = _Parser(
        prog=f"dnac {command.name}",
        description=command.help,
        allow_abbrev=False,
        conflict_handler="resolve",
        formatter_class=RawDescriptionHelpFormatter,
    )
    add_common(parser)
    command.add_arguments(parser)
    return parser


def _add_kinds(folder: os.PathLike[str]) -> None:
    try:
        catalogue.add_folder(folder)  # type: ignore[arg-type]
    except FileNotFoundError:
        raise WrongUse(f"--kinds {folder}: no such folder") from None
    except ValueError as taken:
        raise WrongUse(f"--kinds: {taken}", "rename the file: its name is the word") from None


def _show(faults: Faults, args: Namespace | None) -> None:
    """Diagnostics as JSON on stdout where JSON was asked for, else as text on stderr."""
    if args is not None and wants_json(args):
        from dnac.text.render import as_json

        print(json.dumps({"version": 1, "ok": False, "diagnostics": [as_json(d) for d in faults.bag]}))
        return
    from dnac.cli.select import render

    for diagnostic in faults.bag:
        print(render(diagnostic, args), file=sys.stderr)
    errors = sum(d.severity == "error" for d in faults.bag)
    print(f"{errors} error{'s' * (errors != 1)}", file=sys.stderr)


def _reader_left() -> int:
    """The program that read our output has closed it (`dnac plan | head`): stop quietly, as others do."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return PIPE
