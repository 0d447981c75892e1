"""Two proven facts about a net: sequence-causal and row-independent, from the facts of its kinds.

A net is causal if every part that mixes tokens looks at earlier ones only, and every choice depends
on the token itself. It is row-independent if no choice and no limit depends on other sequences.
"""

from __future__ import annotations

from dnac.kinds.base import ChooseKind, ModuleKind, ReadKind, params_of
from dnac.kinds.limits import LimitKind
from dnac.kinds.router import views
from dnac.kinds.scopes import ScopeKind
from dnac.semantics import errors_verdicts, words
from dnac.semantics.bind import Bound
from dnac.semantics.draft import Break, Draft
from dnac.semantics.naming import plain
from dnac.semantics.result import Verdict
from dnac.text.diagnostic import Diagnostic
from dnac.text.source import Span
from dnac.text.suggest import nearest


def note_module(name: str, labels: tuple[str, ...], draft: Draft) -> None:
    """Note the parts of a used module that look at later tokens."""
    for part in draft.modules[name].parts:
        kind: ModuleKind = words.kind("module", part.kind.name)
        if kind.mixes_tokens and not kind.is_causal(params_of(kind, part.kind)):
            text = f"`{part.name}` of `{plain(name)}` looks at later tokens"
            _note(Break("causal", text, labels, draft.spans[name]), draft)


def note_router(label: str, name: str, bound: Bound, over: Span, draft: Draft) -> None:
    """Note a choice or a limit that depends on other tokens or other sequences."""
    params = bound.params
    choose: ChooseKind = words.kind("choose", params.choose.name)
    limit: LimitKind = words.kind("limit", params.limit.name)
    chosen, limited = params_of(choose, params.choose), params_of(limit, params.limit)
    # a `decode` word stands for the choice while generating, and looks at the token itself
    programs = ("train", "generate") if params.decode.name == "none" else ("train",)
    rows = choose.is_row_independent
    scope: ScopeKind = words.kind("scope", params.scope.name)
    ahead = scope.is_causal
    shared = ahead if isinstance(ahead, bool) else ahead(params_of(scope, params.scope))
    facts = (
        ("scope", scope.name, shared, scope.is_row_independent, ("train", "generate")),
        ("choose", choose.name, choose.is_causal, rows if isinstance(rows, bool) else rows(chosen), programs),
        ("limit", limit.name, limit.is_causal(limited), limit.is_row_independent(limited), ("train", "generate")),
    )
    read: list[ReadKind] = [words.kind("read", view.name) for view in views(params.form("router"))]
    ahead_views = [kind.name for kind in read if not kind.is_causal]
    facts = (*facts, *(("read", name, False, True, ("train", "generate")) for name in ahead_views))
    for field, word, is_causal, is_row_independent, where in facts:
        span = bound.at(field, over)
        if not is_causal:
            _note(Break("causal", f"`{field} = {word}` looks at later tokens", (label, name), span, where), draft)
        if not is_row_independent:
            words_ = f"`{field} = {word}` looks at other sequences"
            _note(Break("row_independent", words_, (label, name), span, where), draft)


def verdicts(draft: Draft) -> dict[str, Verdict]:
    """The verdict of the train and of the generate program; a `decode` word tells them apart."""
    return {program: _verdict(draft, program) for program in ("train", "generate")}


def check_claims(draft: Draft) -> None:
    """Asserted facts against proven ones; a text net that is not causal must say so."""
    is_text = draft.source is not None and draft.source.causal
    breaks = [b for b in draft.breaks if b.fact == "causal"] if is_text else []
    rows = [b for b in draft.breaks if b.fact == "row_independent"]
    admitted = {label: span for claim, label, span in draft.claims if claim == "not_causal"}
    claimed = {claim: span for claim, _, span in draft.claims if claim != "not_causal"}
    for fact, found in (("causal", breaks), ("row_independent", rows)):
        if fact in claimed and found:
            draft.bag.add(errors_verdicts.claim_fails(fact, found[0].words, claimed[fact], found[0].span))
    if "causal" in claimed and not is_text and draft.source is not None:
        draft.bag.add(errors_verdicts.claim_fails("causal", "images have no order of tokens", claimed["causal"], None))
    if "row_independent" not in claimed:
        for broken in (b for b in rows if "generate" in b.programs):
            draft.bag.add(errors_verdicts.rows_depend(broken.words, broken.span))
    labels = [label for b in breaks for label in b.labels]
    for label, span in admitted.items():
        if label not in labels and not draft.bag.has_errors:  # a step with faults was not looked at
            draft.bag.add(errors_verdicts.nothing_breaks(label, span, labels, is_changed=bool(draft.overrides.items)))
    for fault in _unadmitted(breaks, set(admitted), "causal" in claimed):
        draft.bag.add(fault)


def _verdict(draft: Draft, program: str) -> Verdict:
    is_text = draft.source is not None and draft.source.causal
    breaks = [b for b in draft.breaks if program in b.programs and (is_text or b.fact != "causal")]
    causal = not any(b.fact == "causal" for b in breaks) if is_text else None
    rows = not any(b.fact == "row_independent" for b in breaks)
    return Verdict(causal, rows, tuple(dict.fromkeys(f"{b.words} ({b.span})" for b in breaks)))


def _unadmitted(breaks: list[Break], admitted: set[str], said: bool) -> list[Diagnostic]:
    known = {label for b in breaks for label in b.labels}
    meant = admitted | {nearest(label, known) for label in admitted - known}  # a misspelt label is told by itself
    rest = [b for b in breaks if not meant & set(b.labels)]
    return [] if said else [errors_verdicts.not_causal(b.words, b.span, b.labels[0]) for b in rest]


def _note(found: Break, draft: Draft) -> None:
    if found not in draft.breaks:
        draft.breaks.append(found)
