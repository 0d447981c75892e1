"""Shape, parameters and FLOPs of what a node of the tree makes, in each checked net of the text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from dnac.ir.graph import Graph, ModuleSet, Origin, Route, SharedSet
from dnac.ir.traits import unrolled
from dnac.lsp.document import Document
from dnac.passes.facts import chosen_per_token, taken_shares
from dnac.schedule.cost import Costs, Range
from dnac.schedule.quantities import Quantities
from dnac.semantics.result import CheckedNet
from dnac.syntax import ast
from dnac.text.source import Span

MOST_NETS = 4
"""Nets of which figures are shown."""


def cost_text(document: Document, node: ast.Node) -> str:
    """Markdown about a module, pool, route, router, embed, head or net; empty where nothing is known."""
    nets = document.checked.nets
    alike = dict[tuple[str, ...], list[str]]()
    for net in nets:
        alike.setdefault(tuple(_of_net(document, net, node)), []).append(f"`{net.name}`")
    lines = list[str]()
    for found, names in list(alike.items())[:MOST_NETS]:
        if found and len(nets) > 1 and not isinstance(node, (ast.Net, ast.Derive)):
            lines.append(f"in {', '.join(names)}:\n")
        lines += [f"- {line}" for line in found]
    return "\n".join(lines)


def _of_net(document: Document, net: CheckedNet, node: ast.Node) -> Iterator[str]:
    graph = net.graph
    costs = document.costs(graph)
    if isinstance(node, (ast.Net, ast.Derive)):
        if node.name.text == net.name:
            yield from _whole(net)
        return
    routes = [n for n in unrolled(graph.nodes) if isinstance(n, Route) and _at(n.origin, node.span)]
    if routes:
        yield from _routes(routes, graph, costs)
        return
    sets = [m for m in graph.modules if _at(m.origin, node.span)]
    if sets:
        yield from _modules(sets, graph, costs)
    for shared in graph.shared:
        if _at(shared.origin, node.span):
            yield _shared(shared, graph, costs)
    routers = [r for r in graph.routers if _at(r.origin, node.span)]
    if routers and not sets:
        yield f"{_names([r.name for r in routers])}: {costs.router_params[routers[0].name]:,} parameters each"


def _at(origin: Origin | None, span: Span) -> bool:
    """Whether something was declared within a stretch of text."""
    if origin is None or origin.path != span.source.path:
        return False
    return span.start <= span.source.offset(origin.line, origin.column) < span.end


def _whole(net: CheckedNet) -> Iterator[str]:
    """The figures of `dnac plan`."""
    known = Quantities(net)
    shape = f"`[B, {net.graph.tokens}, {net.graph.width}]`"
    yield f"stream {shape}, {known['modules']:,} modules, {known['routing_steps']:,} routing steps"
    yield f"{known['params']:,} parameters, {known['params.active_expected']:,} of them active for a token"
    yield f"{known['flops_per_token.expected']:,} FLOPs per token (forward, expected)"


def _modules(sets: Sequence[ModuleSet], graph: Graph, costs: Costs) -> Iterator[str]:
    stream = f"`[B, {graph.tokens}, {graph.width}]`"
    yield f"{_names([_counted(m) for m in sets])}: {stream} to {stream}"
    makes = dict.fromkeys(m.parts for m in sets)
    for parts in makes:
        same = [m for m in sets if m.parts == parts]
        each, all_ = costs.module_params(same[0].name), sum(costs.params[m.name] for m in same)
        name = f"`{same[0].name}`: " if len(makes) > 1 else ""
        total = "" if all_ == each else f" each, {all_:,} in all"
        yield f"{name}{each:,} parameters{total}; {costs.module_flops(same[0].name):,.0f} FLOPs per token"
        shapes = [f"`{part.name}.{w.name} {list(w.shape)}`" for part in parts for w in costs.part_weights(part)]
        if len(makes) == 1 and shapes:
            yield "weights " + ", ".join(shapes)


def _counted(module: ModuleSet) -> str:
    return module.name if module.count is None else f"{module.name}[{module.count}]"


def _routes(routes: Sequence[Route], graph: Graph, costs: Costs) -> Iterator[str]:
    first = routes[0]
    router = graph.router[first.router]
    k, size = chosen_per_token(router), len(first.candidates)
    takes = f"each token takes {k} of {size}"
    if taken_shares(router, graph.tokens) is not None:
        takes = f"{k} of {size} take tokens" if k > 1 else f"1 of {size} takes tokens"
    yield f"{_names([r.site for r in routes])}: {takes}, scores `[B, {graph.tokens}, {size}]`"
    yield f"router `{router.name}`: {costs.router_params[router.name]:,} parameters"
    yield f"{_cases(costs.route(first).whole)} FLOPs per token and step"


def _cases(cost: Range) -> str:
    if cost.min == cost.max:
        return f"{cost.max:,.0f}"
    return f"{cost.expected:,.0f} expected, {cost.min:,.0f} to {cost.max:,.0f}"


def _shared(shared: SharedSet, graph: Graph, costs: Costs) -> str:
    params = f"{costs.params[shared.name]:,} parameters"
    if shared.role == "embed":
        shape = f"`[B, {graph.tokens}, {graph.width}]`"
        return f"`{shared.name}`: to {shape}; {params}; {_flops(costs.embed_flops(shared.name))}"
    if shared.role == "head":
        shape = f"`[B, {graph.tokens}, {costs.outputs}]`" if graph.is_text else f"`[B, {costs.outputs}]`"
        return f"`{shared.name}`: to {shape}; {params}; {_flops(costs.head_flops(shared.name))}"
    return f"`{shared.name}`: {params}"


def _flops(count: float) -> str:
    return f"{count:,.0f} FLOPs per token"


def _names(names: Sequence[str]) -> str:
    more = f" and {len(names) - 1} more" if len(names) > 1 else ""
    return f"`{names[0]}`{more}"
