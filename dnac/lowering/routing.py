"""The one routing step that all lowerings share: score, gate, choose, limit, weigh.

    score(read + noise) -> NaN to -inf, flagged -> / tau -> gate over all candidates
      -> + bias + mask, without gradient -> choose (or forced) -> limit -> weight x scale -> combine's scales

(`docs/numerics.md`, "The step".) Everything here is in the wider of float32 and the stream's type,
outside autocast, without TF32. B sequences, T tokens, M candidates, K choices.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

import torch
from torch import Tensor

from dnac.ir.form import Form
from dnac.kinds.base import (
    ChooseKind,
    CombineKind,
    GateKind,
    GradKind,
    ReadKind,
    ScoreKind,
    WeightKind,
    Weights,
)
from dnac.kinds.limits import LimitKind, Room
from dnac.kinds.noises import NoiseKind
from dnac.kinds.present import AWAY
from dnac.kinds.router import DECODE, NOISE
from dnac.lowering.base import StepRecord, StepStats
from dnac.lowering.frame import Frame
from dnac.lowering.loads import Load as Load
from dnac.lowering.loads import balance_loss as balance_loss
from dnac.lowering.purses import Purse
from dnac.lowering.router_ops import StepOps
from dnac.lowering.routers import Router as Router
from dnac.lowering.routers import Word, now
from dnac.lowering.routers import router_of as router_of
from dnac.lowering.stats import NOT_ASKED, step_stats


class Given(NamedTuple):
    """What one routing step is given from outside."""

    site: Tensor | int
    """The place as a word for draws."""
    weights: Weights
    bias: Tensor | None
    forced: Tensor | None
    """[B, T, K] choices instead of its own."""
    mask: Tensor | None
    """[M] added to the gates before selection."""
    gates: Tensor | None
    """[M] multiplies each candidate's increment."""
    room: Room = Room(0, 0)
    """What a limit knows of the place."""
    purses: tuple[Purse, ...] = ()
    """What hard budgets let each token pay here."""
    turn: Tensor | int = 0
    """How often the router was used before."""
    last: Tensor | None = None
    """[B, T] the candidate that each token has just left, -1 for none; None where nobody asks."""
    tau: Tensor | None = None
    """The present temperature, where it is scheduled."""
    scale: Tensor | None = None
    """The present factor on all weights, where it is scheduled."""
    k: Tensor | None = None
    """How many slots are filled at present, where it is scheduled."""
    margin: Tensor | None = None
    """The present margin of the router's start, where it is scheduled."""
    here: Tensor | None = None
    """[B, T] bool: the tokens that have not left; None: all are here. The others choose nothing."""
    given_out: Tensor | None = None
    """[B, T] of a halting step: what those before it gave out."""
    before: Tensor | None = None
    """[B, T, D] of a halting step: the stream at the one before it, for a score that asks."""
    logits: Callable[[Tensor], Tensor] | None = None
    """Of a score that asks a head: [B, T, D] to [B, T, V]."""
    gates_are_read: bool = True
    """Whether gates are read even where nothing is chosen: by weighed streams, shares of losses, or budgets."""


class Noise(NamedTuple):
    """Noise on the scores of one routing step."""

    clean: Tensor
    """[B, T, M] the scores without it."""
    std: Tensor
    """[B, T, M] its standard deviation."""


class Routing(NamedTuple):
    """What one routing step decided."""

    ids: Tensor
    """[B, T, K] candidate slots, -1 for empty."""
    inner: Tensor | None
    """[B, T, K] scales the last part inside a module (`in_branch`)."""
    outer: Tensor
    """[B, T, K] scales the module's increment."""
    load: Load
    stats: StepStats
    record: StepRecord
    view: Tensor
    """[B, T, D] what the router was given."""


def decide(router: Router, view_BTD: Tensor, given: Given, frame: Frame) -> Routing:
    """One routing step: which modules each token goes to, and with which weights."""
    with torch.autocast(view_BTD.device.type, enabled=False):
        return _decide(router, view_BTD, given, frame)


