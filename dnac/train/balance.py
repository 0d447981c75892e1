"""Router biases: counted in every micro-batch, changed once per train step, outside autograd.

A balance term such as `skip_target` says how a router's bias moves, given the choices of the whole
train step. Evaluation and recomputation count nothing, because only the train step calls this.
Shapes: M candidates.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from dnac import catalogue
from dnac.ir.form import Form
from dnac.ir.graph import Graph, RouterSet
from dnac.ir.traits import exits, turns_chosen
from dnac.kinds.base import BalanceContext, BalanceKind, params_of
from dnac.kinds.declared import key_of
from dnac.lowering.base import StepStats
from dnac.lowering.device import sent
from dnac.passes.facts import chosen_per_token
from dnac.train.routing import RoutingStep, routing_steps

Value = Callable[[float | Form], float]


class Counts:
    """Choices of one train step: one [M + 1] per routing step, the last entry for empty slots."""

    def __init__(self) -> None:
        self.steps: list[Tensor] = []

    def add(self, stats: Iterable[StepStats]) -> None:
        """Add the choices of one micro-batch."""
        new = [s.counts for s in stats]
        self.steps = [old + more for old, more in zip(self.steps, new, strict=True)] if self.steps else new

    def reduce(self) -> None:
        """Sum over ranks, in one message, where there are several."""
        if not self.steps or not (torch.distributed.is_available() and torch.distributed.is_initialized()):
            return
        flat = torch.cat(self.steps)
        torch.distributed.all_reduce(flat)
        self.steps = list(flat.split([len(s) for s in self.steps]))


@dataclass(frozen=True)
class _Term:
    """One bias-moving term of one router, with the router's counts over all its routing steps."""

    router: str
    form: Form
    kind: BalanceKind
    counts: Tensor
    member: Tensor
    skips: Tensor

    @property
    def totals(self) -> Tensor:
        """[2]: choices on the member, all choices (empty ones too)."""
        return torch.stack((self.counts[:-1][self.member].sum(), self.counts.sum()))


@torch.no_grad()
def update(network: nn.Module, graph: Graph, counts: Sequence[Tensor], value: Value) -> None:
    """Move each router's bias by what its balance terms say.

    counts: choices [M + 1] of each routing step, on the CPU. `network` holds a float32 buffer `<router>.bias` [M] for
    each router that has such a term.
    """
    terms = _terms(graph, counts)
    biases = dict(network.named_buffers())
    move([(biases[key_of(term.router, "bias")], _change(term, terms, value)) for term in terms])


def move(changes: Sequence[tuple[Tensor, Tensor]]) -> None:
    """Add to each bias its change (on the CPU), sent in one message that the host does not wait for."""
    if not changes:
        return
    biases, made = zip(*changes, strict=True)
    flat = sent(torch.cat([change.to(bias.dtype) for bias, change in changes]), biases[0].device)
    for bias, change in zip(biases, flat.split([len(change) for change in made]), strict=True):
        bias.add_(change)


def moving_terms(router: RouterSet) -> tuple[tuple[Form, BalanceKind], ...]:
    """The balance terms of a router that move its bias."""
    forms = router.fields.get("balance") or ()
    pairs = [(f, catalogue.get("balance", f.name)) for f in forms if isinstance(f, Form)]  # type: ignore[union-attr]
    return tuple((form, kind) for form, kind in pairs if kind.update is not None)


def _change(term: _Term, terms: Sequence[_Term], value: Value) -> Tensor:
    network = torch.stack([t.totals for t in terms if t.form == term.form]).sum(0)
    context = BalanceContext(term.counts[:-1], term.counts[-1], term.member, network, value, term.skips)
    assert term.kind.update is not None  # `moving_terms` keeps no other
    return term.kind.update(params_of(term.kind, term.form), context)


def _terms(graph: Graph, counts: Sequence[Tensor]) -> list[_Term]:
    steps = routing_steps(graph)
    found: list[_Term] = []
    slots = _slots(graph, steps, counts) if steps else []
    for router in graph.routers:
        own = [i for i, step in enumerate(steps) if step.router == router.name]
        if not own or not (pairs := moving_terms(router)):
            continue
        pooled = torch.stack([counts[i] for i in own]).sum(0)
        left = torch.stack([slots[i] - counts[i].sum() for i in own]).sum()
        found += [_term(graph, steps[own[0]], (form, kind), pooled, left) for form, kind in pairs]
    return found


def _slots(graph: Graph, steps: Sequence[RoutingStep], counts: Sequence[Tensor]) -> list[Tensor]:
    """Slots of each routing step if no token had left before: as many tokens as at the step that saw most."""
    ks = [chosen_per_token(graph.router[step.router]) for step in steps]
    tokens = torch.stack([count.sum() // k for count, k in zip(counts, ks, strict=True)]).amax()
    return [tokens * k for k in ks]


def _term(graph: Graph, step: RoutingStep, term: tuple[Form, BalanceKind], counts: Tensor, left: Tensor) -> _Term:
    """Of a term about exits, slots of tokens that had left before count as choices of them: that is what is saved."""
    form, kind = term
    member = step.slots(kind.member(params_of(kind, form)))
    ways = [step.candidates[slot] for slot in member]
    if ways and all(exits(graph, m) and turns_chosen(graph, m) is None for m in ways):
        counts = counts.clone()
        counts[member[0]] += left
    return _Term(step.router, form, kind, counts, _mask(member, counts), _mask(step.skips, counts))


def _mask(slots: Sequence[int], counts: Tensor) -> Tensor:
    mask = torch.zeros(len(counts) - 1, dtype=torch.bool, device=counts.device)
    mask[list(slots)] = True
    return mask
