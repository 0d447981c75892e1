"""Kinds that say with which routes a router begins: a table that is added to its scores."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dnac.ir.form import Form
from dnac.kinds.base import Kind, Params
from dnac.kinds.facts import Fault, RouteFacts
from dnac.kinds.ops import RouterOps

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, eq=False)
class StartKind(Kind):
    """`prefers(params, ops) -> [B, T] or a scalar`: the candidate that each token shall take; None: no preference.

    Its score is raised by `params.margin`, which may be a schedule. The matrix that makes the scores then starts at
    zero, so that the margin alone decides.
    """

    prefers: Callable[[Any, RouterOps], Tensor] | None = None
    Resolved: type[Params] | None = None
    """The params with what `resolve` adds, where it adds anything."""
    resolve: Callable[[Any, RouteFacts], Any] = lambda params, facts: params
    """(params, facts) to params that know the slots of the members they name."""
    fits: Callable[[Any, RouteFacts], Iterable[Fault]] = lambda params, facts: ()
    """(params as written, facts) to faults, before `resolve`."""
    length: Callable[[Any], tuple[int, bool] | None] = lambda params: None
    """How many steps it leads through, and whether a token may stay longer; None: any number."""
    too_short: Callable[[Any, int], str] | None = None
    """(params, routing steps) to what is wrong with fewer steps than `length`; None: they are the modules in a row."""
    by_step: Callable[[Any], bool] = lambda params: False
    """Whether it tells a router's turns apart."""
    carries: Callable[[Any], tuple[str, ...]] = lambda params: ()
    """What must go along with each token from step to step."""


def start_of(fields: Form) -> Form | None:
    """The start that a router's fields name; None where they name none."""
    start = fields.get("start")
    return start if isinstance(start, Form) and start.name != "none" else None
