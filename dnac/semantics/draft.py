"""A net in the making: what elaboration has found so far, and the budget it must keep."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from dnac.ir.form import Form
from dnac.ir.graph import ModuleSet, Node, Origin, Part, Pretrained, Route, RouterSet, SharedSet
from dnac.kinds.base import InputKind, Site
from dnac.kinds.router import RouterParams
from dnac.semantics import errors_values as errors
from dnac.semantics.bind import Bound
from dnac.semantics.overrides import Overrides
from dnac.semantics.presence import Loop
from dnac.semantics.result import CostAssert
from dnac.semantics.scope import Scope
from dnac.semantics.wrong import Ledger, Wrong
from dnac.syntax import ast
from dnac.text.diagnostic import Diagnostic
from dnac.text.limits import MOST_NODES, MOST_PARAMS, MOST_SLOTS
from dnac.text.source import Span


@dataclass(frozen=True)
class RouteUse:
    """One routing step as checks want to see it."""

    router: str
    bound: Bound
    k: int
    span: Span

    @property
    def fields(self) -> RouterParams:
        """The router's fields."""
        return self.bound.params


@dataclass(frozen=True)
class Break:
    """A construct that breaks causality or row independence, and the labels by which it can be named."""

    fact: str
    """`causal` or `row_independent`."""
    words: str
    labels: tuple[str, ...]
    span: Span
    programs: tuple[str, ...] = ("train", "generate")
    """The programs in which it is so."""


@dataclass(frozen=True, slots=True)
class Made:
    """Parts that were made from a text, and what the names in it meant: the next turn of a repeat makes the same."""

    names: tuple[str, ...]
    meant: tuple[object, ...]
    has_norm: bool
    parts: tuple[Part, ...]


@dataclass(frozen=True)
class Wish:
    """An `init` statement, which is settled once all sets of weights are known."""

    statement: ast.Init
    scope: Scope


@dataclass(frozen=True, slots=True)
class Halting:
    """The halting steps of one loop as it is written out."""

    begin: str
    """The tally at the loop's begin."""
    now: str
    """The tally behind the last of them."""
    is_mean: bool
    """Whether they weigh the stream."""
    span: Span


@dataclass(frozen=True, slots=True)
class Ahead:
    """A choice of turns that waits for the loop behind it."""

    route: Route
    after: tuple[int, ...]
    """Turns by candidate slot."""
    span: Span
    """The candidates."""
    tally: str = ""
    """In the loop: what its weight leaves."""


