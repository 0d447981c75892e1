"""What a command is. Each file of `cli/commands/` exports one as `COMMAND`; its name is the file's name."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Command:
    """One command of `dnac`. Its file imports nothing heavy until `run` is called.

    Every command also has `--json` / `--format`, `--kinds` and `--color` (`cli.options`); `run` reads them from
    its arguments. It returns the exit code: 0 fine, 1 faults in the file; it raises `Faults` for faults in a file
    and `WrongUse` for wrong use.
    """

    name: str
    help: str
    """One line for `dnac --help`, lower case, no full stop."""
    add_arguments: Callable[[ArgumentParser], None]
    run: Callable[[Namespace], int]
