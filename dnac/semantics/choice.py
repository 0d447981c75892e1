"""A router bound to the candidates that it scores: what checks of one routing step ask about."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from dnac.kinds.base import BalanceKind, ChooseKind, RouteFacts, ScoreKind, params_of
from dnac.kinds.router import RouterParams
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
    def facts(self) -> RouteFacts:
        """What balance terms may know."""
        return RouteFacts(
            members=tuple(c.name for c in self.scored),
            identities=tuple(i for i, c in enumerate(self.scored) if c.is_identity),
            k=self.k,
            gate=self.params.gate.name,
        )

    @cached_property
    def possible(self) -> tuple[int, ...] | None:
        """The slots that every token chooses, where the choice never varies; else None."""
        return never_varies(self.params, self.size)


def never_varies(fields: RouterParams, size: int) -> tuple[int, ...] | None:
    """The slots that every token chooses: the choice is fixed, or it is among scores that the file says."""
    choose: ChooseKind = words.kind("choose", fields.choose.name)
    params = params_of(choose, fields.choose)
    if (fixed := choose.fixed(params, size)) is not None:
        return fixed
    score: ScoreKind = words.kind("score", fields.score.name)
    written = score.written(params_of(score, fields.score))
    biased = any(_has_bias(words.kind("balance", term.name)) for term in fields.balance or ())
    if written is None or biased or not choose.takes_highest or fields.noise.name != "none" or len(written) != size:
        return None
    best = sorted(range(size), key=lambda slot: (-written[slot], slot))
    return tuple(sorted(best[: choose.k(params, size)]))


def _has_bias(kind: BalanceKind) -> bool:
    return kind.update is not None
