"""What a legal graph is, as a list of rules. A broken rule is a fault of dnac, never of the user.

Run after elaboration and after every pass. Each rule yields one sentence per violation.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator

from dnac.ir import traits
from dnac.ir.graph import (
    Apply,
    Embed,
    Graph,
    Head,
    Join,
    Member,
    Node,
    Norm,
    Presence,
    Region,
    Route,
    Settle,
    Tally,
    Tap,
)
from dnac.text.diagnostic import InternalError

Rule = Callable[[Graph], Iterator[str]]


def verify(graph: Graph, stage: str = "ir.verify") -> None:
    """Check every rule.

    Raises:
        InternalError: the first rule that is broken, with the node's name.
    """
    for rule in RULES:
        for message in rule(graph):
            raise InternalError(stage, f"rule `{rule.__name__}`: {message}")


def names_are_unique(graph: Graph) -> Iterator[str]:
    """Each set of weights has its own name."""
    for tables in (graph.shared + graph.modules, graph.routers):
        for name, count in Counter(entry.name for entry in tables).items():
            if count > 1:
                yield f"two sets of weights are called {name}"


def single_assignment(graph: Graph) -> Iterator[str]:
    """Each value is made once, and read only after it was made."""
    known: set[str] = set()
    for scope, x in _scopes(graph):
        seen = known if scope is graph.nodes else {x, *_carried(graph, scope)}
        for node in scope:
            missing = [value for value in traits.inputs(node) if value not in seen]
            yield from (f"{node.id} reads {value}, which is not made before it" for value in missing)
            if node.id in known or node.id in seen:
                yield f"{node.id} is made twice"
            seen.add(node.id)
            if isinstance(node, Region):
                seen.update(out for _, _, out in node.carried)


def streams_flow(graph: Graph) -> Iterator[str]:
    """Only streams are changed; a view is the stream itself or its norm."""
    norms = {n.id: n.x for n in _all_nodes(graph) if isinstance(n, Norm)}
    for node in _all_nodes(graph):
        if isinstance(node, (Presence, Tally)):
            continue
        if not isinstance(node, Embed) and node.x in norms:
            yield f"{node.id} takes the norm {node.x} for a stream"
        if isinstance(node, (Apply, Route)) and node.view != node.x and norms.get(node.view) != node.x:
            yield f"{node.id} views {node.view}, which is no norm of {node.x}"


def ends_are_in_place(graph: Graph) -> Iterator[str]:
    """One embed comes first and one head last."""
    roles = [type(n) for n in graph.nodes]
    if not roles or roles[0] is not Embed or roles.count(Embed) != 1:
        yield f"{graph.nodes[0].id if roles else graph.name} is not the one embed"
    elif roles[-1] is not Head or roles.count(Head) != 1:
        yield f"{graph.nodes[-1].id} is not the one head"


def weights_are_known(graph: Graph) -> Iterator[str]:
    """Nodes name declared sets of the right role, and members within their count."""
    for node in traits.unrolled(graph.nodes):
        if isinstance(node, (Embed, Norm, Head, Tap)):
            role = "head" if isinstance(node, Tap) else type(node).__name__.lower()
            known = graph.weights.get(node.weights)
            if known is None or known.role != role:
                yield f"{node.id} names {node.weights}, which is no {role}"
        if isinstance(node, (Head, Tap)) and node.table and not _is_embed(graph, node.table):
            yield f"{node.id} shares the table of {node.table}, which is no embed"
        yield from (f"{node.id} names {m}, which is no module" for m in _members(node) if not _exists(graph, m))


def routers_fit(graph: Graph) -> Iterator[str]:
    """A route's router is declared and scores exactly its candidates; a gate is one of them."""
    for node in traits.unrolled(graph.nodes):
        if isinstance(node, Route):
            router = graph.router.get(node.router)
            if router is None:
                yield f"{node.id} names {node.router}, which is no router"
            elif router.size != len(node.candidates):
                yield f"{node.id} has {len(node.candidates)} candidates, its router {router.name} scores {router.size}"
        elif isinstance(node, Apply) and node.gate:
            router = graph.router.get(node.gate[0])
            if router is None or not 0 <= node.gate[1] < router.size:
                yield f"{node.id} takes its gate from {node.gate[0]}[{node.gate[1]}], which does not exist"


