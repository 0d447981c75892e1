"""Wrong use of a command: said in one line, with one thing to try, exit code 2."""

from __future__ import annotations


class WrongUse(Exception):
    """The command line cannot be carried out as written; nothing was done."""

    def __init__(self, message: str, help: str = "") -> None:
        self.message, self.help = message, help
        super().__init__(message)

    def render(self) -> str:
        """`error: message`, and the help below it."""
        return f"error: {self.message}" + (f"\n  = help: {self.help}" if self.help else "")
