"""Ctrl-C and SIGTERM: the first asks for a stop at the step boundary, the second ends the process."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from types import FrameType, TracebackType

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Stopped(Exception):
    """Training was asked to stop; all is saved. `exit_code` is 128 + the signal: 130 or 143."""

    def __init__(self, number: int, step: int) -> None:
        self.exit_code, self.step = 128 + number, step
        super().__init__(f"stopped after step {step} by {signal.Signals(number).name}")


class Interrupts:
    """While entered, the first signal is kept in `received` and given to `notice`.

    That signal also restores the system's own handling, so that a second one ends the process at
    once, even inside a long operation; a checkpoint is published by one rename, so nothing tears.
    """

    def __init__(self, notice: Callable[[int], None]) -> None:
        self.received: int | None = None
        self._notice = notice
        self._before: dict[int, object] = {}

    def __enter__(self) -> Interrupts:
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, self._receive) for number in SIGNALS}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]

    def _receive(self, number: int, frame: FrameType | None) -> None:
        self.received = number
        for each in SIGNALS:
            signal.signal(each, signal.SIG_DFL)
        self._notice(number)
