"""Sweeps: one net with every combination of some settings, each a run of its own with a name made from its settings.

A run that is there goes on, a finished one is left alone: the same command again does what is still to do, and a longer
list of values adds to what is done.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from itertools import product
from pathlib import Path

from dnac.semantics.result import CheckedFile, CheckedNet
from dnac.text.diagnostic import Bag, Diagnostic, Faults
from dnac.train import identity
from dnac.train.checkpoint import Tell
from dnac.train.prepare import Opened, Options, Prepared, prepare
from dnac.train.run import Run

_OPEN, _CLOSE = "([{", ")]}"
_LONGEST_NAME = 100
MOST_POINTS = 1_000
"""Runs of one sweep: more are a slip of the keyboard."""


@dataclass(frozen=True)
class Point:
    """One combination of settings."""

    name: str
    """Of its folder, made from the settings: `width=64,s1`."""
    settings: tuple[str, ...]
    """As `--set` takes them."""


def combinations(texts: Sequence[str]) -> list[tuple[str, ...]]:
    """All combinations of `name=value,value,...`; commas inside brackets and quotes belong to a value.

    `["hop.choose=top(1),top(2)", "a=1"]` is `[("hop.choose=top(1)", "a=1"), ("hop.choose=top(2)", "a=1")]`.
    """
    choices: list[list[str]] = []
    for text in texts:
        name, _, values = text.partition("=")
        choices.append([f"{name.strip()}={value.strip()}" for value in _split(values)])
    return list(product(*choices))


def points(texts: Sequence[str], seeds: Sequence[int] = ()) -> tuple[Point, ...]:
    """All points of a sweep in order, each once; seeds vary fastest, so that a table groups them."""
    every = [*texts, *([f"train.seed={','.join(map(str, seeds))}"] if seeds else [])]
    found = list(dict.fromkeys(combinations(every)))
    called = {settings: _called(settings) for settings in found}
    often = Counter(called.values())
    return tuple(Point(n if often[n] == 1 else f"{n}-{_digest(s)}", s) for s, n in called.items())


def _called(settings: tuple[str, ...]) -> str:
    """`width=64,choose=top-1,s2`: the last part of each path, and what of the value a folder's name can hold."""
    words = list[str]()
    for setting in settings:
        path, _, value = setting.partition("=")
        shown = re.sub(r"[^A-Za-z0-9.+%]+", "-", value).strip("-")
        words.append(f"s{shown}" if path == "train.seed" else f"{path.rpartition('.')[2]}={shown}")
    name = ",".join(words)
    return name if len(name) <= _LONGEST_NAME else f"{name[:_LONGEST_NAME]}-{_digest(settings)}"


def _digest(settings: tuple[str, ...]) -> str:
    return sha256("\n".join(settings).encode()).hexdigest()[:6]


def default_folder(base: CheckedNet) -> Path:
    """`runs/NET-SPEC-sweep`: of the net without the sweep, so that more values come into the same folder."""
    assert base.train is not None
    of = identity.spec_identity(base.graph, base.train)
    return Path("runs") / f"{of['net']}-{identity.spec_digest(of)[:8]}-sweep"


def prepared(point: Point, checked: tuple[CheckedNet, CheckedFile], options: Options, opened: Opened) -> Prepared:
    """The run of a point: a new one, or the one that stands in its folder. All points share the data sets `opened`.

    Raises:
        Faults: as `prepare`; the folder holds a run of something else.
    """
    assert options.out is not None
    resume = Run.is_run(options.out)
    options = replace(options, resume=resume, settings=(*options.settings, *point.settings))
    return prepare(*checked, options, opened=opened)


def is_finished(ready: Prepared, tell: Tell) -> bool:
    """Whether the run of a point has come to its end, by its latest checkpoint that verifies."""
    return ready.run is not None and ready.run.latest(tell).step >= ready.settings.total_steps


def named(faults: dict[str, Bag], of: int) -> Bag:
    """The faults of all points together, each once, with the points that have it where not all of them do."""
    found = dict[Diagnostic, list[str]]()
    for name, bag in faults.items():
        for fault in bag:
            found.setdefault(fault, []).append(name)
    return Bag([fault if len(names) == of else _noted(fault, names) for fault, names in found.items()])


def _noted(fault: Diagnostic, names: list[str]) -> Diagnostic:
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    points = "point" if len(names) == 1 else "points"
    return replace(fault, notes=(*fault.notes, f"in the {points} {'; '.join(names[:3])}{more} of the sweep"))


def at_point(faults: Faults, point: Point) -> Faults:
    """Faults of one run, with its point named."""
    return Faults(Bag([_noted(fault, [point.name]) for fault in faults.bag]))


def _split(values: str) -> Iterator[str]:
    part, depth, is_quoted = "", 0, False
    for character in values:
        is_quoted ^= character == '"'
        depth += (character in _OPEN) - (character in _CLOSE) if not is_quoted else 0
        if character == "," and depth == 0 and not is_quoted:
            yield part
            part = ""
        else:
            part += character
    yield part
