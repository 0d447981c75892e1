"""What a network costs: parameters of each set, active parameters and FLOPs of each step.

Conventions (`docs/numerics.md`): forward only, 2 FLOPs per multiply-add; linear layers, attention
scores and values with the mean number of visible keys, routers, embed projection and head; look-ups,
norms and activations count nothing. Per token of the stream.

- max: the dearest members, and all tokens in the same ones, so that every key is there.
- min: the cheapest members, and a routed token that sees itself alone.
- expected: the declared skip share, else uniform choice, with the keys that follow from it.

A limit holds every module to its room in each case: max then fills the dearest ones, one after the
other. Where modules choose their tokens, each takes its share in each case. Where tokens can leave, they do so
as soon as they can (min), as likely as they choose the exit (expected), or never (max).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import NamedTuple, assert_never

from dnac import catalogue
from dnac.ir import traits
from dnac.ir.form import Form
from dnac.ir.graph import (
    Apply,
    Embed,
    Graph,
    Head,
    Join,
    Member,
    Node,
    Norm,
    Part,
    Presence,
    Region,
    Route,
    RouterSet,
    Settle,
    Tally,
    Tap,
)
from dnac.kinds.base import EmbedKind, HeadKind, ModuleKind, ScoreKind, params_of
from dnac.kinds.router import decode_score, view_width
from dnac.passes import facts
from dnac.schedule.chance import Spread, chances, spread
from dnac.schedule.present import ALL, Here, present
from dnac.schedule.sizes import Sizes


class Range(NamedTuple):
    """A cost per token: least, expected and most."""

    min: float = 0.0
    expected: float = 0.0
    max: float = 0.0

    def plus(self, other: Range) -> Range:
        """The sum, case by case."""
        return Range(self.min + other.min, self.expected + other.expected, self.max + other.max)

    def case_by_case(self, factors: Iterable[float]) -> Range:
        """Each case times its own factor."""
        return Range(*(cost * factor for cost, factor in zip(self, factors, strict=True)))

    def times(self, factor: float) -> Range:
        """Each case times a factor."""
        return Range(self.min * factor, self.expected * factor, self.max * factor)


def same(cost: float) -> Range:
    """A cost that does not vary."""
    return Range(cost, cost, cost)


def total(costs: Iterable[Range]) -> Range:
    """The sum of costs."""
    result = Range()
    for cost in costs:
        result = result.plus(cost)
    return result


class _Keys(NamedTuple):
    """Which of a full segment's keys are there for a routed token."""

    others: float = 1.0
    """Keys that each other token has at this step: the chance that it is in the same module, or under `history` the
    mean number of its modules that make keys."""
    before: float = 0.0
    """Keys that each token, itself too, has from earlier steps."""
    own: float = 0.0
    """Keys that the token itself has at this step from its other choices."""

    def seen(self, full: float) -> float:
        """Mean number of keys, itself always among them; 0 for what sees none."""
        return 1.0 + self.own + self.others * (full - 1.0) + self.before * full if full else 0.0


class RouteCost(NamedTuple):
    """One routing step: FLOPs of its router, of its shared members, and of each candidate slot."""

    router: float
    always: Range
    slots: tuple[Range, ...]
    """Cost of each slot where it is chosen, times its chance: they sum to the step's cost."""
    params: Range
    """Active parameters of the members."""

    @property
    def whole(self) -> Range:
        """The step's FLOPs per token."""
        return total(self.slots).plus(self.always).plus(same(self.router))