def _decide(router: Router, view_BTD: Tensor, given: Given, frame: Frame) -> Routing:
    lets_none_leave = router.when == ("eval" if frame.training else "train")
    if lets_none_leave and not (given.gates_are_read or router.has_loss or frame.record):
        return _of_nothing(router, view_BTD, given)
    scores_BTM, finite, noise = _scores(router, view_BTD, given, frame)
    gate: tuple[GateKind, Any] = router.gate
    gates_BTM = gate[0].gate(gate[1], _sharpened(router, scores_BTM, given, frame))  # type: ignore[misc]
    foreseen_BTK = _foreseen(router, view_BTD, scores_BTM, given, frame)
    if given.forced is not None:
        wanted_BTK = given.forced
    elif frame.decoding and foreseen_BTK is not None:
        wanted_BTK = _decoded(router, foreseen_BTK, given)
    else:
        wanted_BTK = _held_back(router, _chosen(router, scores_BTM, gates_BTM, given, frame), given)
    if given.here is not None:
        wanted_BTK = torch.where(given.here[..., None], wanted_BTK, -1)
    if lets_none_leave:
        wanted_BTK = torch.full_like(wanted_BTK, -1)
    ids_BTK = _admitted(router, wanted_BTK, gates_BTM, given)
    valid_BTK = ids_BTK >= 0
    slots_BTK = ids_BTK.clamp(min=0)
    weights_BTK = _weights(router, torch.gather(gates_BTM, -1, slots_BTK), valid_BTK, given)
    combine: CombineKind = router.combine[0]
    inner, outer = combine.scales(weights_BTK, _slots(router, ids_BTK, given))  # type: ignore[misc]
    if given.gates is not None:
        outer = outer * given.gates.to(outer.dtype)[slots_BTK]
    taught_BTK = None if frame.decoding else foreseen_BTK
    load = _load(router, scores_BTM, gates_BTM, wanted_BTK, taught_BTK, given.here, noise)
    return Routing(
        ids_BTK,
        inner,
        outer,
        load,
        NOT_ASKED if finite is None else step_stats(gates_BTM, ids_BTK, weights_BTK, finite, given.here),
        StepRecord(ids_BTK, gates_BTM, weights_BTK, load.ids),
        view_BTD,
    )


def _of_nothing(router: Router, view_BTD: Tensor, given: Given) -> Routing:
    """A halting step that lets none leave and whose scores nobody reads: they are not computed, and gates are 0."""
    wide = torch.promote_types(view_BTD.dtype, torch.float32)
    gates_BTM = view_BTD.new_zeros((*view_BTD.shape[:2], router.size), dtype=wide)
    ids_BTK = torch.full((*view_BTD.shape[:2], 1), -1, device=view_BTD.device)
    weights_BTK = gates_BTM.new_zeros(ids_BTK.shape)
    finite = torch.ones((), dtype=torch.bool, device=view_BTD.device)
    return Routing(
        ids_BTK,
        None,
        weights_BTK,
        _load(router, gates_BTM, gates_BTM, ids_BTK, None, given.here, None),
        step_stats(gates_BTM, ids_BTK, weights_BTK, finite, given.here),
        StepRecord(ids_BTK, gates_BTM, weights_BTK, _told(ids_BTK, given.here)),
        view_BTD,
    )


def _scores(router: Router, view_BTD: Tensor, given: Given, frame: Frame) -> tuple[Tensor, Tensor | None, Noise | None]:
    """Scores [B, T, M], -inf for what is not finite; whether all were, where the frame tells; and their noise."""
    ops = StepOps(frame, given, router.size)
    given_BTD, view_BTD = view_BTD, view_BTD.to(torch.promote_types(view_BTD.dtype, torch.float32))
    noise: tuple[NoiseKind, Any] = router.noise
    if noise[0].perturb is not None and frame.training:
        view_BTD = _joined(router, noise[0].perturb(noise[1], view_BTD, ops), ops)
    elif given_BTD.dtype == torch.bfloat16 and given_BTD.is_cuda and not router.mixes:  # a mean is no bfloat16
        view_BTD = _joined(router, view_BTD, ops)
        ops = replace(ops, wide=view_BTD, narrow=_joined(router, given_BTD, ops))
    else:
        view_BTD = _joined(router, view_BTD, ops)
    score: tuple[ScoreKind, Any] = router.score
    scores_BTM = score[0].scores(score[1], given.weights, view_BTD, ops)  # type: ignore[misc]
    if router.start is not None:
        scores_BTM = scores_BTM + _preferred(router.start, given, ops, scores_BTM)
    noise_now = None
    if noise[0].shake is not None and frame.training:
        own = {name.removeprefix(f"{NOISE}."): w for name, w in given.weights.items() if name.startswith(f"{NOISE}.")}
        clean_BTM = scores_BTM
        scores_BTM, std = noise[0].shake(noise[1], own, view_BTD, clean_BTM, ops)
        noise_now = Noise(clean_BTM, std)
    scores_BTM = router.shared(scores_BTM, given.here)
    # one NaN would make the whole softmax NaN; the flag says that it was there
    if not frame.tells:
        return scores_BTM.nan_to_num(-torch.inf, posinf=-torch.inf, neginf=-torch.inf), None, noise_now
    known = torch.isfinite(scores_BTM)
    return torch.where(known, scores_BTM, -torch.inf), known.all(), noise_now


