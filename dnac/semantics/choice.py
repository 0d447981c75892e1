"""A router bound to the candidates that it scores: what checks of one routing step ask about."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

from dnac.ir.form import Form
from dnac.kinds.base import BalanceKind, ChooseKind, RouteFacts, ScoreKind, params_of
from dnac.kinds.params import values_of
from dnac.kinds.router import RouterParams
from dnac.kinds.starts import StartKind
from dnac.semantics import words
from dnac.semantics.bind import Bound
from dnac.semantics.candidates import Candidate
from dnac.semantics.routers import RouterText
from dnac.text.source import Span


@dataclass(frozen=True)
class Choice:
    """A router bound to the candidates it scores."""

    scored: tuple[Candidate, ...]
    bound: Bound
    text: RouterText
    over: Span
    is_halt: bool = False
    """Whether it is a halting step, whose one candidate is the way out."""

    @property
    def params(self) -> RouterParams:
        """The router's fields."""
        return self.bound.params

    @property
    def size(self) -> int:
        """Scored candidates."""
        return len(self.scored)

    @cached_property
    def choose(self) -> ChooseKind:
        """The kind behind `choose`."""
        return words.kind("choose", self.params.choose.name)

    @cached_property
    def k(self) -> int:
        """Slots per token."""
        return self.choose.k(params_of(self.choose, self.params.choose), self.size)

    @cached_property
    def least_k(self) -> int:
        """Slots that are filled at least: the smallest of a schedule."""
        filled = self.choose.filled(params_of(self.choose, self.params.choose))
        return self.k if filled is None else int(min(values_of(filled)))

    @cached_property
    def facts(self) -> RouteFacts:
        """What balance terms and limits may know."""
        return facts_of(self.scored, self.params, self.k)

    @cached_property
    def takers(self) -> tuple[int, ...]:
        """The slots of modules that choose their tokens; empty where tokens choose modules."""
        return self.choose.takers(params_of(self.choose, self.params.choose))

    @cached_property
    def takes_all(self) -> bool:
        """Whether every token chooses every candidate, so that nothing is chosen."""
        return self.least_k >= self.size and not self.takers and not self.choose.may_pass

    @property
    def what(self) -> str:
        """What the router does, in words."""
        if self.choose.may_pass:
            return f"chooses up to {self.k} of {self.size}"
        return f"lets {len(self.takers)} modules take tokens" if self.takers else f"chooses {self.k} of {self.size}"

    @cached_property
    def possible(self) -> tuple[int, ...] | None:
        """The slots that every token chooses, where the choice never varies; else None."""
        return never_varies(self.params, self.size)


def facts_of(scored: tuple[Candidate, ...], fields: RouterParams, k: int = 0) -> RouteFacts:
    """What fields of a router may know of the candidates that it scores."""
    return RouteFacts(
        members=tuple(c.name for c in scored),
        identities=tuple(i for i, c in enumerate(scored) if c.is_identity),
        k=k,
        gate=fields.gate.name,
        noise=fields.noise.name,
        closes=words.kind("gate", fields.gate.name).closes,
    )


def resolved(bound: Bound, scored: tuple[Candidate, ...]) -> Bound:
    """The fields with a choice that knows the slots of the members it names."""
    form = bound.params.choose
    kind: ChooseKind = words.kind("choose", form.name)
    params = kind.resolve(params_of(kind, form), facts_of(scored, bound.params))
    changes = {"choose": params.form(form.name), **_started(bound, scored)}
    return replace(bound, params=bound.params.model_copy(update=changes))


def _started(bound: Bound, scored: tuple[Candidate, ...]) -> dict[str, Form]:
    """A start that knows the slots of the members it names, where it can."""
    form = bound.params.start
    kind: StartKind = words.kind("start", form.name)
    params, facts = params_of(kind, form), facts_of(scored, bound.params)
    return {} if any(kind.fits(params, facts)) else {"start": kind.resolve(params, facts).form(form.name)}


def never_varies(fields: RouterParams, size: int) -> tuple[int, ...] | None:
    """The slots that every token chooses: the choice is fixed, or it is among scores that the file says."""
    choose: ChooseKind = words.kind("choose", fields.choose.name)
    params = params_of(choose, fields.choose)
    if (fixed := choose.fixed(params, size)) is not None:
        return fixed
    score: ScoreKind = words.kind("score", fields.score.name)
    written = score.written(params_of(score, fields.score))
    biased = any(_has_bias(words.kind("balance", term.name)) for term in fields.balance or ())
    if written is None or biased or fields.noise.name != "none" or len(written) != size:
        return None
    if not choose.takes_highest(params):
        return None
    best = sorted(range(size), key=lambda slot: (-written[slot], slot))
    return tuple(sorted(best[: choose.k(params, size)]))


def _has_bias(kind: BalanceKind) -> bool:
    return kind.update is not None
