"""Budgets: what candidates cost, for whom a target holds, and by which means it is kept.

100 % is the dearest choice at every covered routing step: its k dearest candidates. What is not chosen (backbone,
routers, shared members, embed, head) is outside: no router can save it. Costs are shares of that whole.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple

from pydantic import Field

from dnac import catalogue
from dnac.ir import traits
from dnac.ir.form import Form
from dnac.ir.graph import BudgetSet, Graph, Member, Part, Route
from dnac.kinds.base import (
    ChooseKind,
    From,
    Kind,
    MemberName,
    ModuleKind,
    Params,
    Scheduled,
    ShapeKind,
    ShareUnit,
    Site,
    params_of,
)
from dnac.kinds.params import values_of
from dnac.kinds.place import site_of

if TYPE_CHECKING:
    from torch import Tensor


class BudgetParams(Params):
    """Arguments of `budget NAME = ...`."""

    target: Annotated[Annotated[float, Field(gt=0, le=1)] | Form, Scheduled(), ShareUnit("the dearest choices")]
    """How much may be spent."""
    per: Literal["token", "sequence", "batch", "network"]
    """Who shall keep to the target: each token, the mean of each sequence, of each micro-batch, or of a whole train
    step."""
    by: Annotated[Form, From("by")]
    """How it is kept."""
    of: tuple[Annotated[str, MemberName("the label of a route above, or a router's name")], ...] = ()
    """The routers that it covers. Unsaid: all of the net whose choice varies, those below too."""


@dataclass(frozen=True, eq=False)
class BudgetKind(Kind):
    """What is counted: `cost(flops of one token, whether the member does any work)`."""

    cost: Callable[[float, bool], float] = lambda flops, works: flops
    written: Callable[[Any], tuple[float, ...] | None] = lambda params: None
    """The cost of each member of a pool in order of declaration, where the file says it."""
    unit: str = "modules"
    """What is counted, for people."""


@dataclass(frozen=True, eq=False)
class ByKind(Kind):
    """By which means.

    loss(params, executed share [...], target) -> scalar, added to the training loss.
    update(params, room, costs [M], rate) -> change of a router's bias [M], once per train step.
    price(params, executed share of each sequence [B], target) -> what it takes off their rewards [B], nats a target.
    """

    units: tuple[str, ...] = ()
    """The values of `per` that make sense with it."""
    loss: Callable[[Any, Tensor, Any], Tensor] | None = None
    update: Callable[[Any, Tensor, Tensor, float], Tensor] | None = None
    rate: Callable[[Any], Any] = lambda params: 0.0
    """The rate of `update`, a number or a schedule."""
    price: Callable[[Any, Tensor, Any], Tensor] | None = None
    refuses: bool = False
    """Whether what cannot be paid is never chosen."""
    resolve: Callable[[Any], Any] = lambda params: params


class StepPrice(NamedTuple):
    """One covered routing step, in shares of the whole."""

    costs: tuple[float, ...]
    """Of each candidate."""
    least: float
    """The cheapest choice that its router can make."""
    most: float
    """The dearest."""
    after: float
    """The cheapest way through all later covered steps."""


class Prices(NamedTuple):
    """What a budget's steps cost."""

    whole: float
    """The dearest choice at every covered step, in the budget's own unit: FLOPs, or modules."""
    steps: dict[int, StepPrice]
    """By the number of the routing step."""

    @property
    def least(self) -> float:
        """The cheapest choice at every step, as a share of the whole."""
        return sum(step.least for step in self.steps.values())


def kinds_of(budget: BudgetSet) -> tuple[BudgetParams, ByKind, Any]:
    """A budget's params, and by what it is kept."""
    kind: BudgetKind = catalogue.get("budget", budget.kind.name)
    params: BudgetParams = params_of(kind, budget.kind)
    by: ByKind = catalogue.get("by", params.by.name)
    return params, by, params_of(by, params.by)


