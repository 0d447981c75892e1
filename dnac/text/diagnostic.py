"""A diagnostic is a value: what is wrong, where, and one thing to try.

Nothing formats where it detects: constructors in the `errors.py` of each layer make these values,
`text.render` alone turns them into plain text, coloured text or JSON.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from dnac.text.source import Span

Severity = Literal["error", "warning", "note"]


@dataclass(frozen=True)
class Label:
    """A second place that explains the first: "declared here", "this makes it 512"."""

    span: Span
    text: str


@dataclass(frozen=True)
class Diagnostic:
    """One fault, as the user will see it. `code` is stable and has a page under `text/explain/`."""

    code: str
    message: str
    span: Span | None
    label: str = ""
    """Short text under the caret; may be empty."""
    help: str = ""
    """One action that mends the fault."""
    notes: tuple[str, ...] = ()
    labels: tuple[Label, ...] = ()
    severity: Severity = "error"


@dataclass
class Bag:
    """Collects diagnostics, so that one run reports several faults."""

    items: list[Diagnostic] = field(default_factory=list[Diagnostic])
    _known: set[Diagnostic] = field(default_factory=set[Diagnostic], repr=False, compare=False)

    def __post_init__(self) -> None:
        self._known.update(self.items)

    def add(self, diagnostic: Diagnostic) -> None:
        """Keep a diagnostic; the same fault at the same place is kept once."""
        if diagnostic not in self._known:
            self._known.add(diagnostic)
            self.items.append(diagnostic)

    @property
    def has_errors(self) -> bool:
        """Whether any diagnostic is an error."""
        return any(d.severity == "error" for d in self.items)

    def __iter__(self) -> Iterator[Diagnostic]:
        """Diagnostics in source order; those without a place come last."""
        far = 1 << 60
        return iter(sorted(self.items, key=lambda d: (d.span.source.path, d.span.start) if d.span else ("\uffff", far)))


class Faults(Exception):
    """The user's fault, with all its diagnostics. The command line shows them and exits 1."""

    def __init__(self, bag: Bag | Diagnostic) -> None:
        self.bag = bag if isinstance(bag, Bag) else Bag([bag])
        super().__init__("; ".join(f"{d.code}: {d.message}" for d in self.bag))


class InternalError(Exception):
    """Our fault: a broken invariant of dnac, named with the stage at which it was noticed."""

    def __init__(self, stage: str, message: str) -> None:
        self.stage = stage
        super().__init__(f"internal error in {stage}: {message}")
