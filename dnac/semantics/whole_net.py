"""Checks that need the whole net: members that no route can choose."""

from __future__ import annotations

from dnac.ir.graph import Apply, Route
from dnac.kinds.base import ChooseKind, params_of
from dnac.semantics import errors_routing as errors
from dnac.semantics import words
from dnac.semantics.draft import Draft
from dnac.semantics.naming import plain


def check(draft: Draft) -> None:
    """Add warnings about sets of modules that nothing can reach."""
    reached = _reached(draft)
    warned = set[str]()
    for name in draft.modules:
        if name not in reached and plain(name) not in warned and not draft.bag.has_errors:
            warned.add(plain(name))
            draft.bag.add(errors.never_routed(plain(name), draft.spans[name]))


def _reached(draft: Draft) -> set[str]:
    found = set[str]()
    for node in draft.nodes:
        if isinstance(node, Apply):
            found.add(node.module.set)
        elif isinstance(node, Route):
            found.update(member.set for member in node.always)
            slots = _choosable(node, draft)
            found.update(node.candidates[i].set for i in slots)
    return found


def _choosable(node: Route, draft: Draft) -> range | tuple[int, ...]:
    """Slots that the router can choose: all, unless its choice never varies."""
    fields = draft.routers[node.router].fields["choose"]
    size = len(node.candidates)
    kind: ChooseKind = words.kind("choose", fields.name)  # type: ignore[union-attr]
    fixed = kind.fixed(params_of(kind, fields), size)  # type: ignore[arg-type]
    return range(size) if fixed is None else fixed
