"""Controls of learned routing: a trained network with other choices than its routers', and nothing trained again.

Weights of chosen modules still come from the router, as everywhere where choices are forced. Shapes: B sequences, T
tokens, K choices, M candidates, S routing steps.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from dnac.ir import traits
from dnac.ir.graph import Route
from dnac.lowering.base import Output
from dnac.lowering.draws import uniform
from dnac.passes import facts
from dnac.train.assess import Opened
from dnac.train.path_information import path_statistics
from dnac.train.path_laws import laws
from dnac.train.routing import RoutingStep, routing_steps

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dnac.lowering.network import Network

Choices = tuple[Tensor, ...]
Maker = Callable[[Tensor, Tensor, Choices], Choices]
"""(inputs, samples, the choices [B, T, K] that the routers want at each step) -> other choices."""
FIGURES = ("loss", "accuracy", "skip_share", "active_flops_per_token")
SUMMARIES = {
    "learned": "the routers as they are",
    "random": "modules drawn evenly for each token and step; where a token may take any number, by their loads",
    "shuffled": "the learned choices of a batch, dealt out anew among all its tokens: loads and skips stay",
    "constant": "every token takes the path that most tokens take",
    "hash": "modules drawn by a hash of the token's id",
    "token": "the choice that most tokens of the same id make at the step",
    "untrained": "routers as they were initialised, all other weights trained",
}
"""All controls, in the order in which they are shown."""
MOST = 100_000
"""Tokens of which path statistics are made."""
EMPTY = -1
"""An empty slot; what is less belongs to a token that has left."""
_SEED = 20250


class Forced:
    """A network whose choices are replaced, with all that an evaluation asks of one.

    `known`: what its routers want of the batches that begin with a sample, where it was seen already.
    """

    def __init__(self, network: Network, make: Maker, known: Mapping[int, Choices] | None = None) -> None:
        self._network, self._make, self._known = network, make, known or {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._network, name)

    def __call__(self, inputs: Tensor, *, record: bool = False, **given: Any) -> Output:
        """As the network's, with other choices."""
        wanted = tuple(w.to(inputs.device) for w in self._known.get(int(given["samples"][0]), ()))
        if not wanted or len(wanted[0]) != len(inputs):
            wanted = tuple(step.wanted for step in self._network(inputs, record=True, **given).record)
        return self._network(inputs, record=record, routes=self._make(inputs, given["samples"], wanted), **given)


def controls(opened: Opened, initial: Mapping[str, Tensor], names: Iterable[str] = SUMMARIES) -> dict[str, Any]:
    """`controls[]`: for each its figures and the change of loss from the learned choices; `paths` and `paths_initial`.

    initial: the state dict of the network before its training, of which `untrained` uses the routers.
    paths: statistics of the learned choices on the same data (`path_statistics`; context is the id before), and
    `laws`, a power law and a lognormal fitted to how many tokens took each path. `paths_initial`: the same of the
    network before its training: what a law of the paths says only where it differs.
    """
    steps = routing_steps(opened.network.graph)
    seen = Seen(opened, steps)
    rows = [
        {"control": name, **_measured(opened, name, seen, initial)} for name in SUMMARIES if name in {"learned", *names}
    ]
    learned = rows[0]["loss"]
    with _with_weights(opened.network, initial, opened.network.state_dict().keys()):
        began = Seen(opened, steps).statistics()
    return {
        "controls": [{**row, "loss_change": row["loss"] - learned} for row in rows],
        "paths": seen.statistics(),
        "paths_initial": began,
    }


def _measured(opened: Opened, name: str, seen: Seen, initial: Mapping[str, Tensor]) -> dict[str, Any]:
    given = {"decode": True} if opened.network.decodes else {}
    if name == "untrained":
        with _with_weights(opened.network, initial, _of_routers(opened.network)):
            found = opened.measure(**given)
    elif name == "learned":
        found = opened.measure(**given)
    else:
        forced = replace(opened, network=Forced(opened.network, seen.maker(name), seen.known))  # type: ignore[arg-type]
        found = forced.measure(**given)
    return {key: found[key] for key in FIGURES}