def gates_are_computed(graph: Graph) -> Iterator[str]:
    """A gate's router was evaluated by a route before, in the same scope."""
    for scope, _ in _scopes(graph):
        routed: set[str] = set()
        for node in scope:
            if isinstance(node, Route):
                routed.add(node.router)
            elif isinstance(node, Apply) and node.gate and node.gate[0] not in routed:
                yield f"{node.id} takes its gate from {node.gate[0]}, which no route has evaluated"


def steps_are_in_order(graph: Graph) -> Iterator[str]:
    """Routing steps are numbered upwards in the order in which they run."""
    last = -1
    for node in traits.unrolled(graph.nodes):
        if isinstance(node, Route):
            if node.step <= last:
                yield f"{node.id} is routing step {node.step} after step {last}"
            last = node.step


def slots_are_split(graph: Graph) -> Iterator[str]:
    """`runs` and `skips` are different candidate slots in order; `skips` are identities."""
    for node in _all_nodes(graph):
        if not isinstance(node, Route):
            continue
        for slots in (node.runs, node.skips):
            if list(slots) != sorted(set(slots)) or any(not 0 <= s < len(node.candidates) for s in slots):
                yield f"{node.id} lists slots {slots} of {len(node.candidates)} candidates"
                return
        if set(node.runs) & set(node.skips):
            yield f"{node.id} both runs and skips slot {min(set(node.runs) & set(node.skips))}"
        for slot in node.skips:
            if not traits.is_identity(graph, node.candidates[slot]):
                yield f"{node.id} skips {node.candidates[slot]}, which is no identity"


def banks_cover_runs(graph: Graph) -> Iterator[str]:
    """Banks, where there are any, hold every slot that runs once, each of the bank's own make."""
    for node in _all_nodes(graph):
        if isinstance(node, Route) and node.banks:
            if sorted(s for bank in node.banks for s in bank.slots) != list(node.runs):
                yield f"{node.id} has banks {[bank.slots for bank in node.banks]} for runs {node.runs}"
                return
            for bank in node.banks:
                for slot in bank.slots:
                    if traits.parts(graph, node.candidates[slot]) != bank.parts:
                        yield f"{node.id} has {node.candidates[slot]} in a bank of another make"


def branches_are_chains(graph: Graph) -> Iterator[str]:
    """Each branch of a join is a chain of nodes that starts at the join's own stream."""
    for scope, _ in _scopes(graph):
        made = {n.id: n for n in scope}
        for node in scope:
            if isinstance(node, Join):
                for branch in node.branches:
                    x = node.x
                    for value in branch:
                        step = made.get(value)
                        if not isinstance(step, (Apply, Route, Join)) or step.x != x:
                            yield f"{node.id} has a branch in which {value} does not change {x}"
                            return
                        x = value


def regions_are_complete(graph: Graph) -> Iterator[str]:
    """A region has two turns or more; all turns rename the same names, to sets of the same make."""
    for node in graph.nodes:
        if not isinstance(node, Region):
            continue
        used = set(traits.names(node))
        if len(node.renames) < 2 or len(node.steps) != len(node.renames):
            yield f"{node.id} has {len(node.renames)} turns and {len(node.steps)} first steps"
            return
        keys = tuple(key for key, _ in node.renames[0])
        if any(isinstance(inner, (Region, Embed, Head)) for inner in node.body) or not node.body:
            yield f"{node.id} holds what no turn may hold"
        if isinstance([n for n in node.body if not isinstance(n, traits.BESIDE)][-1], Norm):
            yield f"{node.id} ends in a norm, which is no stream"
        if any(key not in used for key in keys) or any(key != new for key, new in node.renames[0]):
            yield f"{node.id} renames what its first turn does not name"
        for turn in node.renames:
            if tuple(key for key, _ in turn) != keys or len({new for _, new in turn}) != len(keys):
                yield f"{node.id} has turns that do not rename the same names, each to its own"
            yield from (
                f"{node.id} renames {key} to {new}, which is made otherwise"
                for key, new in turn
                if traits.make(graph, key) != traits.make(graph, new)
            )


