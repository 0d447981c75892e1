"""One open text with all that is known of it; each part is worked out when it is first asked for."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

from dnac.ir.graph import Graph
from dnac.lsp.names import Index, index
from dnac.schedule.cost import Costs
from dnac.semantics.check import check
from dnac.semantics.files import Unit, load
from dnac.semantics.result import CheckedFile
from dnac.syntax import ast
from dnac.syntax.lexemes import Scan
from dnac.syntax.scanner import scan
from dnac.text.diagnostic import Bag, Faults
from dnac.text.files import source_of
from dnac.text.source import Source


class Document:
    """One state of a text. The path need not exist; `use` looks for files beside it."""

    def __init__(self, path: str, text: str) -> None:
        self.unreadable: Bag | None = None
        """Faults of a text that cannot be a spec at all (NUL characters and the like)."""
        try:
            self.source = source_of(path, text.encode("utf-8", "surrogatepass"))
        except Faults as faults:
            self.unreadable = faults.bag
            self.source = Source(path, "")
        self._costs: dict[str, Costs] = {}

    @cached_property
    def checked(self) -> CheckedFile:
        """All nets and faults, but for asserts on costs."""
        if self.unreadable is not None:
            return CheckedFile(self.source, (), (), self.unreadable)
        return check(self.source)

    @cached_property
    def words(self) -> Scan | None:
        """The words of the text; None if it nests too deeply."""
        return scan(self.source, Bag())

    @cached_property
    def unit(self) -> Unit | None:
        """The tree and, through it, those of used files; None if nothing of the text is usable."""
        return load(self.source, Bag())[0]

    @cached_property
    def names(self) -> Index:
        """The names that this text declares."""
        return self.names_in(self.unit)

    def names_in(self, unit: Unit | None) -> Index:
        """The names that a used file declares."""
        return index(unit.tree) if unit is not None else Index(())

    def used(self, alias: str) -> list[Unit]:
        """The files known under a name; several of `std/` may share one."""
        return [unit for _, name, unit in self.unit.uses if name == alias] if self.unit is not None else []

    def path_of(self, source: Source) -> Path:
        """Where a source lies on the disk."""
        units = _with_used([self.unit]) if self.unit is not None else ()
        return next((unit.path for unit in units if unit.source.path == source.path), Path(source.path))

    def brings(self, use: ast.Use, path: str) -> bool:
        """Whether a `use` of this text brings in a source, itself or through what it uses."""
        uses = self.unit.uses if self.unit is not None else []
        return any(unit.source.path == path for unit in _with_used([u for each, _, u in uses if each.span == use.span]))

    def costs(self, graph: Graph) -> Costs:
        """What a net costs; kept, since hovering asks again and again."""
        if graph.name not in self._costs:
            self._costs[graph.name] = Costs(graph)
        return self._costs[graph.name]


def _with_used(units: list[Unit]) -> Iterator[Unit]:
    """Some files, and all that they use."""
    waiting, seen = list(units), set[int]()
    while waiting:
        unit = waiting.pop()
        if id(unit) not in seen:
            seen.add(id(unit))
            yield unit
            waiting += [inner for _, _, inner in unit.uses]