class Seen:
    """What the routers chose on the data: the most frequent path, and for each token id its most frequent choices."""

    def __init__(self, opened: Opened, steps: tuple[RoutingStep, ...]) -> None:
        self._steps, self._opened = steps, opened
        self._leaving = _after_exits(opened.network)
        self._any_number = _of_any_number(opened.network)
        self._halts = _halts(opened.network)
        batches = list(_recorded(opened))
        self.known = {first: tuple(wanted) for first, _, _, wanted in batches}
        """What was wanted of each batch, by its first sample."""
        self._ids = torch.cat([ids.flatten() for _, ids, _, _ in batches])
        self._before = torch.cat([before.flatten() for _, _, before, _ in batches])
        self._wanted = tuple(torch.cat([w[i].flatten(0, 1) for *_, w in batches]) for i in range(len(steps)))
        """[N, K] for each step."""

    def maker(self, name: str) -> Maker:
        """The choices of a control."""
        if name == "constant":
            path = self._most_frequent()
            return lambda inputs, samples, wanted: tuple(
                p.to(w.device).expand_as(w).contiguous() for p, w in zip(path, wanted, strict=True)
            )
        if name == "token":
            tables = self._tables()
            return lambda inputs, samples, wanted: tuple(
                table.to(w.device)[_ids_of(inputs, w)] for table, w in zip(tables, wanted, strict=True)
            )
        if name == "shuffled" and self._halts:
            return lambda inputs, samples, wanted: _split(
                _shuffled(torch.cat(list(wanted), -1), samples, 0, leaving=False), wanted
            )
        if name == "shuffled":
            return lambda inputs, samples, wanted: tuple(
                _shuffled(w, samples, i, self._leaving[i]) for i, w in enumerate(wanted)
            )
        return lambda inputs, samples, wanted: tuple(
            self._drawn(w, i, [_ids_of(inputs, w)] if name == "hash" else _places(w, samples))
            for i, w in enumerate(wanted)
        )

    def _drawn(self, wanted: Tensor, step: int, keys: Sequence[Tensor]) -> Tensor:
        if step in self._any_number:
            return _opened(wanted, step, self._wanted[step], keys)
        return _drawn(wanted, step, len(self._steps[step].candidates), keys)

    def statistics(self) -> dict[str, Any]:
        """Of the first tokens, at most `MOST`."""
        n = min(len(self._ids), MOST)
        sets = [
            np.unique(w[:n].sort(-1).values.numpy(), axis=0, return_inverse=True)[1].reshape(-1) for w in self._wanted
        ]
        chosen = np.stack(sets, 1).astype(np.int64)
        found = path_statistics(chosen, self._ids[:n].numpy(), self._before[:n].numpy())
        counts = np.unique(chosen, axis=0, return_counts=True)[1].tolist()
        fitted = laws(counts)
        return {**found, "laws": fitted and fitted.as_dict()}

    def _most_frequent(self) -> list[Tensor]:
        rows, counts = self._paths().unique(dim=0, return_counts=True)
        return list(_split(rows[counts.argmax()], self._wanted))

    def _tables(self) -> list[Tensor]:
        """For each step the choices [ids, K] by token id; of halting steps, which hang together, by whole paths."""
        if self._halts:
            return list(_split(_by_token(self._ids, self._paths()), self._wanted))
        return [_by_token(self._ids, wanted.sort(-1).values) for wanted in self._wanted]

    def _paths(self) -> Tensor:
        """[N, K of all steps]: the sets that tokens chose, in order."""
        return torch.cat([w.sort(-1).values for w in self._wanted], -1)


@torch.no_grad()
def _recorded(opened: Opened) -> Iterator[tuple[int, Tensor, Tensor, list[Tensor]]]:
    """For each batch: its first sample, ids, the ids before them, and what was wanted, on the CPU.

    An image's ids are its places.
    """
    network = opened.network.eval()
    device, dtype = (weight := next(network.parameters())).device, weight.dtype
    given = {"decode": True} if network.decodes else {}
    for batch in islice(opened.dataset.sequential(opened.batch_size), opened.batches):
        inputs = batch.inputs.to(device, dtype if batch.inputs.is_floating_point() else None)
        with torch.autocast(device.type, opened.autocast, enabled=opened.autocast is not None):
            output = network(inputs, record=True, seeds=opened.seeds, samples=batch.samples.to(device), **given)
        wanted = [step.wanted.cpu() for step in output.record]
        ids = batch.inputs if network.graph.is_text else torch.arange(wanted[0].shape[1]).expand(wanted[0].shape[:2])
        yield int(batch.samples[0]), ids, torch.nn.functional.pad(ids, (1, -1), value=-1), wanted


def _after_exits(network: Network) -> list[bool]:
    """For each routing step: whether tokens may have left before it."""
    routes = sorted((n for n in traits.unrolled(network.graph.nodes) if isinstance(n, Route)), key=lambda r: r.step)
    found, may = list[bool](), False
    for route in routes:
        found.append(may)
        may = may or bool(traits.leaves(network.graph, route))
    return found


def _halts(network: Network) -> bool:
    """Whether some step asks each token whether to stop, and nothing else: then a choice lasts for all later steps."""
    routes = [node for node in traits.unrolled(network.graph.nodes) if isinstance(node, Route)]
    return any(len(traits.leaves(network.graph, route)) == len(route.candidates) for route in routes)