def regions_hand_on(graph: Graph) -> Iterator[str]:
    """What a region hands on beside the stream is a presence of its body, or the one that it read."""
    for node in (node for node in graph.nodes if isinstance(node, Region)):
        made = {inner.id for inner in node.body if isinstance(inner, (Presence, Tally))}
        for taken, given, _ in node.carried:
            if given not in made and given != taken:
                yield f"{node.id} hands on {given}, which no turn makes"


def presences_are_read(graph: Graph) -> Iterator[str]:
    """Who is here is said by presences alone, what was given out by tallies; a token leaves by exits alone."""
    made = {n.id: n for n in _all_nodes(graph)}
    here = {i for i, n in made.items() if isinstance(n, Presence)}
    here |= {out for n in graph.nodes if isinstance(n, Region) for _, _, out in n.carried}
    tallies = here | {i for i, n in made.items() if isinstance(n, Tally)}
    for node in _all_nodes(graph):
        if isinstance(node, (Apply, Route, Presence)) and node.away and node.away not in here:
            yield f"{node.id} takes {node.away} for a presence"
        if isinstance(node, (Route, Settle, Tap)) and node.tally and node.tally not in tallies:
            yield f"{node.id} takes {node.tally} for a tally"
        if isinstance(node, Presence) and node.route:
            route = made[node.route]
            if not isinstance(route, Route):
                yield f"{node.id} names {node.route}, which is no route"
            elif not {slot for slot, _ in node.leaves} <= set(traits.leaves(graph, route)):
                yield f"{node.id} lets tokens leave by slots {node.leaves}, which are no exits of {node.route}"


def budgets_name_routers(graph: Graph) -> Iterator[str]:
    """A budget covers routers of the net, and none twice."""
    for budget in graph.budgets:
        unknown = [name for name in budget.routers if name not in graph.router]
        yield from (f"budget {budget.name} covers {name}, which is no router" for name in unknown)
        if len(set(budget.routers)) < len(budget.routers):
            yield f"budget {budget.name} covers a router twice"


RULES: tuple[Rule, ...] = (
    names_are_unique,
    single_assignment,
    ends_are_in_place,
    regions_are_complete,
    weights_are_known,
    streams_flow,
    routers_fit,
    gates_are_computed,
    steps_are_in_order,
    slots_are_split,
    banks_cover_runs,
    branches_are_chains,
    regions_hand_on,
    presences_are_read,
    budgets_name_routers,
)
"""In an order in which each rule may trust the ones before it."""


def _scopes(graph: Graph) -> Iterator[tuple[tuple[Node, ...], str]]:
    """The graph's own nodes, then each region's body with the value it reads."""
    yield graph.nodes, ""
    yield from ((n.body, n.x) for n in graph.nodes if isinstance(n, Region))


def _carried(graph: Graph, body: tuple[Node, ...]) -> tuple[str, ...]:
    """The values beside the stream that the region with this body reads."""
    regions = (n for n in graph.nodes if isinstance(n, Region) and n.body is body)
    return tuple(taken for region in regions for taken, _, _ in region.carried)


def _all_nodes(graph: Graph) -> Iterator[Node]:
    for scope, _ in _scopes(graph):
        yield from scope


def _members(node: Node) -> tuple[Member, ...]:
    if isinstance(node, Apply):
        return (node.module,)
    return (*node.candidates, *node.always) if isinstance(node, Route) else ()


def _exists(graph: Graph, member: Member) -> bool:
    known = graph.module.get(member.set)
    if known is None or (known.count is None) != (member.index is None):
        return False
    return member.index is None or 0 <= member.index < (known.count or 0)


def _is_embed(graph: Graph, name: str) -> bool:
    return name in graph.weights and graph.weights[name].role == "embed"