def moved_routers(graph: Graph) -> frozenset[str]:
    """Routers whose bias a budget moves."""
    return frozenset(name for b in graph.budgets if kinds_of(b)[1].update is not None for name in b.routers)


def refusing(graph: Graph) -> bool:
    """Whether some budget refuses what cannot be paid."""
    return any(kinds_of(b)[1].refuses for b in graph.budgets)


def prices(graph: Graph, budget: BudgetSet) -> Prices:
    """The cost of every candidate at every covered routing step."""
    routes = [n for n in traits.unrolled(graph.nodes) if isinstance(n, Route) and n.router in budget.routers]
    kind: BudgetKind = catalogue.get("budget", budget.kind.name)
    known: dict[str, float] = {}

    def cost(member: Member) -> float:
        if member.set not in known:
            made = graph.module[member.set]
            known[member.set] = kind.cost(work(made.parts, site_of(graph)), not made.is_identity)
        return known[member.set]

    said = kind.written(params_of(kind, budget.kind))
    if said is None:
        costs = {route.step: tuple(map(cost, route.candidates)) for route in routes}
    else:
        costs = {route.step: tuple(said[members(route).index(m.set)] for m in route.candidates) for route in routes}
    keeps_k = kinds_of(budget)[1].refuses
    ranges = {route.step: _range(graph, route, costs[route.step], keeps_k=keeps_k) for route in routes}
    whole = sum(most for _, most in ranges.values())
    steps: dict[int, StepPrice] = {}
    after = 0.0
    for step in sorted(costs, reverse=True):
        least, most = (cost / whole if whole else 0.0 for cost in ranges[step])
        shares = tuple(cost / whole if whole else 0.0 for cost in costs[step])
        steps[step] = StepPrice(shares, least, most, after)
        after += least
    return Prices(whole, dict(sorted(steps.items())))


def members(route: Route) -> list[str]:
    """The sets that a route chooses among, in order of declaration."""
    return list(dict.fromkeys(member.set for member in route.candidates))


def work(parts: Iterable[Part], site: Site) -> float:
    """Forward FLOPs of one token through a module, with a full segment's keys."""
    kinds: list[tuple[ModuleKind, Any]] = []
    for part in parts:
        kind: ModuleKind = catalogue.get("module", part.kind.name)
        kinds.append((kind, params_of(kind, part.kind)))
    return sum(kind.flops(params, site, kind.keys(params, site.tokens)) for kind, params in kinds)


def end_of(number: float | Form) -> float:
    """A number, or the value at which a schedule ends and stays."""
    if not isinstance(number, Form):
        return number
    value, pieces = _real(number["start"]), number["pieces"]
    for piece in pieces if isinstance(pieces, tuple) else ():
        if isinstance(piece, Form):
            kind: ShapeKind = catalogue.get("shape", piece.name)
            value = float(kind.value(params_of(kind, piece), value, 1.0))
    return value


def _real(value: object) -> float:
    assert isinstance(value, (int, float))
    return float(value)


def _range(graph: Graph, route: Route, costs: tuple[float, ...], *, keeps_k: bool) -> tuple[float, float]:
    """The cheapest and the dearest choice of one step: of the smallest and the largest k of a schedule.

    keeps_k: the cheapest is one of the largest k too, as a purse must hold enough whatever k is at present.
    """
    form = graph.router[route.router].fields["choose"]
    assert isinstance(form, Form)
    kind: ChooseKind = catalogue.get("choose", form.name)
    params = params_of(kind, form)
    k, ordered = kind.k(params, len(costs)), sorted(costs)
    is_free = kind.may_pass or bool(kind.takers(params))
    filled = None if keeps_k else kind.filled(params)
    least_k = k if filled is None else int(min(values_of(filled)))
    return 0.0 if is_free else sum(ordered[:least_k]), sum(ordered[-k:])
