"""Checks that need the whole net: members that no route can choose, keys that no module makes, histories and starts."""

from __future__ import annotations

from dnac.ir.graph import Apply, Member, Route
from dnac.kinds.base import ModuleKind
from dnac.semantics import errors_candidates, history, starts, words
from dnac.semantics import errors_routing as errors
from dnac.semantics.choice import never_varies
from dnac.semantics.draft import Draft
from dnac.semantics.naming import plain
from dnac.text.source import Span


def check(draft: Draft) -> None:
    """Add warnings about modules that nothing can reach."""
    if draft.bag.has_errors:
        return
    _keys(draft)
    history.check(draft)
    starts.check(draft)
    for of_pool in _unreached(draft).values():
        if len(of_pool) > MANY:
            draft.bag.add(errors_candidates.several_never_routed([(shown, span) for shown, span, _ in of_pool]))
            continue
        for shown, span, in_part in of_pool:
            draft.bag.add(errors_candidates.never_routed(shown, span, in_part=in_part))


MANY = 2
"""More members of one pool than these that nothing can reach are told at once."""


def _unreached(draft: Draft) -> dict[str, list[tuple[str, Span, bool]]]:
    """By pool: the members that no route can choose, where they stand, and whether some of the name can be."""
    reached, found, seen = _reached(draft), dict[str, list[tuple[str, Span, bool]]](), set[str]()
    for name, modules in draft.modules.items():
        missing, short = _missing(reached.get(name, set()), modules.count), plain(name)
        if not missing or short in seen:
            continue
        seen.add(short)
        in_part = len(missing) < (modules.count or 1)
        shown = f"{short}{_numbers(missing)}" if in_part else short
        found.setdefault(short.rpartition(".")[0] or short, []).append((shown, draft.spans[name], in_part))
    return found


def _keys(draft: Draft) -> None:
    """Modules whose tokens mix within one routing step, where a router asks for earlier ones."""
    told = set[tuple[str, str]]()
    routes = [node for node in draft.nodes if isinstance(node, Route)]
    for node, use in zip(routes, draft.routes, strict=True):
        sees = use.fields.sees.name
        for name in dict.fromkeys(member.set for member in node.candidates):
            for part in draft.modules[name].parts:
                kind: ModuleKind = words.kind("module", part.kind.name)
                mixes = kind.mixes_tokens and not kind.has_keys
                if mixes and sees not in ("peers", "everyone") and (plain(use.router), plain(name)) not in told:
                    told.add((plain(use.router), plain(name)))
                    span = use.bound.at("sees", use.span)
                    draft.bag.add(errors.mixes_without_keys(kind.name, sees, span, draft.spans[name]))


def _missing(reached: set[int | None], count: int | None) -> list[int]:
    if count is None:
        return [] if reached else [0]
    return [] if len(reached) == count else [number for number in range(count) if number not in reached]


def _numbers(missing: list[int]) -> str:
    """`[4:8]` for a run, else the first few."""
    if missing == list(range(missing[0], missing[-1] + 1)):
        return f"[{missing[0]}]" if len(missing) == 1 else f"[{missing[0]}:{missing[-1] + 1}]"
    return f"[{', '.join(map(str, missing[:4]))}{', ...' if len(missing) > 4 else ''}]"


def _reached(draft: Draft) -> dict[str, set[int | None]]:
    """Of each set, the numbers that some step can run."""
    found = dict[str, set[int | None]]()

    def add(member: Member) -> None:
        found.setdefault(member.set, set()).add(member.index)

    uses = iter(draft.routes)
    for node in draft.nodes:
        if isinstance(node, Apply):
            add(node.module)
        elif isinstance(node, Route):
            slots = never_varies(next(uses).fields, len(node.candidates))
            for member in node.always:
                add(member)
            for member in node.candidates if slots is None else [node.candidates[slot] for slot in slots]:
                add(member)
    return found
