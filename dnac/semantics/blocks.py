"""Steps and declarations of a block, in order: the walk that makes nodes and sets of weights."""

from __future__ import annotations

from dnac.ir.graph import Apply, Join, Member, Node, Norm, exits_of
from dnac.ir.graph import Route as RouteNode
from dnac.semantics import ahead, errors_halting, errors_names, errors_routing, errors_values, initial, words
from dnac.semantics import errors_shapes as errors
from dnac.semantics.asserts import assert_statement
from dnac.semantics.bind import Owner
from dnac.semantics.budgets import declare_budget
from dnac.semantics.draft import Draft, origin
from dnac.semantics.ends import declare_embed, declare_head, declare_input, entry_of
from dnac.semantics.halt_and_tap import halt, settle, tap
from dnac.semantics.modules import Wanted, count_params, make, note_shared, overridden, target
from dnac.semantics.naming import Place, last_word, step_names
from dnac.semantics.numbers import Quantity
from dnac.semantics.pools import declare_pool, shared_norm
from dnac.semantics.presence import Loop
from dnac.semantics.recipes import least_steps, module_of, not_flat, recipe_scope
from dnac.semantics.routes import route
from dnac.semantics.scope import Constant, ModuleEntry, Recipe, RouterEntry, Scope, Unbuilt
from dnac.semantics.values import whole
from dnac.semantics.verdicts import note_module
from dnac.semantics.wrong import Wrong
from dnac.syntax import ast
from dnac.text.limits import MOST_NODES, MOST_TURNS


def elaborate_block(block: ast.Block, place: Place, draft: Draft) -> None:
    """All statements of a block; a statement with faults is left out, and said."""
    place.scope.later = {n.text: n.span for s in block.statements if (n := _declares(s)) is not None}
    outer, draft.ahead = draft.ahead, None
    _statements(block, place, draft)
    if draft.ahead is not None:
        draft.bag.add(errors_halting.no_loop_behind(draft.ahead.span))
    draft.ahead = outer


def _statements(block: ast.Block, place: Place, draft: Draft) -> None:
    for statement in block.statements:
        if draft.stopped:
            return
        name = _declares(statement)
        try:
            elaborate_statement(statement, place, draft)
        except Wrong as wrong:
            wrong.report(draft.bag)
            if name is not None:
                place.scope.names.setdefault(name.text, Unbuilt(name.span))
        if name is not None:
            place.scope.later.pop(name.text, None)


def elaborate_statement(statement: ast.Statement, place: Place, draft: Draft) -> None:
    """One statement.

    Raises:
        Wrong: it has faults.
    """
    names = place.scope.names
    match statement:
        case ast.Step():
            _step(statement, place, draft)
        case ast.ModuleDecl(name):
            names[name.text] = _module(statement, place, draft)
        case ast.PoolDecl(name):
            _need_embed("pool", statement, draft)
            names[name.text] = declare_pool(statement, place, draft)
        case ast.RouterDecl(name):
            names[name.text] = RouterEntry(statement, place.scope, place.name(name.text), name.span)
        case ast.Input() | ast.Embed() | ast.Head() | ast.Assert() | ast.Budget():
            _of_the_net(statement, place, draft)
        case ast.Init():
            initial.wish(statement, place, draft)
        case ast.StreamDecl():
            raise _unsupported(type(statement).__name__.lower().removesuffix("decl"), statement)


def _declares(statement: ast.Statement) -> ast.Name | None:
    """The name that a statement puts into scope."""
    if isinstance(statement, (ast.Step, ast.Input, ast.Assert, ast.Init)):
        return None
    return statement.name


OfTheNet = ast.Input | ast.Embed | ast.Head | ast.Assert | ast.Budget


def _of_the_net(statement: OfTheNet, place: Place, draft: Draft) -> None:
    if not place.top:
        raise Wrong(errors.not_a_step(statement.span, f"`{type(statement).__name__.lower()}`"))
    match statement:
        case ast.Input():
            declare_input(statement, place, draft)
        case ast.Assert():
            assert_statement(statement, place, draft)
        case ast.Budget():
            declare_budget(statement, place, draft)
        case ast.Embed() | ast.Head():
            if (entry := entry_of(statement)) is not None:
                place.scope.names[entry.name] = entry
            if isinstance(statement, ast.Embed):
                declare_embed(statement, place, draft)
            else:
                declare_head(statement, place, draft)


