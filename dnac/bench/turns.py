"""A device that several measurements share: they compile side by side, and measure one at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import torch


@contextmanager
def in_turn(lock: Path | None) -> Iterator[Callable[[], None]]:
    """Hold `lock` shared while compiling; what is yielded waits until nobody else holds it, and then holds it alone.

    So the first measurement begins when the last of those that have begun has compiled. With no lock it does nothing.

    Raises:
        OSError: the file cannot be written.
    """
    if lock is None:
        yield lambda: None
        return
    import fcntl  # not on Windows

    with lock.open("a") as file:  # closing it gives the lock back

        def alone() -> None:
            torch.cuda.empty_cache()  # the others measure while this one waits
            fcntl.flock(file, fcntl.LOCK_EX)

        fcntl.flock(file, fcntl.LOCK_SH)
        yield alone
