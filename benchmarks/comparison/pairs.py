"""Nets that differ in one thing: their distances from the dense frontier, one less the other's, paired by seed."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import NamedTuple

from distances import FLOPS, TIME, Result, distances, of, shown


class Pair(NamedTuple):
    """Two arms, and in what the first differs from the second."""

    arm: str
    twin: str
    differs: str


_TURNS = "a choice among 16 modules"
WHY = (
    Pair("skip1", "top1", "two of its sixteen modules are skips, a quarter of the choices"),
    Pair("anywhere", "skip1", "the target is for the whole network, not for each step"),
    Pair("scaled", "skip1", "gates sixteen times as large: first gates of 1"),
    Pair("straight", "skip1", "gates of 1, a straight-through gradient"),
    Pair("sigmoids", "skip1", "gates are sigmoids: first gates of 1/2"),
    Pair("code", "skip1", "as the authors' code: attention inside the block acts whole"),
    Pair("few", "skip1", "3 blocks and 1 skip: first gates of 1/4"),
    Pair("slow", "skip1", "the bias follows ten times as slowly"),
    Pair("fast", "skip1", "the bias follows ten times as fast"),
    Pair("state", "skip1", "the router also reads its step and the module just left"),
    Pair("wide", "skip1", "the router has a hidden layer of 64"),
    Pair("blind", "skip1", "random choices, gates of 1"),
    Pair("late", "skip1", "no skips before 40 % of the run"),
    Pair("unlearned", "skip1", "the router never learns, gates of 1"),
    Pair("hashed", "skip1", "choices by a hash of the token, gates of 1"),
    Pair("stopped", "skip1", "the router learns for half of the run"),
    Pair("layers", "skip1", f"a block of its own for each turn, run or skipped, in place of {_TURNS}"),
    Pair("layers_anywhere", "layers", "the target is for the whole network"),
    Pair("layers_straight", "layers", "gates of 1, a straight-through gradient"),
    Pair("layers_late", "layers", "no skips before 40 % of the run"),
    Pair("layers_charged", "layers", "gates of 1 with a straight-through gradient; a loss on what ran, no bias"),
)
ATTENTION = (
    Pair("top1_sees_all", "top1", "a token in a module sees all earlier tokens"),
    Pair("top1_sees_before", "top1", "it also sees what its module left at earlier steps"),
    Pair("skip_sees_all", "skip_global", "a token in a module sees all earlier tokens"),
    Pair("shared", "top1", "attention for all tokens in each layer, one pool of mlps in place of whole blocks"),
    Pair("shared_skip", "skip1", "the same, with skips in both (of mlps here, of blocks there)"),
    Pair("experts", "switch", "experts in seven layers in place of four"),
    Pair("experts", "shared", "each layer has experts of its own"),
)
SKIPS = (
    Pair("skip", "top2", "two of fourteen modules are skips"),
    Pair("skip_global", "skip", "the target is for the whole network, not for each step"),
    Pair("experts_skip", "experts", "two skips beside eight experts"),
    Pair("shared_skip", "shared", "four skips beside 28 mlps"),
    Pair("mlps", "dense8", "each mlp after the first is run or skipped"),
    Pair("mlps_anywhere", "mlps", "the target is for the whole network, not for each step"),
)
QUESTIONS = {
    "Why does a learned skip lose?": WHY,
    "Is it attention?": ATTENTION,
    "What skips cost": SKIPS,
}


def gaps(results: Sequence[Result], pair: Pair, cost: str) -> list[float]:
    """For each seed that both have: the distance of the arm from the frontier, less that of its twin."""
    arm, twin = (distances(results, name, cost) for name in (pair.arm, pair.twin))
    return [arm[seed] - twin[seed] for seed in sorted(arm.keys() & twin.keys())]


def paired(results: Sequence[Result]) -> list[str]:
    """A table for each question that has a pair of which both ran."""
    lines: list[str] = []
    for question, pairs in QUESTIONS.items():
        rows = [_row(results, pair) for pair in pairs if of(results, pair.arm) and of(results, pair.twin)]
        if rows:
            lines += [f"### {question}", "", *_HEAD, *rows, ""]
    if lines:
        lines.insert(
            0, "Distances from the dense frontier, each net at what it was measured to cost, less its twin's.\n"
        )
    return lines


_HEAD = [
    "| net | less | what differs | seeds | at equal FLOPs | at equal time | MFLOPs a token | skipped |",
    "|---|---|---|---|---|---|---|---|",
]


def _row(results: Sequence[Result], pair: Pair) -> str:
    own, twin = ([*of(results, name).values()] for name in (pair.arm, pair.twin))
    work, less = (statistics.fmean(f[FLOPS] for f in figures) / 1e6 for figures in (own, twin))
    skipped = [f["skip_share"] for f in own if f["skip_share"]]
    flops, times = gaps(results, pair, FLOPS), gaps(results, pair, TIME)
    cells = [pair.arm, pair.twin, pair.differs, str(len(flops)), shown(flops), shown(times) if times else ""]
    cells += [f"{work:.2f} ({less:.2f})", f"{statistics.fmean(skipped):.1%}" if skipped else ""]
    return f"| {' | '.join(cells)} |"
