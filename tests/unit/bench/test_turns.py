"""Several measurements that share a device."""

from __future__ import annotations

from pathlib import Path
from threading import Event, Thread

import pytest

from dnac.bench.turns import in_turn

pytest.importorskip("fcntl", reason="locks of files: not on Windows")


def test_the_first_measures_only_when_all_others_have_compiled(tmp_path: Path) -> None:
    begun, compiled, measured = Event(), Event(), Event()

    def other() -> None:
        with in_turn(tmp_path / "lock") as alone:
            begun.set()
            compiled.wait(10)
            alone()
            measured.set()

    thread = Thread(target=other)
    thread.start()
    assert begun.wait(10)
    with in_turn(tmp_path / "lock"):
        compiled.set()  # the other may measure now, but this one still compiles
        assert not measured.wait(0.2)
    assert measured.wait(10)
    thread.join()


def test_two_do_not_measure_at_once(tmp_path: Path) -> None:
    inside, most = [0], [0]

    def measure() -> None:
        with in_turn(tmp_path / "lock") as alone:
            alone()
            inside[0] += 1
            most[0] = max(most[0], inside[0])
            Event().wait(0.05)
            inside[0] -= 1

    threads = [Thread(target=measure) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1]


def test_without_a_lock_nothing_is_waited_for() -> None:
    with in_turn(None) as alone:
        alone()
