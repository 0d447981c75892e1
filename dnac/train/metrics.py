"""`metrics.jsonl`: one whole line for each logged train step, cut back to the checkpoint on resume.

Every field but `tokens_per_s` and `seconds` depends on the run alone, so a resumed run writes the
same lines as one that never stopped.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

from dnac.train.events import Line

NAME = "metrics.jsonl"
TIMES = ("tokens_per_s", "seconds")
"""Fields that depend on the machine's speed."""


class MetricsFile:
    """Appends lines; each is written by one call, so a line is whole or absent."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)

    def write(self, line: Line) -> None:
        """Append one line."""
        os.write(self._handle, json.dumps(line, allow_nan=False).encode() + b"\n")

    def flush(self) -> None:
        """Make the lines lasting: done before each checkpoint, which promises them."""
        os.fsync(self._handle)

    def close(self) -> None:
        """No more lines come."""
        os.close(self._handle)


def read_metrics(path: Path) -> list[Line]:
    """All whole lines of a metrics file; a last line that a crash tore is left out."""
    lines: list[Line] = []
    for text in path.read_bytes().splitlines() if path.exists() else ():
        try:
            lines.append(json.loads(text))
        except ValueError:
            break
    return lines


def cut_back(path: Path, step: int) -> None:
    """Keep the lines up to `step`; later ones will be written again."""
    kept = [line for line in read_metrics(path) if line["step"] <= step and "fault" not in line]
    temporary = path.with_suffix(".tmp")
    temporary.write_text("".join(json.dumps(line) + "\n" for line in kept))
    temporary.replace(path)
