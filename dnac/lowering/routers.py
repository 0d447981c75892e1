"""A router's fields, each looked up once as its kind and params."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from torch import Tensor

from dnac import catalogue
from dnac.ir.form import Form
from dnac.ir.graph import RouterSet
from dnac.kinds.base import BalanceKind, params_of
from dnac.kinds.router import RouterParams, decode_score, views
from dnac.kinds.starts import start_of

Word = tuple[Any, Any]
"""A kind and its params."""


@dataclass(frozen=True)
class Router:
    """A router's fields, each as its kind and params."""

    name: str
    size: int
    score: Word
    noise: Word
    gate: Word
    choose: Word
    limit: Word
    decode: Word
    foresee: Word | None
    """The score that chooses while generating."""
    weight: Word
    grad: Word
    combine: Word
    balance: tuple[Word, ...]
    tau: float | Form
    scale: float | Form
    sees: str
    when: str = "both"
    """When a halting step lets tokens leave."""
    reads: tuple[Word, ...] = ()
    """The views that are read, side by side."""
    start: Word | None = None
    """The routes with which training begins."""
    scope: Word | None = None
    """For whom one decision is made; None: each token."""

    def shared(self, scores: Tensor, here: Tensor | None) -> Tensor:
        """Scores [B, T, M], alike for tokens that share a decision."""
        kind, params = self.scope or (None, None)
        return scores if kind is None or kind.pool is None else kind.pool(params, scores, here)

    @property
    def has_loss(self) -> bool:
        """Whether it adds to the training loss."""
        return self.decode[0].loss is not None or any(kind.loss is not None for kind, _ in self.balance)

    @property
    def mixes(self) -> bool:
        """Whether some view is made of several tokens."""
        return any(kind.mix is not None for kind, _ in self.reads)

    @property
    def wants_chance(self) -> bool:
        """Whether a balance term asks how likely each candidate was."""
        return any(kind.of_chance for kind, _ in self.balance)

    def with_terms(self, balance: tuple[Word, ...]) -> Router:
        """The same router with other params of its balance terms."""
        return replace(self, balance=balance)


def now(number: float | Form, given: Any) -> Any:
    """A number as it is now: constant, `given`, or the start of a schedule of which nothing is given."""
    if not isinstance(number, Form):
        return float(number)
    return number["start"] if given is None else given


def router_of(entry: RouterSet) -> Router:
    """Look up all words of a router once."""
    fields = RouterParams(**dict(entry.fields.args))  # type: ignore[arg-type]
    words = ("score", "noise", "gate", "choose", "limit", "decode", "grad", "combine")
    forms = {name: getattr(fields, name) for name in words}
    beside = decode_score(entry.fields)
    return Router(
        name=entry.name,
        size=entry.size,
        **{name: _word(name, form) for name, form in forms.items()},
        foresee=None if beside is None else _word("score", beside),
        weight=_word("weight", fields.weight or Form("raw")),
        balance=tuple(_word("balance", term) for term in fields.balance or ()),
        tau=fields.tau,
        scale=fields.scale,
        sees=fields.sees.name,
        when=fields.when,
        reads=tuple(_word("read", view) for view in views(entry.fields)),
        scope=_word("scope", fields.scope),
        start=None if (start := start_of(entry.fields)) is None else _word("start", start),
    )


def _word(field: str, form: Any) -> Word:
    kind: BalanceKind | Any = catalogue.get(field, form.name)
    return kind, params_of(kind, form)
