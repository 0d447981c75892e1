"""`sees = history`: all attention modules that share the net's one history must be able to read each other's keys."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from dnac.ir.graph import Part, Route
from dnac.kinds.base import ModuleKind, params_of
from dnac.semantics import errors_starts as errors
from dnac.semantics import words
from dnac.semantics.draft import Draft
from dnac.semantics.naming import plain
from dnac.text.diagnostic import Diagnostic
from dnac.text.source import Span


def check(draft: Draft) -> None:
    """Add a fault for each module that cannot share the history."""
    seen = set[str]()
    first: tuple[str, dict[str, int]] | None = None
    for name, span in _sharing(draft):
        if name in seen:
            continue
        seen.add(name)
        attentions = [part for part in draft.modules[name].parts if _kind(part).mixes_tokens and _kind(part).has_keys]
        if len(attentions) > 1:
            draft.bag.add(errors.history_of_two(plain(name), len(attentions), span, draft.spans[name]))
        elif attentions and first is None:
            first = name, _shape(attentions[0], draft)
        elif attentions and first is not None:
            for fault in _differs(first, (name, _shape(attentions[0], draft)), span, draft):
                draft.bag.add(fault)


def _sharing(draft: Draft) -> Iterator[tuple[str, Span]]:
    """(set of weights, where `history` stands) of all candidates of the routing steps that share it."""
    uses = iter(draft.routes)
    for node in draft.nodes:
        if isinstance(node, Route):
            use = next(uses)
            if use.fields.sees.name == "history":
                for name in dict.fromkeys(member.set for member in node.candidates):
                    yield name, use.bound.at("sees", use.span)


def _differs(
    one: tuple[str, dict[str, int]], other: tuple[str, dict[str, int]], span: Span, draft: Draft
) -> Iterator[Diagnostic]:
    for what, wanted in one[1].items():
        if other[1].get(what) != wanted:
            text = f"{what} {wanted} and {other[1].get(what)}"
            yield errors.history_disagrees(
                plain(one[0]), plain(other[0]), text, span, draft.spans[one[0]], draft.spans[other[0]]
            )
            return


def _shape(part: Part, draft: Draft) -> dict[str, int]:
    """What must agree; empty for a kind without heads."""
    params: Any = params_of(_kind(part), part.kind)
    heads = getattr(params, "heads", None)
    if not isinstance(heads, int):
        return {}
    inner = int(getattr(params, "width", None) or draft.width or 0)
    kv_heads = int(getattr(params, "kv_heads", None) or heads)
    return {"heads": heads, "kv_heads": kv_heads, "head width": inner // heads}


def _kind(part: Part) -> ModuleKind:
    return words.kind("module", part.kind.name)