@dataclass(eq=False)
class Draft:
    """Everything one net consists of, as far as it is elaborated."""

    name: str
    bag: Ledger
    overrides: Overrides
    span: Span
    input: Form | None = None
    source: InputKind | None = None
    source_params: Any = None
    source_span: Span | None = None
    embed: SharedSet | None = None
    width_span: Span | None = None
    site: Site | None = None
    shared: list[SharedSet] = field(default_factory=list[SharedSet])
    modules: dict[str, ModuleSet] = field(default_factory=dict[str, ModuleSet])
    routers: dict[str, RouterSet] = field(default_factory=dict[str, RouterSet])
    nodes: list[Node] = field(default_factory=list[Node])
    x: str = ""
    """The present stream value; empty before the embed."""
    heads: list[tuple[SharedSet, str | None, Span]] = field(default_factory=list[tuple[SharedSet, str | None, Span]])
    values: dict[str, int] = field(default_factory=dict[str, int])
    routing_steps: int = 0
    routes: list[RouteUse] = field(default_factory=list[RouteUse])
    routed: dict[str, tuple[tuple[str, ...], Span]] = field(default_factory=dict[str, tuple[tuple[str, ...], Span]])
    """Members that each router has chosen among so far, and where first."""
    schedules: list[tuple[str, Form, Span]] = field(default_factory=list[tuple[str, Form, Span]])
    """Schedules of taps and modules: what they are of, and where they were written."""
    budgets: list[object] = field(default_factory=list[object])
    """Budgets as written (`budgets.BudgetUse`)."""
    breaks: list[Break] = field(default_factory=list[Break])
    asserts: list[CostAssert] = field(default_factory=list[CostAssert])
    claims: list[tuple[str, str, Span]] = field(default_factory=list[tuple[str, str, Span]])
    """Asserted facts: (`causal` | `row_independent` | `not_causal`, label, place)."""
    spans: dict[str, Span] = field(default_factory=dict[str, Span])
    """Place of each set of weights."""
    made_in: dict[str, int] = field(default_factory=dict[str, int])
    """Turns of all repeats around the declaration of each module."""
    made: dict[int, Made] = field(default_factory=dict[int, Made])
    """By the identity of the text, which the file's tree keeps alive."""
    routed_again: dict[int, object] = field(default_factory=dict[int, object])
    """Routers in place (`routes.Routed`), by the identity of their text."""
    counted: dict[int, tuple[Sequence[Part], int]] = field(default_factory=dict[int, tuple[Sequence[Part], int]])
    """Parameters of parts, by their identity; the parts beside it keep it unique."""
    wishes: list[Wish] = field(default_factory=list[Wish])
    pretrained: list[Pretrained] = field(default_factory=list[Pretrained])
    untaught: list[Diagnostic] = field(default_factory=list[Diagnostic])
    """Warnings about routers that nothing in the net teaches; the train block may."""
    places: dict[str, Span] = field(default_factory=dict[str, Span])
    """Where the input and the fields of the train block stand."""
    loops: list[Loop] = field(default_factory=list[Loop])
    """Repeats as they were written out, inner ones first."""
    depth: int = 0
    """Repeats around the present place."""
    halting: Halting | None = None
    """The halting steps of the innermost loop so far."""
    ahead: Ahead | None = None
    """A choice of turns that waits for the loop behind it."""
    is_copied: bool | None = None
    """Whether tokens that leave go on giving keys; None: nobody leaves yet."""
    is_branch: bool = False
    """Whether the present place is a branch of a `parallel`."""
    turns: int = 1
    """Product of the counts of all enclosing repeats."""
    view: str = ""
    """The shared norm that a step of a `parallel` reads; empty elsewhere."""
    slots: int = 0
    params: int = 0
    stopped: bool = False
    """The budget is used up; nothing more is expanded."""

    @property
    def width(self) -> int | None:
        """D, once the embed is known."""
        return self.site.width if self.site else None

    def fresh(self, letter: str = "h") -> str:
        """The name of the next stream value (`h3`) or view (`n3`)."""
        number = self.values.get(letter, 0)
        self.values[letter] = number + 1
        return f"{letter}{number}"

    def add_node(self, node: Node, span: Span) -> None:
        """Append a node, within the budget."""
        if len(self.nodes) >= MOST_NODES:
            self.stop(Wrong(errors.too_large("steps", len(self.nodes) + 1, MOST_NODES, span)))
        self.nodes.append(node)

    def add_module(self, name: str, count: int | None, parts: tuple[Part, ...], span: Span) -> None:
        """Declare a set of modules, within the budget."""
        self.modules[name] = ModuleSet(name, count, parts, origin(span))
        self.spans[name] = span

    def add_params(self, count: int, span: Span) -> None:
        """Count parameters before anything is allocated."""
        self.params += count
        if self.params > MOST_PARAMS:
            self.stop(Wrong(errors.too_large("parameters", self.params, MOST_PARAMS, span)))

    def add_slots(self, count: int, span: Span) -> None:
        """Count candidates over all routing steps."""
        self.slots += count
        if self.slots > MOST_SLOTS:
            self.stop(Wrong(errors.too_large("candidates over all routing steps", self.slots, MOST_SLOTS, span)))

    def stop(self, wrong: Wrong) -> None:
        """Give up this net: it is too large to look at any further."""
        self.stopped = True
        raise wrong


def origin(span: Span) -> Origin:
    """The place of a span, as graphs keep it."""
    return Origin(span.source.path, span.line, span.column)