def _unsupported(keyword: str, statement: ast.Statement) -> Wrong:
    why = words.planned("statement", keyword) or ""
    return Wrong(errors_values.unsupported(f"`{keyword}`", statement.span, why))


def _need_embed(what: str, statement: ast.Statement, draft: Draft) -> None:
    """A step needs the stream; after a faulty embed only the fault of the embed is told."""
    if draft.width_span is None:
        raise Wrong(errors.too_early(what, "embed", statement.span))


def _module(declaration: ast.ModuleDecl, place: Place, draft: Draft) -> ModuleEntry:
    _need_embed("module", declaration, draft)
    name = place.name(declaration.name.text)
    wanted = overridden(Wanted(declaration.value, place.scope, name), draft)
    parts = make(wanted, draft)
    span = declaration.name.span
    draft.add_params(count_params(parts, draft), span)
    draft.add_module(name, None, parts, span)
    draft.made_in[name] = draft.turns
    return ModuleEntry(Member(name), parts, span)


def _step(step: ast.Step, place: Place, draft: Draft) -> None:
    _need_embed("step", step, draft)
    match step.action:
        case ast.Apply():
            _apply(step, step.action, place, draft)
        case ast.Repeat():
            _repeat(step, step.action, place, draft)
        case ast.Parallel():
            _parallel(step, step.action, place, draft)
        case ast.Route():
            route(step, step.action, place, draft)
        case ast.Halt():
            halt(step, step.action, place, draft)
        case ast.Tap():
            tap(step, step.action, place, draft)


def _apply(step: ast.Step, action: ast.Apply, place: Place, draft: Draft) -> None:
    site = place.step(step)
    wanted = Wanted(action.value, place.scope, site, step.span if draft.view else None)
    if not isinstance(
        place.scope.find(wanted.ref.head.text), ModuleEntry
    ):  # one used again is set where it is declared
        wanted = overridden(wanted, draft)
    found = target(wanted)
    if isinstance(found, Recipe) and not_flat(found) is not None:
        _expand(found, wanted, place, draft)
        return
    if isinstance(found, ModuleEntry):
        member = _used_again(found, wanted, draft)
    else:
        member = _made_here(wanted, step, draft)
    node = Apply(draft.fresh(), draft.x, draft.view or draft.x, member, site=site, origin=origin(action.value.span))
    draft.add_node(node, step.span)
    draft.x = node.id
    note_module(member.set, (place.steps[id(step)], site, member.set), draft)


def _used_again(found: ModuleEntry, wanted: Wanted, draft: Draft) -> Member:
    """A declared module as a step."""
    if draft.view:
        sort = "a module with its own norm"
        raise Wrong(errors_names.wrong_sort(wanted.ref.span, sort, "a kind in place", found.span))
    if exits_of(found.parts):
        raise Wrong(errors_routing.exit_as_step(wanted.ref.span))
    note_shared(found, wanted.ref.span, draft)
    return found.member


def _made_here(wanted: Wanted, step: ast.Step, draft: Draft) -> Member:
    """Fresh weights for a step, by the name of its site."""
    parts = make(wanted, draft)
    if exits_of(parts):
        raise Wrong(errors_routing.exit_as_step(wanted.value.span))
    draft.add_params(count_params(parts, draft), step.span)
    draft.add_module(wanted.address, None, parts, wanted.value.span)
    return Member(wanted.address)


def _expand(recipe: Recipe, wanted: Wanted, place: Place, draft: Draft) -> None:
    """A recipe with routing or loops inside, written out in place: its names stand behind the step's."""
    if draft.view:
        raise Wrong(errors.not_a_step(wanted.value.span, "a recipe with steps of its own"))
    if (size := draft.turns * least_steps(recipe)) > MOST_NODES:
        draft.stop(Wrong(errors_values.too_large("steps", size, MOST_NODES, wanted.value.span)))
    owner = Owner(last_word(wanted.value), wanted.value.span, wanted.scope, draft.width)
    scope, _ = recipe_scope(recipe, wanted.args, owner, wanted.address, draft)
    body = module_of(recipe).body
    elaborate_block(body, Place(scope, step_names(body), f"{wanted.address}.", (), top=False), draft)


