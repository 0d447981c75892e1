"""What training tells while it runs. The command line shows it; nothing here prints."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from dnac.text.diagnostic import Diagnostic

Line = Mapping[str, Any]
"""One object of `metrics.jsonl`."""


class Listener(Protocol):
    """Hears of a run's progress."""

    def note(self, text: str) -> None:
        """One line of plain words."""
        ...

    def warn(self, diagnostic: Diagnostic) -> None:
        """Something the user should see; training goes on."""
        ...

    def progress(self, step: int, total: int) -> None:
        """An update is done."""
        ...

    def metrics(self, line: Line) -> None:
        """A line of metrics, after it was written."""
        ...


class Sink(Protocol):
    """Takes metrics beside `metrics.jsonl`, such as TensorBoard."""

    def write(self, line: Line) -> None:
        """One line of metrics."""
        ...

    def flush(self) -> None:
        """Make the lines so far lasting: a checkpoint follows."""
        ...

    def close(self) -> None:
        """No more lines come."""
        ...


class Silent:
    """Hears and says nothing."""

    def note(self, text: str) -> None:
        """Ignored."""

    def warn(self, diagnostic: Diagnostic) -> None:
        """Ignored."""

    def progress(self, step: int, total: int) -> None:
        """Ignored."""

    def metrics(self, line: Line) -> None:
        """Ignored."""