class Costs(Sizes):
    """The costs of one graph. Weights are counted once per set, uses as often as they run."""

    def __init__(self, graph: Graph) -> None:
        super().__init__(graph)
        self._routes: dict[int, RouteCost] = {}
        self._flops: dict[tuple[str, _Keys], float] = {}

    @cached_property
    def active_params(self) -> Range:
        """Parameters that work for one token: routers, embed and head once, modules each time they run."""
        once = sum(self.router_params.values())
        once += sum(self.params[s.name] for s in self.graph.shared if s.role != "norm")
        return total([same(once), *(self._node_params(node) for node in traits.unrolled(self.graph.nodes))])

    @cached_property
    def flops(self) -> Range:
        """Forward FLOPs per token of the whole network."""
        return total(self.node_flops(node) for node in traits.unrolled(self.graph.nodes))

    def node_flops(self, node: Node) -> Range:
        """Forward FLOPs per token of one node (not a region: unroll it)."""
        match node:
            case Embed():
                return same(self.embed_flops(node.weights))
            case Head():
                return same(self.head_flops(node.weights))
            case Apply():
                return self.step_flops(node.module.set, node.site)
            case Route():
                return self.route(node).whole
            case Norm() | Presence() | Tally() | Settle() | Tap() | Join():
                return Range()
            case Region():
                return total(self.node_flops(inner) for body in traits.turns(node) for inner in body)
            case _:
                assert_never(node)

    def embed_flops(self, name: str) -> float:
        """Inputs to stream."""
        form = self.graph.weights[name].kind
        kind: EmbedKind = catalogue.get("embed", form.name)
        return kind.flops(params_of(kind, form), self.source)

    def head_flops(self, name: str) -> float:
        """Stream to logits."""
        form = self.graph.weights[name].kind
        kind: HeadKind = catalogue.get("head", form.name)
        return kind.flops(params_of(kind, form), self.graph.width, self.outputs, self.graph.tokens)

    def module_flops(self, name: str, keys: _Keys | None = None) -> float:
        """One token through one module of a set, seeing a full segment or what `keys` says."""
        known = (name, keys or _Keys())
        if known not in self._flops:
            self._flops[known] = sum(self._part_flops(part, known[1]) for part in self.graph.module[name].parts)
        return self._flops[known]

    def step_flops(self, name: str, site: str) -> Range:
        """One module for every token that is here: a token sees those that are here too."""
        here = self.present.get(site, ALL)
        return Range(*(chance * self.module_flops(name, _Keys(chance)) for chance in here))

    @cached_property
    def present(self) -> Mapping[str, Here]:
        """How likely a token is here, by the sites at which it may be missing."""
        return present(self.graph)

    def route(self, node: Route) -> RouteCost:
        """The cost of one routing step; kept, since many parts of a plan ask for it."""
        if node.step not in self._routes:
            self._routes[node.step] = self._route(node)
        return self._routes[node.step]

    def _part_flops(self, part: Part, keys: _Keys) -> float:
        kind: ModuleKind = catalogue.get("module", part.kind.name)
        params = params_of(kind, part.kind)
        return kind.flops(params, self.site, keys.seen(kind.keys(params, self.graph.tokens)))

    def _key_flops(self, name: str) -> float:
        kinds = ((catalogue.get("module", p.kind.name), p.kind) for p in self.graph.module[name].parts)
        return sum(kind.key_flops(params_of(kind, form), self.site) for kind, form in kinds)

    def _route(self, node: Route) -> RouteCost:
        router = self.graph.router[node.router]
        # a slot that does not run costs nothing: identities, and all slots of a folded choice
        params = [self.module_params(m.set) if i in node.runs else 0 for i, m in enumerate(node.candidates)]
        full = [self.module_flops(m.set, self._most_keys(node, m)) for m in node.candidates]
        found, here = spread(self.graph, node, full), self.present.get(node.site, ALL)
        active = Range(
            sum(params[i] for i in found.fewest),
            sum(p * size for p, size in zip(found.expected, params, strict=True)),
            sum(params[i] for i in found.dearest),
        )
        return RouteCost(
            router=self._score_flops(router),
            always=total(self.step_flops(m.set, node.site) for m in node.always),
            slots=tuple(self._slot(node, i, found) if i in node.runs else Range() for i in range(router.size)),
            params=active.plus(same(sum(self.module_params(m.set) for m in node.always))).case_by_case(here),
        )

    def _score_flops(self, router: RouterSet) -> float:
        scores = [facts.field(router, "score"), decode_score(router.fields)]
        kinds: list[tuple[ScoreKind, Form]] = [(catalogue.get("score", s.name), s) for s in scores if s is not None]
        width = view_width(router.fields, self.graph.width, router.size)
        asked = facts.asked_head(router) if facts.foretells(router) is None else None  # else while training alone
        head = 0.0 if asked is None else self.head_flops(asked)
        return head + sum(kind.flops(params_of(kind, form), width, router.size) for kind, form in kinds)

    def _slot(self, node: Route, slot: int, found: Spread) -> Range:
        """The cost of one slot, by how often it is chosen in each case."""
        member, chance, first = node.candidates[slot], found.expected[slot], None
        everyone = facts.field(self.graph.router[node.router], "sees").name == "everyone"
        if everyone:
            keys = (_Keys(), _Keys(), _Keys())
        elif facts.sees_history(self.graph.router[node.router]):
            mean = self._mean_keys(node, chance)
            keys = (mean if found.is_fixed or chance == 1.0 else _Keys(0.0), mean, self._most_keys(node, member))
        elif (first := self._first(node, member)) is not None:
            shared = sum(p for m, p in zip(first.candidates, chances(self.graph, first), strict=True) if m == member)
            keys = (_Keys(float(shared == 1.0)), _Keys(shared), _Keys())
        else:
            alone = _Keys(others=chance if found.is_fixed else float(chance == 1.0))
            together = _Keys(found.together[slot], self._before(node, member, 1.0))
            keys = (alone, _Keys(chance, self._before(node, member, None)), together)
        # keys for everyone are made whether or not the token itself chose the module
        extra = self._key_flops(member.set) if everyone else 0.0
        cases = zip((found.least[slot], chance, found.most[slot]), keys, strict=True)
        if node.site not in self.present:
            return Range(*(share * self.module_flops(member.set, k) + (1.0 - share) * extra for share, k in cases))
        here = self.present[node.site]
        router = self.graph.router[node.router]
        if found.is_fixed and facts.is_share_of_all(router):
            here = ALL  # the share is of all tokens already
        if first is None:  # of tokens that have left no keys are seen, but for those that were there the first time
            keys = (k._replace(others=k.others * p) for k, p in zip(keys, here, strict=True))
        cases = zip((found.least[slot], chance, found.most[slot]), keys, here, strict=True)
        return Range(*(p * (s * self.module_flops(member.set, k) + (1.0 - s) * extra) for s, k, p in cases))

    def _most_keys(self, node: Route, member: Member) -> _Keys:
        """All tokens in the same modules, at this step and at those before."""
        if not facts.sees_history(self.graph.router[node.router]):
            return _Keys(1.0, self._before(node, member, 1.0))
        here, before = self._pairs[node.step].max, self._pairs_before[node.step].max
        return _Keys(here, before, max(0.0, here - 1.0))

    def _mean_keys(self, node: Route, chance: float) -> _Keys:
        """Expected keys under `history`, of a token that is in a module with this chance."""
        here, k = self._pairs[node.step].expected, facts.filled_at_end(self.graph.router[node.router])
        own = (k - 1) * (here - chance) / (k - chance) if k > chance else 0.0
        return _Keys(here, self._pairs_before[node.step].expected, max(0.0, own))

    @cached_property
    def _pairs(self) -> dict[int, Range]:
        """Keys that one token leaves in the history at each routing step that shares it."""
        found: dict[int, Range] = {}
        for node in self._all_routes:
            router = self.graph.router[node.router]
            if facts.sees_history(router):
                mixing = {m.set for m in node.candidates if facts.mixes_tokens(self.graph, m)}
                slots = [i for i in node.runs if node.candidates[i].set in mixing]
                chance = chances(self.graph, node)
                most = min(len(slots), facts.filled_at_end(router))
                found[node.step] = Range(0.0, sum(chance[i] for i in slots), float(most))
        return found

    @cached_property
    def _pairs_before(self) -> dict[int, Range]:
        """Keys that one token has in the history when a routing step begins."""
        found, sofar = dict[int, Range](), Range()
        for step in sorted(self._pairs):
            found[step] = sofar
            sofar = sofar.plus(self._pairs[step])
        return found

    def _before(self, node: Route, member: Member, chance: float | None) -> float:
        """Chances that a token ran here at earlier steps, summed; `chance` in place of each, if given."""
        if facts.sees_own_step(self.graph.router[node.router]) or facts.sees_first(self.graph.router[node.router]):
            return 0.0
        earlier = [r for r in self._all_routes if r.step < node.step and member in r.candidates]
        if chance is not None:
            return chance * len(earlier)
        return sum(p for r in earlier for m, p in zip(r.candidates, chances(self.graph, r), strict=True) if m == member)

    def _first(self, node: Route, member: Member) -> Route | None:
        """Under `sees = first`, the earlier step whose keys a module sees at this one."""
        if not facts.sees_first(self.graph.router[node.router]):
            return None
        return next((r for r in self._all_routes if r.step < node.step and member in r.candidates), None)

    @cached_property
    def _all_routes(self) -> tuple[Route, ...]:
        return tuple(n for n in traits.unrolled(self.graph.nodes) if isinstance(n, Route))

    def _node_params(self, node: Node) -> Range:
        match node:
            case Apply():
                return same(self.module_params(node.module.set)).case_by_case(self.present.get(node.site, ALL))
            case Norm():
                return same(self.params[node.weights])
            case Route():
                return self.route(node).params
            case _:
                return Range()