def _repeat(step: ast.Step, action: ast.Repeat, place: Place, draft: Draft) -> None:
    turns = _turns(step, action, place, draft)
    chosen = ahead.begin(step, turns, draft)
    outer, begin, halting = draft.turns, len(draft.nodes), draft.halting
    draft.halting = None
    draft.turns, draft.depth = outer * turns, draft.depth + 1
    ahead.leave(chosen, 0, turns, step, draft)
    for number in range(turns):
        scope = Scope(place.scope)
        if action.turn is not None:
            scope.names[action.turn.text] = Constant(Quantity(number), action.turn.span)
        before = draft.bag.errors
        elaborate_block(action.body, place.turn(number, scope), draft)
        if draft.stopped or draft.bag.errors > before:
            break
        ahead.leave(chosen, number + 1, turns, step, draft)
    draft.turns, draft.depth = outer, draft.depth - 1
    draft.loops.append(Loop(begin, len(draft.nodes), draft.depth, draft.halting.begin if draft.halting else ""))
    settle(step, draft)
    ahead.settle(chosen, step, draft)
    draft.halting = halting


def _turns(step: ast.Step, action: ast.Repeat, place: Place, draft: Draft) -> int:
    """The count of a repeat, refused before anything is expanded if the whole would be too large."""
    expr, scope = action.count, place.scope
    if step.label is not None:
        address = place.step(step)
        instead = draft.overrides.whole(address) or draft.overrides.whole(f"{address}.count")
        expr, scope = (instead.value, instead.scope) if instead else (expr, scope)
    turns = whole(expr, scope, "the count of a repeat")
    if not 1 <= turns <= MOST_TURNS:
        raise Wrong(errors_values.count_out_of_range("the count of a repeat", turns, MOST_TURNS, expr.span))
    total = draft.turns * turns * max(1, len(action.body.statements))
    if total > MOST_TURNS:
        draft.stop(Wrong(errors_values.too_large("steps", total, MOST_TURNS, expr.span)))
    return turns


def _parallel(step: ast.Step, action: ast.Parallel, place: Place, draft: Draft) -> None:
    """Each statement of the block is a branch that reads the same stream value."""
    start, outer, was_branch = draft.x, draft.view, draft.is_branch
    draft.is_branch = True
    if not action.body.statements:
        raise Wrong(errors.empty_parallel(step.span))
    norm = shared_norm("parallel", place.step(step), action.args, step.span, place, draft)
    if norm:
        _check_branches(action)
    view = _norm_node(norm, step, draft) if norm else ""
    scope = Scope(place.scope)
    branches = list[tuple[str, ...]]()
    for statement in action.body.statements:
        first = len(draft.nodes)
        draft.x, draft.view = start, view
        one = ast.Block((statement,), span=statement.span)
        elaborate_block(one, place.inside(scope), draft)
        branches.append(_increments(draft.nodes[first:]))
    draft.view, draft.is_branch = outer, was_branch
    node = Join(draft.fresh(), start, tuple(b for b in branches if b), origin(step.span))
    draft.add_node(node, step.span)
    draft.x = node.id


def _check_branches(action: ast.Parallel) -> None:
    """Branches of a `parallel` that owns the norm are modules: nothing else can read it."""
    for statement in action.body.statements:
        is_module = isinstance(statement, ast.Step) and isinstance(statement.action, ast.Apply)
        if not is_module and not isinstance(statement, ast.ModuleDecl):
            raise Wrong(errors.branch_under_norm(statement.span))


def _norm_node(norm: str, step: ast.Step, draft: Draft) -> str:
    node = Norm(draft.fresh("n"), draft.x, norm, origin(step.span))
    draft.add_node(node, step.span)
    return node.id


def _increments(nodes: list[Node]) -> tuple[str, ...]:
    """The nodes that change the stream; those inside a nested join count by the join."""
    inner = {i for n in nodes if isinstance(n, Join) for branch in n.branches for i in branch}
    return tuple(n.id for n in nodes if isinstance(n, (Apply, RouteNode, Join)) and n.id not in inner)
