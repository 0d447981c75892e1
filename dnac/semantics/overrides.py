"""Settings by path, from `with` and `--set`: which one wins, and which hits nothing.

A path names what it sets as the state dict does, with turns or without: `hop.choose` is every turn
of `hop`, `hop[17].choose` one. Later layers win (file < with < --set), then the more exact path,
then the later line.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from dnac.semantics import errors_names as errors
from dnac.semantics.bind import Given
from dnac.semantics.naming import plain
from dnac.semantics.scope import Scope
from dnac.semantics.values import whole
from dnac.semantics.wrong import Wrong
from dnac.syntax import ast
from dnac.text.diagnostic import Bag
from dnac.text.limits import MOST_ERRORS

Path = tuple[tuple[str, tuple[int, ...]], ...]
"""Names, each with the turns behind it."""


@dataclass(eq=False)
class Override:
    """One setting: where to, the value, and the layer it belongs to."""

    path: Path
    setting: ast.Setting
    scope: Scope
    layer: int
    hit: bool = False

    @property
    def given(self) -> Given:
        """The value as an argument."""
        return Given(self.setting.value, self.scope, self.setting.target.span)

    def strength(self) -> tuple[int, int]:
        """Layer, then how many turns are named; equal strengths: the later one."""
        return self.layer, sum(len(turns) for _, turns in self.path)


@dataclass(eq=False)
class Overrides:
    """All settings that apply to one net, weakest layer first."""

    items: list[Override] = field(default_factory=list[Override])
    known: dict[str, None] = field(default_factory=dict[str, None])
    """Paths that can be set, without turns: for near names."""

    def whole(self, address: str) -> Given | None:
        """What replaces the thing at an address (a param, a count, a member's kind)."""
        self.known.setdefault(plain(address))
        return self._strongest(parse(address))

    def fields(self, address: str, fields: Iterable[str]) -> dict[str, Given]:
        """What sets fields of the thing at an address."""
        bare, path = plain(address), parse(address)
        self.known |= {f"{bare}.{field}": None for field in fields}
        if not self.items:
            return {}
        found = {field: self._strongest((*path, (field, ()))) for field in fields}
        return {field: given for field, given in found.items() if given is not None}

    def report_missed(self, bag: Bag, block: str | None = None) -> None:
        """One fault for each setting that hit nothing.

        `block`: the text of a net that was not looked at to its end; then only those that no statement of it can mean.
        """
        missed = [override for override in self.items if not override.hit]
        if block is not None:
            names = set(_NAME.findall(block))
            missed = [override for override in missed if self._is_lost(override.path, names)]
        for override in missed[:MOST_ERRORS]:
            bag.add(errors.setting_hits_nothing(override.setting.target.span, list(self.known)))

    def _is_lost(self, path: Path, names: set[str]) -> bool:
        """Whether a path begins with a name that stands nowhere, or ends in a field that a thing looked at lacks."""
        words = [name for name, _ in path]
        beside = {known.rpartition(".")[0] for known in self.known}
        lacks = ".".join(words[:-1]) in beside and words[-1] not in names
        return words[0] != "train" and (words[0] not in names or lacks)

    def _strongest(self, path: Path) -> Given | None:
        best: Override | None = None
        for override in self.items:
            if _matches(override.path, path):
                override.hit = True
                if best is None or override.strength() >= best.strength():
                    best = override
        return best.given if best else None


def layer_of(settings: Sequence[ast.Setting], scope: Scope, layer: int, bag: Bag) -> list[Override]:
    """The overrides of one `with` or of the command line, with faults of their paths in the bag."""
    found, first = list[Override](), dict[Path, ast.Setting]()
    for setting in settings:
        try:
            path = _path(setting.target, scope)
        except Wrong as wrong:
            wrong.report(bag)
            continue
        if path in first:
            bag.add(errors.setting_twice(setting.target.span, first[path].target.span))
        first.setdefault(path, setting)
        found.append(Override(path, setting, scope, layer))
    return found


def parse(address: str) -> Path:
    """`a[0][2].b` to names and turns."""
    return tuple(
        (part.split("[", 1)[0], tuple(int(t) for t in _NUMBER.findall(part.partition("[")[2])))
        for part in address.split(".")
    )


_NUMBER = re.compile(r"\d+")
_NAME = re.compile(r"\w+")


def _path(target: ast.Ref, scope: Scope) -> Path:
    names: list[tuple[str, tuple[int, ...]]] = [(target.head.text, ())]
    for step in target.tail:
        if isinstance(step, ast.Field):
            names.append((step.name.text, ()))
        elif isinstance(step, ast.Index):
            name, turns = names[-1]
            names[-1] = name, (*turns, whole(step.index, scope, "a turn"))
        else:
            raise Wrong(errors.setting_path(target.span))
    return tuple(names)


def _matches(override: Path, address: Path) -> bool:
    return len(override) == len(address) and all(
        name == wanted and turns == own[: len(turns)]
        for (name, turns), (wanted, own) in zip(override, address, strict=True)
    )
