"""The front door of semantics: one source to checked nets, with all faults found on the way."""

from __future__ import annotations

from collections.abc import Sequence

from dnac.semantics import errors_names as errors
from dnac.semantics.broken import drop_followers, drop_suggested, untouched
from dnac.semantics.elaborate import elaborate_net
from dnac.semantics.file_scope import file_scope
from dnac.semantics.files import Unit, load
from dnac.semantics.names import check_names
from dnac.semantics.overrides import Override, Overrides, layer_of
from dnac.semantics.result import CheckedFile, CheckedNet
from dnac.semantics.wrong import Ledger
from dnac.syntax import ast
from dnac.text.source import Source

COMMAND_LINE = 1_000
"""Layer of `--set`: above any chain of `with`."""


def check(source: Source, settings: Sequence[ast.Setting] = (), net: str | None = None) -> CheckedFile:
    """Parse a file and all it uses, and check its nets (or the one named `net`).

    Never raises for a fault of the user: `bag` of the result holds them, in source order.
    """
    bag = Ledger()
    unit, project = load(source, bag)
    used = tuple(u.source for u in project.units.values() if u is not unit)
    if unit is None:
        return CheckedFile(source, used, (), bag)
    syntax = [d for d in bag.items if d.span is not None and d.span.source is source and d.code.startswith("DNA1")]
    for each in project.units.values():
        check_names(each, bag)
    nets = _nets(unit)
    chosen = [n for n in nets if net is None or n == net]
    if net is not None and not chosen:
        bag.add(errors.unknown_net(net, None, nets))
    _check_trains(unit, nets, bag)
    layer = layer_of(settings, file_scope(unit, Overrides(), bag), COMMAND_LINE, bag)
    checked, known = _elaborate(unit, chosen, layer, bag)
    if chosen and known is not None:
        Overrides(layer, known).report_missed(bag)
    drop_suggested(bag)
    if syntax:
        drop_followers(bag, syntax, unit.tree)
        sound = untouched(nets, syntax, unit.tree)
        checked = [n for n in checked if n.name in sound]
    return CheckedFile(source, used, tuple(checked), bag, tuple(nets))


def _elaborate(
    unit: Unit, names: list[str], layer: list[Override], bag: Ledger
) -> tuple[list[CheckedNet], dict[str, None] | None]:
    """All nets, and the paths that could be set; None where a net was given up half way."""
    checked, known, whole = list[CheckedNet](), dict[str, None](), True
    for name in names:
        result = elaborate_net(unit, name, layer, bag)
        known |= result.known
        whole = whole and result.is_whole
        if result.net is not None:
            checked.append(result.net)
    return checked, known if whole else None


def _nets(unit: Unit) -> list[str]:
    return list(dict.fromkeys(i.name.text for i in unit.tree.items if isinstance(i, (ast.Net, ast.Derive))))


def _check_trains(unit: Unit, nets: list[str], bag: Ledger) -> None:
    """Each train block names a net of this file, and no net has two."""
    found = dict[str, ast.Train]()
    for item in unit.tree.items:
        if not isinstance(item, ast.Train):
            continue
        name = item.net.text
        if name not in nets:
            bag.add(errors.unknown_net(name, item.net.span, nets))
        elif name in found:
            bag.add(errors.second_train(item.net, found[name].net.span))
        else:
            found[name] = item
