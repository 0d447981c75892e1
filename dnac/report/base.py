"""What a view is, and what it may read: the net, its plan, the metrics of a run, a routing record."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from dnac.ir.graph import Graph
from dnac.report.record import Record


@dataclass(frozen=True)
class Material:
    """Everything a page can be made of; what is missing leaves its views out."""

    graph: Graph
    plan: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """What `dnac plan --json` prints."""
    origin: str = ""
    """The file or run that was asked for, as the user wrote it."""
    metrics: tuple[Mapping[str, Any], ...] = ()
    """Lines of `metrics.jsonl`."""
    record: Record | None = None
    profile: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """What `dnac profile --json` prints."""


@dataclass(frozen=True)
class View:
    """One section of the page; each file of `report/views/` exports one as `VIEW`."""

    name: str
    title: str
    rank: int
    """Views are shown in this order."""
    render: Callable[[Material], str | None]
    """The section's HTML, escaped and without scripts, or None where there is nothing to show."""
