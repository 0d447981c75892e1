"""`init NAME = checkpoint(...)` or `run(...)`: which sets of weights start as those of a model that was trained before.

Here the names and counts are settled; what the file holds is compared later (`semantics.weight_files`), since a run
folder is opened without it.
"""

from __future__ import annotations

from dnac.ir.form import Form
from dnac.ir.graph import ModuleSet, Pretrained, SharedSet
from dnac.kinds.base import Kind
from dnac.kinds.source.run import RunParams
from dnac.semantics import errors_names, errors_shapes, words
from dnac.semantics import errors_starts as errors
from dnac.semantics.bind import Bound, Owner, bind, given
from dnac.semantics.draft import Draft, Wish, origin
from dnac.semantics.naming import Place, plain
from dnac.semantics.scope import Unbuilt
from dnac.semantics.wrong import Wrong
from dnac.syntax import ast
from dnac.text.source import Span


def wish(statement: ast.Init, place: Place, draft: Draft) -> None:
    """Keep the statement for when all sets of weights are known.

    Raises:
        Wrong: it does not stand at the top of the net.
    """
    if not place.top or draft.turns > 1:
        raise Wrong(errors_shapes.not_a_step(statement.span, "`init`"))
    draft.wishes.append(Wish(statement, place.scope))


def settle(draft: Draft) -> None:
    """All `init` statements of the net, once its sets of weights are known."""
    for each in draft.wishes:
        try:
            _settle(each, draft)
        except Wrong as wrong:
            wrong.report(draft.bag)


def _settle(each: Wish, draft: Draft) -> None:
    bound, found = _bound(each, draft), _wanted(each, draft)
    if isinstance(bound.params, RunParams):
        _of_run(bound.params, each.statement.target.span.text, found, each.statement.value.span, draft)
    else:
        _of_checkpoint(bound, each, found, draft)


def _wanted(each: Wish, draft: Draft) -> list[ModuleSet | SharedSet]:
    """The sets of weights that the statement names.

    Raises:
        Wrong: there are none, or another statement starts them.
    """
    target = each.statement.target
    found = _sets(target.span.text, draft)
    if not found:
        if isinstance(each.scope.find(target.head.text), Unbuilt):
            raise Wrong()  # its own fault has been told
        shared = (*draft.shared, *(head for head, _, _ in draft.heads))
        known = [plain(known) for known in (*draft.modules, *(entry.name for entry in shared))]
        raise Wrong(errors.nothing_to_start(target.span.text, target.span, tuple(dict.fromkeys(known))))
    started = {known.set for known in draft.pretrained}
    for entry in found:
        if entry.name in started:
            raise Wrong(errors.started_twice(plain(entry.name), target.span))
    return found


def _of_checkpoint(bound: Bound, each: Wish, found: list[ModuleSet | SharedSet], draft: Draft) -> None:
    call, name = each.statement.value, each.statement.target.span.text
    layers, span = _layers(bound.params.layers), bound.at("layers", call.span)
    modules = [entry for entry in found if isinstance(entry, ModuleSet)]
    if not modules and layers is not None:
        raise Wrong(errors.layers_without_modules(name, span))
    if modules and layers is None:
        raise Wrong(errors.layers_missing(name, sum(m.count or 1 for m in modules), call.span))
    if not bound.params.file:
        return
    for entry, own in zip(found, _shared_out(modules, layers, span) or [()] * len(found), strict=True):
        draft.pretrained.append(Pretrained(entry.name, bound.params.file, own, origin=origin(call.span)))
        draft.places[f"start {entry.name}"] = call.span


def _of_run(params: RunParams, name: str, found: list[ModuleSet | SharedSet], span: Span, draft: Draft) -> None:
    """Sets that start from a run: what it holds is seen later, so modules are only counted here, in order."""
    if not params.folder:
        return
    place = 0
    for entry in found:
        count = (entry.count or 1) if isinstance(entry, ModuleSet) else 0
        own = tuple(range(place, place + count))
        draft.pretrained.append(Pretrained(entry.name, params.folder, own, params.of or name, origin(span)))
        draft.places[f"start {entry.name}"] = span
        place += count


def _bound(each: Wish, draft: Draft) -> Bound:
    call = each.statement.value
    word = call.callee.span.text
    if not words.has("source", word):
        raise Wrong(errors_names.unknown_name(call.callee.head, words.names("source")))
    kind: Kind = words.kind("source", word)
    owner = Owner(word, call.span, each.scope, draft.width)
    arguments = given(owner, tuple(kind.Params.model_fields), call.args, draft.bag)
    bound = bind(owner, kind.Params, arguments, draft.bag)
    if bound is None:
        raise Wrong()
    return bound


def _sets(name: str, draft: Draft) -> list[ModuleSet | SharedSet]:
    """Sets of that name, in order: those of all turns where it stands without an index."""
    shared = (*draft.shared, *(head for head, _, _ in draft.heads))
    every: list[ModuleSet | SharedSet] = [*draft.modules.values(), *shared]
    return [e for e in every if name in (e.name, plain(e.name))]


def _layers(form: Form | None) -> tuple[int, ...] | None:
    if form is None:
        return None
    start, stop = form["start"], form["stop"]
    assert isinstance(start, int) and isinstance(stop, int)
    return tuple(range(start, stop))


def _shared_out(modules: list[ModuleSet], layers: tuple[int, ...] | None, span: Span) -> list[tuple[int, ...]]:
    """The layers of each set: one for each module; or one for each set, copied into all its modules; or one for all."""
    if layers is None:
        return []
    counts = [entry.count or 1 for entry in modules]
    if len(layers) == sum(counts):
        it = iter(layers)
        return [tuple(next(it) for _ in range(count)) for count in counts]
    if len(layers) in (1, len(counts)):
        each = layers * len(counts) if len(layers) == 1 else layers
        return [(layer,) * count for layer, count in zip(each, counts, strict=True)]
    raise Wrong(errors.layers_do_not_fit(len(layers), sum(counts), len(counts), span))