def _preferred(start: Word, given: Given, ops: StepOps, scores_BTM: Tensor) -> Tensor:
    """The margin on the candidate with which each token begins, 0 elsewhere."""
    wanted = start[0].prefers(start[1], ops)
    margin = _first(start[1].margin) if given.margin is None else given.margin.to(scores_BTM.dtype)
    slots = torch.arange(scores_BTM.shape[-1], device=scores_BTM.device)
    return (slots == wanted[..., None]).to(scores_BTM.dtype) * margin


def _first(number: float | Form) -> float:
    """A number, or the one with which its schedule starts."""
    return float(str(number["start"])) if isinstance(number, Form) else number


def _joined(router: Router, stream_BTD: Tensor, ops: StepOps) -> Tensor:
    """All views that the router reads side by side, in the type of the stream (a one-hot is exact in any)."""
    if len(router.reads) == 1 and router.reads[0][0].is_stream and not router.mixes:
        return stream_BTD
    return torch.cat(
        [
            _stream(kind, stream_BTD, ops) if kind.is_stream else kind.features(params, ops, stream_BTD.dtype)
            for kind, params in router.reads
        ],
        dim=-1,
    )


def _stream(kind: ReadKind, stream_BTD: Tensor, ops: StepOps) -> Tensor:
    return stream_BTD if kind.mix is None else kind.mix(stream_BTD, ops.given.here, ops)


def _sharpened(router: Router, scores_BTM: Tensor, given: Given, frame: Frame) -> Tensor:
    """Scores as the gate wants them: with the noise of a choice that has some, over the temperature."""
    choose: tuple[ChooseKind, Any] = router.choose
    if choose[0].perturb is not None:
        scores_BTM = choose[0].perturb(choose[1], scores_BTM, StepOps(frame, given, router.size))
    tau = now(router.tau, given.tau)
    return scores_BTM if isinstance(tau, float) and tau == 1 else scores_BTM / tau


def _chosen(router: Router, scores_BTM: Tensor, gates_BTM: Tensor, given: Given, frame: Frame) -> Tensor:
    selection = gates_BTM.detach()
    for offset in (given.bias, given.mask):
        if offset is not None:
            selection = selection + offset.detach().to(selection.dtype)
    if given.here is not None:
        selection = torch.where(given.here[..., None], selection, -torch.inf)
    selection = selection.masked_fill(scores_BTM.isneginf(), -torch.inf)
    for purse in given.purses:
        selection = torch.where(purse.affordable(), selection, -torch.inf)
    if router.gate[0].closes:
        selection = torch.where(gates_BTM > 0, selection, -torch.inf)
    choose: tuple[ChooseKind, Any] = router.choose
    if given.given_out is not None and choose[0].leaves is not None:
        leaves_BT = choose[0].leaves(choose[1], selection[..., 0], given.given_out.detach())
        return torch.where(leaves_BT, 0, -1)[..., None]
    if choose[0].draw is not None:
        selection = choose[0].draw(choose[1], selection, StepOps(frame, given, router.size))
    return choose[0].choose(choose[1], selection)  # type: ignore[misc]


def _slots(router: Router, ids_BTK: Tensor, given: Given) -> int | Tensor:
    """How many slots are filled at present."""
    filled = router.choose[0].filled(router.choose[1])
    return ids_BTK.shape[-1] if filled is None else now(filled, given.k)


def _held_back(router: Router, wanted_BTK: Tensor, given: Given) -> Tensor:
    """The best choices alone, as many as there are at present."""
    if router.choose[0].filled(router.choose[1]) is None:
        return wanted_BTK
    places = torch.arange(wanted_BTK.shape[-1], device=wanted_BTK.device)
    return torch.where(places < _slots(router, wanted_BTK, given), wanted_BTK, -1)


