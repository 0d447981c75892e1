"""`budget NAME = flops(...)`: a limit on what routers may spend, and whether it can be kept.

A budget is bound where it stands, so that settings by path reach it, and judged once all routing steps are known.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from dnac.ir.form import Form
from dnac.ir.graph import BudgetSet, Graph, Route
from dnac.ir.traits import unrolled
from dnac.kinds.base import BalanceKind, ScoreKind, params_of
from dnac.kinds.budgets import BudgetKind, BudgetParams, ByKind, Prices, members, prices
from dnac.kinds.params import values_of
from dnac.kinds.rewards import RewardKind
from dnac.semantics import errors_budgets as errors
from dnac.semantics import errors_names, errors_values, words
from dnac.semantics.bind import Bound, Given, Owner, bind, given
from dnac.semantics.choice import never_varies
from dnac.semantics.draft import Draft, RouteUse, origin
from dnac.semantics.naming import Place, plain
from dnac.semantics.scope import SharedEntry
from dnac.semantics.wrong import Wrong
from dnac.syntax import ast
from dnac.text.diagnostic import Diagnostic
from dnac.text.source import Span
from dnac.text.suggest import nearest


@dataclass(frozen=True)
class BudgetUse:
    """A budget as written."""

    name: str
    kind: BudgetKind
    bound: Bound
    span: Span

    @property
    def params(self) -> BudgetParams:
        """Its fields."""
        return self.bound.params

    @property
    def by(self) -> ByKind:
        """By what it is kept."""
        return words.kind("by", self.params.by.name)

    def at(self, field: str) -> Span:
        """Where a field was given, else the budget's name."""
        return self.bound.at(field, self.span)


def declare_budget(statement: ast.Budget, place: Place, draft: Draft) -> None:
    """Bind a budget, and give its name a meaning.

    Raises:
        Wrong: it has faults.
    """
    name, call, scope = statement.name.text, statement.value, place.scope
    if (instead := draft.overrides.whole(name)) is not None:
        if not isinstance(instead.value, ast.Call):
            wanted = "a word for `budget` with its arguments"
            raise Wrong(errors_names.wrong_sort(instead.value.span, "a value", wanted, call.span))
        call, scope = instead.value, instead.scope
    kind = _kind(call)
    fields = tuple(kind.Params.model_fields)
    routers = tuple(dict.fromkeys(plain(use.router) for use in draft.routes))
    owner = Owner(kind.name, call.callee.span, scope, draft.width, routers)
    arguments = given(owner, fields, call.args, draft.bag) | draft.overrides.fields(name, fields)
    _name_routers(name, arguments, owner, draft)
    bound = bind(owner, kind.Params, arguments, draft.bag)
    if bound is None:
        raise Wrong()
    draft.budgets.append(BudgetUse(name, kind, bound, statement.name.span))
    scope.names[name] = SharedEntry("budget", name, statement.name.span)


def _name_routers(name: str, arguments: Mapping[str, Given], owner: Owner, draft: Draft) -> None:
    """What `of` names must be routers that stand above; one with a fault of its own is not told again."""
    value = arguments["of"].value if "of" in arguments else None
    for item in value.items if isinstance(value, ast.ListExpr) else ():
        text = item.span.text
        if not isinstance(item, ast.Ref) or text in (owner.members or ()) or owner.scope.find(text) is not None:
            continue
        near = nearest(text, owner.members or ())
        if draft.bag.has_errors and near is None:
            raise Wrong()
        raise Wrong(errors.no_such_router(name, text, near, owner.members or (), item.span))


def settled(graph: Graph, draft: Draft) -> Graph:
    """The graph with its budgets; faults go to the bag."""
    uses = [each for each in draft.budgets if isinstance(each, BudgetUse)]
    for use in uses:
        covered = tuple(_covered(use, graph, draft))
        budget = BudgetSet(use.name, _form(use), tuple(dict.fromkeys(r.router for r, _ in covered)), origin(use.span))
        for fault in _faults(use, budget, covered, graph, draft):
            draft.bag.add(fault)
        graph = replace(graph, budgets=(*graph.budgets, budget))
    for fault in _without_target(graph, draft):
        draft.bag.add(fault)
    return graph


def _without_target(graph: Graph, draft: Draft) -> Iterator[Diagnostic]:
    """Terms that pull at gates which no budget holds to a target."""
    held = {router for budget in graph.budgets for router in budget.routers}
    for route in draft.routes:
        for number, term in enumerate(route.fields.balance or ()):
            if words.kind("balance", term.name).is_pull and route.router not in held:
                held.add(route.router)
                yield errors.no_target(term.name, route.bound.at_item("balance", number, route.span))


def _kind(call: ast.Call) -> BudgetKind:
    ref = call.callee
    if not ref.tail and words.has("budget", ref.head.text):
        return words.kind("budget", ref.head.text)
    if (why := words.planned("budget", ref.head.text)) is not None:
        raise Wrong(errors_values.unsupported(f"`{ref.head.text}`", ref.span, why))
    raise Wrong(errors_values.unknown_word("budget", ref.span.text, ref.span, words.names("budget")))


