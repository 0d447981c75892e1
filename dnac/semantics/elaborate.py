"""One net to its graph: derivation, the walk over its block, and the checks of the whole."""

from __future__ import annotations

from dataclasses import dataclass

from dnac.ir.form import Form
from dnac.ir.graph import Graph, Head
from dnac.semantics import errors_names, whole_net
from dnac.semantics import errors_shapes as errors
from dnac.semantics.blocks import elaborate_block
from dnac.semantics.draft import Draft, origin
from dnac.semantics.file_scope import file_scope
from dnac.semantics.files import Unit
from dnac.semantics.naming import Place, step_names
from dnac.semantics.overrides import Override, Overrides, layer_of
from dnac.semantics.result import CheckedNet
from dnac.semantics.scope import NetEntry, Scope, sort_of
from dnac.semantics.training import train_form
from dnac.semantics.values import resolve
from dnac.semantics.verdicts import check_claims, verdicts
from dnac.semantics.wrong import Ledger, Wrong
from dnac.syntax import ast


@dataclass(frozen=True)
class Lineage:
    """A net and what it is derived from: the block, and the changes of each `with`, weakest first."""

    block: ast.Net
    changes: tuple[tuple[ast.Settings, Scope], ...]
    trains: tuple[str, ...]
    """Names under which a train block counts for it: its own first, then those of its bases."""


@dataclass(frozen=True)
class Elaborated:
    """What became of one net."""

    net: CheckedNet | None
    """None where it has faults, which are in the bag."""
    known: dict[str, None]
    """Paths that settings can name in it."""
    is_whole: bool
    """Whether it was looked at to its end; else a setting may have been missed for no fault of its own."""


def elaborate_net(
    unit: Unit, name: str, settings: list[Override], trains: dict[str, ast.Train], bag: Ledger
) -> Elaborated:
    """Elaborate and check one net of a file, with the settings of the command line."""
    before = bag.errors
    lineage = _lineage(file_scope(unit, Overrides(), bag), name, bag)
    if lineage is None:
        return Elaborated(None, {}, is_whole=False)
    overrides = Overrides()
    for layer, (changes, scope) in enumerate(lineage.changes, start=1):
        overrides.items += layer_of(changes.entries, scope, layer, bag)
    overrides.items += settings
    scope = file_scope(unit, overrides, bag)
    entry = _base_entry(scope, name)
    draft = Draft(name, bag, overrides, entry.span)
    place = Place(Scope(entry.scope), step_names(lineage.block.body))
    elaborate_block(lineage.block.body, place, draft)
    if not draft.stopped:
        _check_ends(draft, lineage)
        whole_net.check(draft)
        check_claims(draft)
    train = _train(lineage, trains, draft, entry.scope)
    has_errors = bag.errors > before
    if not has_errors:
        Overrides([o for o in overrides.items if o not in settings], overrides.known).report_missed(bag)
    if bag.has_errors:
        return Elaborated(None, overrides.known, is_whole=not has_errors)
    net = CheckedNet(name, _graph(draft), train, verdicts(draft), tuple(draft.asserts))
    return Elaborated(net, overrides.known, is_whole=True)


def _lineage(scope: Scope, name: str, bag: Ledger) -> Lineage | None:
    """Follow `a = b with {...}` down to a block. Names come before their use, so there is no ring."""
    changes, trains = list[tuple[ast.Settings, Scope]](), list[str]()
    entry = scope.names.get(name)
    while isinstance(entry, NetEntry):
        trains.append(entry.net.name.text)
        if isinstance(entry.net, ast.Net):
            return Lineage(entry.net, tuple(reversed(changes)), tuple(trains))
        changes.append((entry.net.changes, entry.scope))
        try:
            entry = _base(entry.net, entry.scope)
        except Wrong as wrong:
            wrong.report(bag)
            return None
    return None


def _base(derive: ast.Derive, scope: Scope) -> NetEntry:
    nets = [n for n in scope.names if isinstance(scope.names[n], NetEntry)]
    if scope.find(derive.base.head.text) is None and scope.declared_later(derive.base.head.text) is None:
        raise Wrong(errors_names.unknown_net(derive.base.span.text, derive.base.span, nets))
    entry, tail = resolve(derive.base, scope)
    if not isinstance(entry, NetEntry) or tail:
        raise Wrong(errors_names.wrong_sort(derive.base.span, sort_of(entry), "a net", entry.span))
    return entry


def _base_entry(scope: Scope, name: str) -> NetEntry:
    """The entry of the block that a net is made of, in a scope with all settings applied."""
    entry = scope.names[name]
    while isinstance(entry, NetEntry) and isinstance(entry.net, ast.Derive):
        entry = _base(entry.net, entry.scope)
    assert isinstance(entry, NetEntry)
    return entry


def _check_ends(draft: Draft, lineage: Lineage) -> None:
    span = lineage.block.name.span
    wanted = (
        (draft.source_span, "input", "input text(context = 256, vocabulary = 256)"),
        (draft.width_span, "embed", "embed tokens(256, positions = learned)"),
        (draft.heads or _declared_head(lineage), "head", "head lm = unembed()"),
    )
    for present, what, example in wanted:
        if not present:
            draft.bag.add(errors.missing_part(lineage.block.name.text, what, example, span))


def _declared_head(lineage: Lineage) -> bool:
    return any(isinstance(s, ast.Head) for s in lineage.block.body.statements)


def _train(lineage: Lineage, trains: dict[str, ast.Train], draft: Draft, scope: Scope) -> Form | None:
    """The settings of the net's own train block, else those of its nearest base."""
    block = next((trains[name] for name in lineage.trains if name in trains), None)
    return train_form(block, draft, scope) if block else None


def _graph(draft: Draft) -> Graph:
    assert draft.input is not None and draft.site is not None
    (head, table, span), *_ = draft.heads
    node = Head("logits", draft.x, head.name, table, origin(span))
    claims = [f"{claim}({label})" if label else claim for claim, label, _ in draft.claims]
    return Graph(
        name=draft.name,
        input=draft.input,
        width=draft.site.width,
        tokens=draft.site.tokens,
        shared=(*draft.shared, head),
        modules=tuple(draft.modules.values()),
        routers=tuple(draft.routers.values()),
        nodes=(*draft.nodes, node),
        asserts=(*(str(a) for a in draft.asserts), *claims),
    )