def _foreseen(router: Router, view_BTD: Tensor, scores_BTM: Tensor, given: Given, frame: Frame) -> Tensor | None:
    """Scores [B, T, K] of what stands in for modules that choose their tokens; the stream gets no gradient."""
    choose: tuple[ChooseKind, Any] = router.choose
    if router.decode[0].is_own:
        return scores_BTM.detach()[..., list(choose[0].takers(choose[1]))] if frame.decoding else None
    if router.foresee is None:
        return None
    score: tuple[ScoreKind, Any] = router.foresee
    ops = StepOps(frame, given, router.size)
    view_BTD = _joined(router, view_BTD.detach().to(torch.promote_types(view_BTD.dtype, torch.float32)), ops)
    own = {name.removeprefix(f"{DECODE}."): w for name, w in given.weights.items() if name.startswith(f"{DECODE}.")}
    scores_BTM = score[0].scores(score[1], own, view_BTD, ops)  # type: ignore[misc]
    return scores_BTM[..., list(choose[0].takers(choose[1]))]


def _decoded(router: Router, foreseen_BTK: Tensor, given: Given) -> Tensor:
    """A module takes a token where its score is above zero, unless a mask forbids the module."""
    choose: tuple[ChooseKind, Any] = router.choose
    taken_BTK = foreseen_BTK.detach() > 0
    if given.mask is not None:
        taken_BTK = taken_BTK & ~given.mask[list(choose[0].takers(choose[1]))].isneginf()
    return choose[0].of_taken(choose[1], taken_BTK)  # type: ignore[misc]


def _told(wanted: Tensor, here: Tensor | None) -> Tensor:
    """Choices with `AWAY` in the slots of tokens that have left."""
    return wanted if here is None else torch.where(here[..., None], wanted, AWAY)


def _load(  # noqa: PLR0913 - what losses may read
    router: Router,
    scores: Tensor,
    gates: Tensor,
    wanted: Tensor,
    foreseen: Tensor | None,
    here: Tensor | None,
    noise: Noise | None,
) -> Load:
    ids = _told(wanted, here)
    chance = _chance(scores, wanted, noise) if router.wants_chance else None
    if foreseen is None:
        return Load(scores, gates, ids, chance=chance)
    choose: tuple[ChooseKind, Any] = router.choose
    taken = choose[0].taken(choose[1], wanted)  # type: ignore[misc]
    return Load(scores, gates, ids, foreseen, taken, chance)


def _chance(scores_BTM: Tensor, wanted_BTK: Tensor, noise: Noise | None) -> Tensor:
    """The chance [B, T, M] that each candidate is among the K best, were its own noise drawn again (arXiv 1701.06538,
    eq. 8-9); without noise 1 for what was chosen.
    """
    M, K = scores_BTM.shape[-1], wanted_BTK.shape[-1]
    if noise is None or K >= M:
        slots = torch.arange(M, device=wanted_BTK.device)
        return (wanted_BTK[..., None] == slots).any(-2).to(scores_BTM.dtype)
    best = scores_BTM.topk(K + 1, dim=-1).values
    last, next_ = best[..., K - 1 : K], best[..., K:]
    others = torch.where(scores_BTM > next_, next_, last)  # the K-th best of all others
    return torch.special.ndtr((noise.clean - others) / noise.std)


def _admitted(router: Router, ids_BTK: Tensor, gates_BTM: Tensor, given: Given) -> Tensor:
    limit: tuple[LimitKind, Any] = router.limit
    if limit[0].admit is not None:
        ids_BTK = limit[0].admit(limit[1], ids_BTK, gates_BTM, given.room)
    for purse in given.purses:
        ids_BTK = purse.admit(ids_BTK, gates_BTM)
    return ids_BTK


def _weights(router: Router, gates_BTK: Tensor, valid_BTK: Tensor, given: Given) -> Tensor:
    weight: WeightKind = router.weight[0]
    grad: GradKind = router.grad[0]
    weights_BTK = weight.weigh(gates_BTK, valid_BTK)  # type: ignore[misc]
    if weight.by_slots and router.choose[0].filled(router.choose[1]) is not None:
        weights_BTK = weights_BTK * (gates_BTK.shape[-1] / _slots(router, gates_BTK, given))
    weights_BTK = grad.through(weights_BTK, gates_BTK, valid_BTK)  # type: ignore[misc]
    scale = now(router.scale, given.scale)
    return weights_BTK if isinstance(scale, float) and scale == 1 else weights_BTK * scale


def slot_scales(routing: Routing, slot: int) -> tuple[Tensor | None, Tensor]:
    """(inner, outer) [B, T] of one candidate: what its last part and its increment are multiplied
    by; 0 for tokens that did not choose it.
    """
    chosen = routing.ids == slot
    inner = None if routing.inner is None else torch.where(chosen, routing.inner, 0).sum(-1)
    return inner, torch.where(chosen, routing.outer, 0).sum(-1)