def _form(use: BudgetUse) -> Form:
    by = use.by
    resolved = by.resolve(params_of(by, use.params.by)).form(by.name)
    return use.params.model_copy(update={"by": resolved}).form(use.kind.name)


def _covered(use: BudgetUse, graph: Graph, draft: Draft) -> Iterator[tuple[Route, RouteUse]]:
    """The routing steps whose choice the budget limits."""
    routes = (node for node in unrolled(graph.nodes) if isinstance(node, Route))
    for node, route in zip(routes, draft.routes, strict=True):
        is_named = not use.params.of or plain(node.router) in use.params.of
        if is_named and never_varies(route.fields, len(node.candidates)) is None:
            yield node, route


Covered = tuple[tuple[Route, RouteUse], ...]


def _faults(use: BudgetUse, budget: BudgetSet, covered: Covered, graph: Graph, draft: Draft) -> Iterator[Diagnostic]:
    if not covered:
        why = "no router's choice varies" if draft.routes else "this net routes nothing"
        yield errors.covers_nothing(use.name, why, use.at("of"))
        return
    if use.params.per not in use.by.units:
        yield errors.unit_misfit(use.by.name, use.params.per, use.by.units, use.at("per"))
    strange = [value for value in values_of(use.params.target) if not 0 < value <= 1]
    if strange:
        yield errors_values.out_of_range(
            use.kind.name, "target", f"{strange[0]:g}", "above 0 and at most 1", use.at("target")
        )
        return
    said = use.kind.written(use.params)
    for node, route in covered if said is not None else ():
        if len(members(node)) != len(said or ()):
            yield errors.costs_misfit(use.name, len(said or ()), members(node), use.at("costs"), route.span)
            return
    found = prices(graph, budget)
    yield from _reachable(use, found, covered)
    yield from _idle(use, covered)
    yield from _controllers(use, covered, draft)


def _reachable(use: BudgetUse, found: Prices, covered: Covered) -> Iterator[Diagnostic]:
    """Whether the target lies between the cheapest and the dearest choices."""
    places = {node.step: route.span for node, route in covered}
    stuck = [step for step, price in found.steps.items() if price.most - price.least < 1e-9]
    if len(stuck) == len(found.steps):
        help_ = "add a cheaper member such as `keep = identity()`"
        if not use.by.refuses:
            yield errors.idle_budget(use.name, "at every step all choices cost the same", use.at("target"), help_)
            return
    if use.by.refuses and stuck:
        yield errors.no_cheap_member(use.name, use.at("by"), places[stuck[0]])
        return
    target, least = min(values_of(use.params.target)), found.least
    if target < least - 1e-9:
        dear = dict.fromkeys(places[step] for step, price in found.steps.items() if price.least > 0)
        yield errors.infeasible(use.name, target, least, use.at("target"), tuple(dear))


def _idle(use: BudgetUse, covered: Covered) -> Iterator[Diagnostic]:
    """A loss on routers of which none learns, or a price in rewards that none asks for."""
    if use.by.price is not None and not any(_is_paid(route) for _, route in covered):
        why = "its price is in the reward of `grad = reinforce`, which none of its routers has"
        yield errors.idle_budget(
            use.name, why, use.at("by"), "write `grad = reinforce`, or use `by = loss(quadratic, 4)`"
        )
        return
    if use.by.loss is None or any(_learns(route) for _, route in covered):
        return
    why = "its loss reaches only routers that do not learn"
    yield errors.idle_budget(use.name, why, use.at("by"), "let them learn, or use `by = bias(1e-3)` or `by = hard`")


def _controllers(use: BudgetUse, covered: Covered, draft: Draft) -> Iterator[Diagnostic]:
    """Biases that something else moves too."""
    if use.by.update is None:
        return
    names = {node.router for node, _ in covered}
    uses = [each for each in draft.budgets if isinstance(each, BudgetUse)]
    for other in uses[: uses.index(use)]:
        if other.by.update is not None:
            yield errors.two_controllers(use.name, f"the budget `{other.name}`", use.at("by"), other.at("by"))
    for route in draft.routes:
        for number, term in enumerate(route.fields.balance or ()):
            kind: BalanceKind = words.kind("balance", term.name)
            if route.router in names and kind.update is not None and kind.target(params_of(kind, term)) is not None:
                at = route.bound.at_item("balance", number, route.span)
                yield errors.two_controllers(use.name, f"`{term.name}`", use.at("by"), at)
                return


def _is_paid(route: RouteUse) -> bool:
    return isinstance(words.kind("grad", route.fields.grad.name), RewardKind)


def _learns(route: RouteUse) -> bool:
    score: ScoreKind = words.kind("score", route.fields.score.name)
    return not route.fields.frozen and score.learns(params_of(score, route.fields.score))
