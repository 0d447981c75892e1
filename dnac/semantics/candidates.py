"""What a route chooses among: a pool, or a list of pools, members, slices, modules and kinds in place."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from dnac.ir.graph import Member, Part, exits_of
from dnac.semantics import errors_candidates, errors_names, errors_values
from dnac.semantics.draft import Draft
from dnac.semantics.modules import Wanted, count_params, make, note_shared, overridden, target
from dnac.semantics.naming import Place, last_word
from dnac.semantics.scope import Group, ModuleEntry, PoolEntry, Unbuilt, sort_of
from dnac.semantics.values import bounds, position, resolve
from dnac.semantics.wrong import Wrong
from dnac.syntax import ast
from dnac.text.limits import MOST_MEMBERS
from dnac.text.source import Span


@dataclass(frozen=True, slots=True)
class Candidate:
    """One module that a route may choose."""

    name: str
    """The pool's own name for it: `block`."""
    member: Member
    is_identity: bool
    norm: str | None
    """Weights of the norm that its pool owns."""
    span: Span
    is_halt: bool = False
    """Whether it is the way out of a halting step."""
    is_exit: bool = False
    """Whether a token that chooses it leaves."""


def candidates(over: ast.Ref | ast.ListExpr, site: str, place: Place, draft: Draft) -> tuple[Candidate, ...]:
    """All candidates of a route in order of declaration.

    Raises:
        Wrong: something in it is no module, or comes twice.
    """
    if isinstance(over, ast.Ref):
        return tuple(_of_ref(over, place, draft))
    found, faults, words = list[Candidate](), list[Wrong](), dict[str, int]()
    for item in over.items:
        try:
            found.extend(_of_item(item, site, words, place, draft))
            if len(found) > MOST_MEMBERS:
                size = len(found)
                draft.stop(Wrong(errors_values.too_large("candidates of one route", size, MOST_MEMBERS, item.span)))
        except Wrong as wrong:
            faults.append(wrong)
            if draft.stopped:
                break
    if faults:
        raise Wrong(*(d for wrong in faults for d in wrong.diagnostics))
    if not found:
        raise Wrong(errors_candidates.empty_route(over.span))
    _refuse_twins(found)
    return tuple(found)


def _is_idle(parts: tuple[Part, ...]) -> bool:
    """Whether a module leaves the stream as it is."""
    return not parts or _leaves(parts)


def _leaves(parts: tuple[Part, ...]) -> bool:
    """Whether a module is a way out."""
    return bool(exits_of(parts))


def _refuse_twins(found: Iterable[Candidate]) -> None:
    first, homes = dict[Member, Candidate](), dict[str, Candidate]()
    for candidate in found:
        twin = first.setdefault(candidate.member, candidate)
        if twin is not candidate:
            raise Wrong(errors_candidates.candidate_twice(str(candidate.member), candidate.span, twin.span))
        home = homes.setdefault(candidate.name, candidate)
        if home.member.set != candidate.member.set and home.is_identity != candidate.is_identity:
            raise Wrong(errors_candidates.ambiguous_member(candidate.name, candidate.span, home.span))


def _of_item(item: ast.Expr, site: str, words: dict[str, int], place: Place, draft: Draft) -> Iterable[Candidate]:
    if isinstance(item, ast.Ref):
        entry = place.scope.find(item.head.text)
        if isinstance(entry, (PoolEntry, Unbuilt)) or item.tail:
            return _of_ref(item, place, draft)
        return _of_module(item, site, words, place, draft)
    if isinstance(item, ast.Call):
        return _of_module(item, site, words, place, draft)
    raise Wrong(errors_candidates.not_a_candidate(item.span))


def _of_ref(ref: ast.Ref, place: Place, draft: Draft) -> Iterable[Candidate]:
    entry, tail = resolve(ref, place.scope)
    if isinstance(entry, ModuleEntry) and not tail:
        note_shared(entry, ref.span, draft)
        return (
            Candidate(ref.head.text, entry.member, _is_idle(entry.parts), None, ref.span, is_exit=_leaves(entry.parts)),
        )
    if not isinstance(entry, PoolEntry):
        raise Wrong(errors_names.wrong_sort(ref.span, sort_of(entry), "a pool", entry.span))
    if not tail:
        return _of_pool(entry, ref)
    if not isinstance(tail[0], ast.Field):
        raise Wrong(errors_candidates.not_a_candidate(ref.span))
    name = tail[0].name
    group = next((g for g in entry.groups if g.name == name.text), None)
    if group is None:
        raise Wrong(errors_candidates.unknown_member(ref.head.text, name, [g.name for g in entry.groups]))
    return _part(tuple(_of_group(group, entry, ref.span)), tail[1:], ref, place)


@lru_cache(maxsize=64)
def _of_pool(pool: PoolEntry, ref: ast.Ref) -> tuple[Candidate, ...]:
    """Kept, since every turn of a repeat routes over the same pool."""
    return tuple(c for group in pool.groups for c in _of_group(group, pool, ref.span))


def _of_group(group: Group, pool: PoolEntry, span: Span) -> Iterable[Candidate]:
    idle, leaves = _is_idle(group.parts), _leaves(group.parts)
    return (Candidate(group.name, m, idle, pool.norm, span, is_exit=leaves) for m in group.members)


def _part(
    members: tuple[Candidate, ...], tail: tuple[ast.Field | ast.Index | ast.Slice, ...], ref: ast.Ref, place: Place
) -> Iterable[Candidate]:
    if not tail:
        return members
    step = tail[0] if len(tail) == 1 else None
    if isinstance(step, ast.Index):
        return (members[position(step, len(members), place.scope)],)
    if isinstance(step, ast.Slice):
        start, stop = bounds(step, len(members), place.scope)
        return members[start:stop]
    raise Wrong(errors_candidates.not_a_candidate(ref.span))


def _of_module(
    value: ast.Call | ast.Ref, site: str, words: dict[str, int], place: Place, draft: Draft
) -> Iterable[Candidate]:
    """A declared module by its name, or a kind in place: fresh weights behind the site's name."""
    word = last_word(value)
    number = words[word] = words.get(word, 0) + 1
    local = word if number == 1 else f"{word}_{number}"
    wanted = overridden(Wanted(value, place.scope, f"{site}.{local}"), draft)
    found = target(wanted)
    if isinstance(found, ModuleEntry):
        note_shared(found, value.span, draft)
        return (Candidate(word, found.member, _is_idle(found.parts), None, value.span, is_exit=_leaves(found.parts)),)
    parts = make(wanted, draft)
    draft.add_params(count_params(parts, draft), value.span)
    draft.add_module(f"{site}.{local}", None, parts, value.span)
    return (Candidate(local, Member(f"{site}.{local}"), _is_idle(parts), None, value.span, is_exit=_leaves(parts)),)
