"""What a person sees while training runs: one moving line in a terminal, plain lines elsewhere."""

from __future__ import annotations

from argparse import Namespace
from typing import TYPE_CHECKING, Any

from dnac.cli.options import status
from dnac.cli.select import render

if TYPE_CHECKING:
    from dnac.text.diagnostic import Diagnostic
    from dnac.train.events import Line, Listener

_UNITS = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))


def listener(args: Namespace) -> Any:
    """A listener for stderr, as a context manager."""
    import sys

    return _Terminal(args) if sys.stderr.isatty() and not args.plain else _Plain(args)


def short(number: float) -> str:
    """`1.23M`: three digits and a decimal suffix."""
    for size, suffix in _UNITS:
        if abs(number) >= size:
            return f"{number / size:.3g}{suffix}"
    return f"{number:.3g}"


def duration(seconds: float) -> str:
    """`1:02:03`, `2:03`"""
    whole = max(0, round(seconds))
    hours, minutes = whole // 3600, whole // 60 % 60
    return f"{hours}:{minutes:02}:{whole % 60:02}" if hours else f"{minutes}:{whole % 60:02}"


def summary(line: Line, total: int) -> str:
    """One line of metrics in words."""
    left = (total - line["step"]) * line["tokens"] / line["step"] / max(line["tokens_per_s"], 1e-9)
    parts = [
        f"step {line['step']}/{total}",
        f"loss {line['loss']:.4f}",
        *([f"valid {line['valid_loss']:.4f}"] if "valid_loss" in line else []),
        f"{short(line['tokens_per_s'])} tokens/s",
        f"{short(line['active_flops_per_token'])} FLOPs/token",
        *([f"skip {line['skip_share']:.1%}"] if line["skip_share"] is not None else []),
        f"left {duration(left)}",
    ]
    return "  ".join(parts)


class _Plain:
    """Plain lines on stderr."""

    def __init__(self, args: Namespace) -> None:
        self._args, self._total = args, 0

    def __enter__(self) -> Listener:
        return self

    def __exit__(self, *error: object) -> None:
        """Nothing to tidy up."""

    def note(self, text: str) -> None:
        """One line."""
        status(text)

    def warn(self, diagnostic: Diagnostic) -> None:
        """A warning, as all diagnostics are shown."""
        status(render(diagnostic, self._args))

    def progress(self, step: int, total: int) -> None:
        """Only the total matters here."""
        self._total = total

    def metrics(self, line: Line) -> None:
        """One line."""
        status(summary(line, self._total))


class _Terminal:
    """One moving line below the notes."""

    def __init__(self, args: Namespace) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

        self._args = args
        self._bar = Progress(
            BarColumn(bar_width=20),
            TextColumn("{task.description}", markup=False),
            TimeElapsedColumn(),
            console=Console(stderr=True),
            transient=False,
        )
        self._task = self._bar.add_task("starting", total=None)
        self._total = 0

    def __enter__(self) -> Listener:
        self._bar.start()
        return self

    def __exit__(self, *error: object) -> None:
        """Leave the last state of the line."""
        self._bar.stop()

    def note(self, text: str) -> None:
        """One line above the bar."""
        from rich.text import Text

        self._bar.console.print(Text.from_ansi(text))

    def warn(self, diagnostic: Diagnostic) -> None:
        """A warning above the bar."""
        self.note(render(diagnostic, self._args))

    def progress(self, step: int, total: int) -> None:
        """Move the bar."""
        self._total = total
        self._bar.update(self._task, completed=step, total=total)

    def metrics(self, line: Line) -> None:
        """The bar's words; results of evaluation stay on a line of their own."""
        self._bar.update(self._task, description=summary(line, self._total))
        if "valid_loss" in line:
            self.note(summary(line, self._total))
