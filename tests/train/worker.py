"""Runs `dnac` in a process of its own and ends it by a signal at a chosen place.

worker.py SIGNAL step N ARGUMENTS...    after train step N
worker.py SIGNAL save N ARGUMENTS...    at the N-th write, sync or rename of the process
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from typing import Any

from dnac.cli.main import main
from dnac.train import session


def after_step(number: int, at: int) -> None:
    """Send the signal once train step `at` is done."""
    real = session.train_step

    def step(run: Any, batch: Any) -> Any:
        update = real(run, batch)
        if update.step == at:
            os.kill(os.getpid(), number)
        return update

    session.train_step = step


def within_save(number: int, at: int) -> None:
    """Send the signal before the `at`-th call that makes a checkpoint."""
    seen = 0

    def stopping(real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any) -> Any:
            nonlocal seen
            seen += 1
            if seen == at:
                os.kill(os.getpid(), number)
            return real(*args)

        return call

    for name in ("write", "fsync", "rename"):
        setattr(os, name, stopping(getattr(os, name)))


if __name__ == "__main__":
    name, place, at, *words = sys.argv[1:]
    if name != "none":
        {"step": after_step, "save": within_save}[place](getattr(signal, name), int(at))
    sys.exit(main(words))
