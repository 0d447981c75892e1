"""Metrics for TensorBoard, where its package is installed."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from dnac.text.diagnostic import Faults
from dnac.train import errors
from dnac.train.events import Line


def require_package() -> None:
    """Asked before anything is made.

    Raises:
        Faults: TensorBoard is not installed.
    """
    if find_spec("tensorboard") is None:
        raise Faults(errors.tensorboard_missing())


class TensorBoard:
    """Every number of a line as a scalar; those of a routing step under its site."""

    def __init__(self, folder: Path) -> None:
        from torch.utils.tensorboard import SummaryWriter

        self._writer = SummaryWriter(str(folder))

    def write(self, line: Line) -> None:
        """One line of metrics."""
        for name, number in _scalars(line):
            self._writer.add_scalar(name, number, line["step"])

    def flush(self) -> None:
        """Write what is buffered."""
        self._writer.flush()

    def close(self) -> None:
        """No more lines come."""
        self._writer.close()


def _scalars(line: Line, prefix: str = "") -> list[tuple[str, float]]:
    found: list[tuple[str, float]] = []
    for name, value in line.items():
        if isinstance(value, dict):
            found += _scalars(value, f"{prefix}{name}/")
        elif isinstance(value, (int, float)) and name != "step":
            found.append((prefix + name, float(value)))
        elif isinstance(value, list) and name in ("dead", "dead_modules"):
            found.append((prefix + name, float(len(value))))
    return found
