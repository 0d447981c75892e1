"""`top(k)`: the k largest of gate + bias, never the same candidate twice (arXiv 2506.22389, eq. 2-3).

k rounds that look for the largest, each of which takes the winner out for the next: they compile into one kernel with
the gate. Ties go to the lowest index.

`groups`, `from_groups`: candidates in order of declaration fall into groups of equal size, and only those of the
best groups can be chosen. A group is worth the sum of its ceil(k / from_groups) largest gates + biases (DeepSeek-V3,
arXiv 2412.19437, section 2.1.2: node-limited routing); ties go to the first group.

k may be a schedule of steps, a curriculum: `top(schedule(4, step(2, 25%), step(1, 50%)))`. The program has room for the
largest k and holds the other slots empty, so that no step compiles anything anew; they count as empty.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import comb
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from dnac.ir.form import Form
from dnac.kinds.base import ChooseKind, Fault, Params, Scheduled
from dnac.kinds.params import values_of

if TYPE_CHECKING:
    from torch import Tensor


class TopParams(Params):
    """Arguments of `top`."""

    k: Annotated[Annotated[int, Field(gt=0)] | Form, Scheduled()]
    """How many candidates each token chooses; may be a schedule of steps."""
    groups: int | None = Field(default=None, gt=0)
    """Groups of equal size into which the candidates fall, in order of declaration."""
    from_groups: int | None = Field(default=None, gt=0)
    """How many groups a token may choose from: the best ones."""


def most(params: TopParams) -> int:
    """Slots: the largest k of a schedule."""
    return int(max(values_of(params.k)))


def _check_steps(schedule: Form) -> Iterator[Fault]:
    """A k that changes does so in steps, from one whole number to another."""
    pieces = schedule["pieces"]
    other = [p.name for p in pieces if isinstance(p, Form) and p.name != "step"] if isinstance(pieces, tuple) else []
    if other:
        yield Fault("k", f"k cannot follow `{other[0]}`", "use `step(2, 25%)` alone: from one whole number to another")
    strange = [value for value in values_of(schedule) if value < 1 or value != int(value)]
    if strange:
        yield Fault("k", f"k cannot be {strange[0]:g}", "write whole numbers from 1 on")


def check(params: TopParams, size: int) -> Iterator[Fault]:
    """There must be k candidates, in the groups too."""
    if isinstance(params.k, Form):
        yield from _check_steps(params.k)
        if params.groups is not None:
            yield Fault("groups", "a group is worth as many gates as are chosen, and k is a schedule", "write one k")
            return
    yield from enough(most(params), size)
    if (params.groups is None) != (params.from_groups is None):
        yield Fault(
            "groups", "`groups` and `from_groups` go together", "write both: `top(6, groups = 8, from_groups = 4)`"
        )
    if params.groups is not None and params.from_groups is not None:
        yield from _check_groups(most(params), params.groups, params.from_groups, size)


def enough(k: int, size: int) -> Iterator[Fault]:
    """There must be k candidates."""
    if k > size:
        yield Fault("k", f"k is {k}, and there are only {size} candidates", f"write a k of at most {size}")


def _check_groups(k: int, groups: int, wanted: int, size: int) -> Iterator[Fault]:
    if size % groups:
        fitting = [str(n) for n in range(2, size) if size % n == 0]
        help_ = f"write one of {', '.join(fitting)}" if fitting else "leave `groups` out"
        yield Fault("groups", f"{size} candidates do not fall into {groups} equal groups", help_)
    elif wanted > groups:
        yield Fault("from_groups", f"there are only {groups} groups to choose from", f"write at most {groups}")
    elif k > wanted * (size // groups):
        message = f"{wanted} of {groups} groups hold {wanted * (size // groups)} candidates, and k is {k}"
        yield Fault("from_groups", message, f"write at least {-(-k * groups // size)}")


def sets(params: TopParams, size: int) -> int:
    """How many different sets a token can choose at the end: those that touch at most `from_groups` groups."""
    if params.groups is None or params.from_groups is None:
        return comb(size, int(values_of(params.k)[-1]))
    per, k = size // params.groups, most(params)
    touching = (
        comb(params.groups, j) * sum((-1) ** i * comb(j, i) * comb((j - i) * per, k) for i in range(j + 1))
        for j in range(1, params.from_groups + 1)
    )
    return sum(touching)


def choose(params: TopParams, selection: Tensor) -> Tensor:
    """[B, T, M] to slots [B, T, K], best first; -1 where no candidate is left."""
    left = choosable(selection)
    if params.groups is not None and params.from_groups is not None:
        left = _of_best_groups(left, params.groups, params.from_groups, -(-most(params) // params.from_groups))
    return largest(left, most(params))


def choosable(selection: Tensor) -> Tensor:
    """[B, T, M] without gradient, and with -inf for NaN, which would win every argmax."""
    import torch

    return selection.detach().nan_to_num(-torch.inf, posinf=torch.inf, neginf=-torch.inf)


def largest(left: Tensor, k: int) -> Tensor:
    """The k largest of [B, T, M] that are not -inf, as slots [B, T, K], best first; there is no NaN."""
    import torch

    ids: list[Tensor] = []
    for _ in range(k):
        if ids:  # a later round
            slots = torch.arange(left.shape[-1], device=left.device)
            left = left.masked_fill(slots == ids[-1], -torch.inf)
        worth, best = left.max(-1, keepdim=True)
        ids.append(best.masked_fill(worth.isneginf(), -1))
    return torch.cat(ids, dim=-1) if k > 1 else ids[0]


def _of_best_groups(selection: Tensor, groups: int, wanted: int, count: int) -> Tensor:
    """[B, T, M] with -inf outside the `wanted` best groups, each worth the sum of its `count` largest."""
    import torch

    parted = selection.unflatten(-1, (groups, -1))
    largest = parted.topk(count, dim=-1).values
    # what cannot be chosen is worth nothing; a group of nothing else cannot be one of the best
    worth = largest.masked_fill(largest.isneginf(), 0.0).sum(-1).masked_fill(largest[..., 0].isneginf(), -torch.inf)
    numbers = torch.arange(groups, device=selection.device)
    open_ = torch.zeros_like(worth, dtype=torch.bool)
    for _ in range(wanted):
        best = numbers == worth.argmax(-1, keepdim=True)
        open_, worth = open_ | best, worth.masked_fill(best, -torch.inf)
    return parted.masked_fill(~open_[..., None], -torch.inf).flatten(-2)


KIND = ChooseKind(
    name="top",
    summary="The k largest of gate + bias, ties to the lowest index (arXiv 2506.22389, eq. 2).",
    Params=TopParams,
    k=lambda params, size: most(params),
    filled=lambda params: params.k if isinstance(params.k, Form) else None,
    choose=choose,
    takes_highest=lambda params: params.groups is None and not isinstance(params.k, Form),
    sets=sets,
    check=check,
)