def _split(whole: Tensor, steps: Sequence[Tensor]) -> Choices:
    """[..., K of all steps] to the choices of each."""
    return whole.split([step.shape[-1] for step in steps], -1)


def _of_any_number(network: Network) -> frozenset[int]:
    """Routing steps at which a token chooses as many candidates as it likes, or is chosen by them."""
    graph = network.graph
    free = {r.name for r in graph.routers if facts.may_pass(r) or facts.taken_shares(r, graph.tokens) is not None}
    routes = (node for node in traits.unrolled(graph.nodes) if isinstance(node, Route))
    return frozenset(route.step for route in routes if route.router in free)


def _ids_of(inputs: Tensor, wanted: Tensor) -> Tensor:
    """[B, T] token ids; of an image, places."""
    is_text = inputs.shape == wanted.shape[:2] and not inputs.is_floating_point()
    return inputs if is_text else torch.arange(wanted.shape[1], device=wanted.device).expand(wanted.shape[:2])


def _places(wanted: Tensor, samples: Tensor) -> list[Tensor]:
    """[B, 1] samples and [T] positions."""
    return [samples[:, None], torch.arange(wanted.shape[1], device=wanted.device)]


def _opened(wanted: Tensor, step: int, learned: Tensor, keys: Sequence[Tensor]) -> Tensor:
    """[B, T, K] what stands in a slot as often as in learned choices [N, K], drawn for each key and slot by itself."""
    known = learned[(learned >= EMPTY).all(-1)] - EMPTY  # 0: empty; those that have left are not asked
    if not len(known):
        return torch.full_like(wanted, EMPTY)  # all have left before
    often = torch.nn.functional.one_hot(known, int(known.max()) + 1).double().mean(0)
    upto = often.cumsum(-1).to(wanted.device)
    draws = uniform(_SEED, step, *(key[..., None] for key in keys), torch.arange(len(upto), device=wanted.device))
    drawn = (draws[..., None] >= upto[..., :-1]).sum(-1)
    return (drawn + EMPTY).expand_as(wanted).contiguous()


def _drawn(wanted: Tensor, step: int, candidates: int, keys: Sequence[Tensor]) -> Tensor:
    """[B, T, K] different candidates for each key, evenly: the first of an order that the key draws."""
    slots = torch.arange(candidates, device=wanted.device)
    draws = uniform(_SEED, step, *(key[..., None] for key in keys), slots)
    first = draws.argsort(-1)[..., : wanted.shape[-1]]
    empty = wanted.shape[-1] - first.shape[-1]
    return torch.nn.functional.pad(first, (0, empty), value=EMPTY).expand_as(wanted).contiguous()


def _shuffled(wanted: Tensor, samples: Tensor, step: int, leaving: bool) -> Tensor:
    """Rows dealt out anew, by a permutation that samples decide; where tokens may have left, among those that chose."""
    rows = wanted.flatten(0, 1).clone()
    here = (rows[:, 0] >= 0).nonzero().flatten() if leaving else torch.arange(len(rows), device=rows.device)
    draw = torch.Generator().manual_seed(int(samples[0]) * 1009 + step + _SEED)
    rows[here] = rows[here[torch.randperm(len(here), generator=draw).to(rows.device)]]
    return rows.view_as(wanted)


def _by_token(ids: Tensor, wanted: Tensor) -> Tensor:
    """[ids, K] the most frequent row of [N, K] of each token id; empty for ids that do not occur."""
    rows, which = wanted.unique(dim=0, return_inverse=True)
    pairs, counts = (ids * len(rows) + which).unique(return_counts=True)
    table = torch.full((int(ids.max()) + 1, wanted.shape[-1]), EMPTY, dtype=wanted.dtype)
    for pair in pairs[counts.argsort(stable=True)].tolist():  # the last one of an id, its most frequent, stays
        table[pair // len(rows)] = rows[pair % len(rows)]
    return table


@contextmanager
@torch.no_grad()
def _with_weights(network: Network, other: Mapping[str, Tensor], keys: Iterable[str]) -> Iterator[None]:
    """The network with some tensors from another state dict; afterwards it is as it was."""
    state = network.state_dict()
    held = {key: state[key].clone() for key in keys}
    try:
        for key in held:
            state[key].copy_(other[key])
        yield
    finally:
        for key in held:
            state[key].copy_(held[key])


def _of_routers(network: Network) -> list[str]:
    """Weights and biases of routers."""
    biases = {f"{router}.bias" for router in network.routers}
    return [key for key in network.state_dict() if key in network.router_parameters or key in biases]
