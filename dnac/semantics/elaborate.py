"""One net to its graph: derivation, the walk over its block, and the checks of the whole."""

from __future__ import annotations

from dataclasses import dataclass, replace

from dnac.ir.form import Form
from dnac.ir.graph import Graph, Head
from dnac.semantics import errors_names, initial, whole_net
from dnac.semantics import errors_shapes as errors
from dnac.semantics.blocks import elaborate_block
from dnac.semantics.budgets import settled
from dnac.semantics.carried import settle
from dnac.semantics.draft import Draft, origin
from dnac.semantics.file_scope import file_scope
from dnac.semantics.files import Unit
from dnac.semantics.naming import Place, step_names
from dnac.semantics.overrides import Override, Overrides, layer_of
from dnac.semantics.presence import with_presence
from dnac.semantics.result import CheckedNet
from dnac.semantics.scope import NetEntry, Scope, sort_of
from dnac.semantics.training import teaches_routers, train_form
from dnac.semantics.values import resolve
from dnac.semantics.verdicts import check_claims, verdicts
from dnac.semantics.wrong import Ledger, Wrong
from dnac.syntax import ast
from dnac.text.diagnostic import Label


@dataclass(frozen=True)
class Lineage:
    """A net and what it is derived from: the block, and the changes of each `with`, weakest first."""

    block: ast.Net
    changes: tuple[tuple[ast.Settings, Scope], ...]
    entry: NetEntry
    """The block's own entry."""
    train: NetEntry | None
    """The nearest of the net and its bases that has a train block."""


@dataclass(frozen=True)
class Elaborated:
    """What became of one net."""

    net: CheckedNet | None
    """None where it has faults, which are in the bag."""
    known: dict[str, None]
    """Paths that settings can name in it."""
    is_whole: bool
    """Whether it was looked at to its end; else a setting may have been missed for no fault of its own."""


def elaborate_net(unit: Unit, name: str, settings: list[Override], bag: Ledger) -> Elaborated:
    """Elaborate and check one net of a file, with the settings of the command line."""
    before, told = bag.errors, len(bag.items)
    lineage = _lineage(file_scope(unit, Overrides(), bag), name, bag)
    if lineage is None:
        return Elaborated(None, {}, is_whole=False)
    written = _written(lineage, bag)
    overrides = Overrides([*written, *settings])
    # Once more, with params as they are set for this net.
    lineage = _lineage(file_scope(unit, overrides, bag), name, bag)
    assert lineage is not None
    draft, train = _draft(name, lineage, overrides, bag)
    is_whole = bag.errors == before
    Overrides(written, overrides.known).report_missed(bag, None if is_whole else lineage.block.span.text)
    if lineage.changes:
        _as_derived(name, lineage, bag, told)
    if bag.errors > before:
        return Elaborated(None, overrides.known, is_whole)
    graph = settled(_graph(draft), draft)
    if bag.errors > before:
        return Elaborated(None, overrides.known, is_whole)
    places = {**draft.places, "net": lineage.entry.span}
    net = CheckedNet(name, graph, train, verdicts(draft), tuple(draft.asserts), places)
    return Elaborated(net, overrides.known, is_whole=True)


def _written(lineage: Lineage, bag: Ledger) -> list[Override]:
    """The settings of each `with`, weakest first."""
    layers = enumerate(lineage.changes, start=1)
    return [each for layer, (changes, scope) in layers for each in layer_of(changes.entries, scope, layer, bag)]


def _as_derived(name: str, lineage: Lineage, bag: Ledger, told: int) -> None:
    """Faults in the block of the base that only this net has say so: the block itself is sound."""
    block, changes = lineage.block.span, lineage.changes[-1][0].span
    note = Label(changes, f"with these settings, in the net `{name}`")
    for place, each in enumerate(bag.items[told:], start=told):
        inside = each.span is not None and each.span.source is block.source
        if inside and each.span is not None and block.start <= each.span.start < block.end:
            bag.items[place] = replace(each, labels=(*each.labels, note))


def _draft(name: str, lineage: Lineage, overrides: Overrides, bag: Ledger) -> tuple[Draft, Form | None]:
    """Walk over the block, then judge the whole."""
    draft = Draft(name, bag, overrides, lineage.entry.span)
    place = Place(Scope(lineage.entry.scope), step_names(lineage.block.body))
    elaborate_block(lineage.block.body, place, draft)
    if not draft.stopped:
        _check_ends(draft, lineage)
        if not bag.has_errors:
            settle(draft)
        initial.settle(draft)
        whole_net.check(draft)
        check_claims(draft)
    source = lineage.train
    train = train_form(source.train, draft, source.file) if source is not None and source.train is not None else None
    if train is None or not teaches_routers(train):
        for warning in draft.untaught:
            bag.add(warning)
    return draft, train


def _lineage(scope: Scope, name: str, bag: Ledger) -> Lineage | None:
    """Follow `a = b with {...}` down to a block. Names come before their use, so there is no ring."""
    changes = list[tuple[ast.Settings, Scope]]()
    entry, train = scope.names.get(name), None
    while isinstance(entry, NetEntry):
        train = train or (entry if entry.train is not None else None)
        if isinstance(entry.net, ast.Net):
            return Lineage(entry.net, tuple(reversed(changes)), entry, train)
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
        nodes=(*with_presence(draft.nodes, draft.loops, bool(draft.is_copied)), node),
        asserts=(*(str(a) for a in draft.asserts), *claims),
        pretrained=tuple(draft.pretrained),
    )
