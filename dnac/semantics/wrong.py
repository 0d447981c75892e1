"""How a fault travels inside semantics: raised where it is noticed, caught where work can go on."""

from __future__ import annotations

from dataclasses import dataclass

from dnac.text.diagnostic import Bag, Diagnostic


class Wrong(Exception):
    """The user's fault in one value or statement; the caller puts it into the bag and goes on.

    Without diagnostics: the fault is in the bag already, or belongs to something that is.
    """

    def __init__(self, *diagnostics: Diagnostic) -> None:
        self.diagnostics = diagnostics
        super().__init__("; ".join(d.message for d in diagnostics))

    def report(self, bag: Bag) -> None:
        """Put the faults into the bag; a fault that has been told already counts again."""
        for diagnostic in self.diagnostics:
            bag.add(diagnostic)
        if isinstance(bag, Ledger) and not self.diagnostics:
            bag.errors += 1


@dataclass
class Ledger(Bag):
    """A bag that also counts: a recipe used twice has its faults kept once, but fails both times."""

    errors: int = 0
    """Errors added so far, repeated ones too."""

    def add(self, diagnostic: Diagnostic) -> None:
        """Keep a diagnostic, and count it if it is an error."""
        self.errors += diagnostic.severity == "error"
        super().add(diagnostic)
