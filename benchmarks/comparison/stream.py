"""What the stream of known difficulty tells: accuracy at each number of look-ups, and where a net spends its depth."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

import arms as chosen
from distances import FLOPS, Result, distances, of, shown

from dnac.report.charts import Axis, Line, lines, standing

COPY = 0
"""The level of tokens that only repeat the one before."""
DRAWN = ("dense3", "dense9", "switch", "mod", "top1", "top2", "skip", "early_exit", "skip1")
ROOM = 1.2
"""Look-ups behind the last, where the names of the lines stand."""
WIDTH, HEIGHT = 760, 420


def by_difficulty(results: Sequence[Result]) -> list[str]:
    """Tables of accuracy, of accuracy against the dense frontier, and of depth; empty for data that know no levels."""
    known = [r for r in results if r["figures"]["by_difficulty"]]
    names = [a for a in chosen.ARMS if of(known, a)]
    if not names:
        return []
    levels = _levels(known)
    return [
        *_table(
            "Accuracy at each number of look-ups (0: a copy).", levels, [_accuracy(known, a, levels) for a in names]
        ),
        *_table(
            "Accuracy less that of the dense frontier of the same seed at equal FLOPs (work of all tokens).",
            levels,
            [row for a in names if a not in _DENSE and (row := _against(known, a, levels))],
        ),
        *_table(
            "Modules that a token ran, of those that it may leave out, and their correlation with the number of "
            "look-ups: over all targets, and over those that need a look-up at all (1 to the most).",
            [*levels, "all targets", "1 and more"],
            [row for a in names if (row := _depth(known, a, levels))],
        ),
    ]


_DENSE = {a.name for a in chosen.FRONTIER}


def _levels(results: Sequence[Result]) -> list[int]:
    return [row["difficulty"] for row in results[0]["figures"]["by_difficulty"]]


def _table(said: str, columns: Sequence[Any], rows: Sequence[list[str]]) -> list[str]:
    if not rows:
        return []
    named = ["net", *(str(c) for c in columns)]
    return [said, "", _line(named), _line(["---"] * len(named)), *(_line(row) for row in rows), ""]


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def at(figures: Mapping[str, Any], level: int, key: str) -> float:
    """A figure of one level; 0 where the held-out data had none of it."""
    return next((row[key] for row in figures["by_difficulty"] if row["difficulty"] == level), 0.0)


def _mean(results: Sequence[Result], arm: str, level: int, key: str) -> float:
    return statistics.fmean(at(f, level, key) for f in of(results, arm).values())


def _accuracy(results: Sequence[Result], arm: str, levels: Sequence[int]) -> list[str]:
    return [arm, *(f"{_mean(results, arm, n, 'accuracy'):.3f}" for n in levels)]


def _against(results: Sequence[Result], arm: str, levels: Sequence[int]) -> list[str]:
    gaps = [distances(results, arm, FLOPS, lambda f, n=n: at(f, n, "accuracy")) for n in levels]
    return [arm, *(shown([*g.values()], 3) for g in gaps)] if any(gaps) else []


def _depth(results: Sequence[Result], arm: str, levels: Sequence[int]) -> list[str]:
    ran = [_mean(results, arm, n, "executed") for n in levels]
    if len({round(r, 6) for r in ran}) == 1 and not _followed(results, arm, "depth_follows_difficulty"):
        return []
    both = [_followed(results, arm, key) for key in ("depth_follows_difficulty", "depth_follows_steps")]
    return [arm, *(f"{r:.2f}" for r in ran), *(shown(b, 2) if b else "" for b in both)]


def _followed(results: Sequence[Result], arm: str, key: str) -> list[float]:
    return [f[key] for f in of(results, arm).values() if f[key] is not None]


def picture(results: Sequence[Result], names: Sequence[str] = DRAWN) -> str:
    """Mean accuracy against the number of look-ups, a line for each net."""
    known = [r for r in results if r["figures"]["by_difficulty"]]
    levels = [n for n in _levels(known) if n != COPY]
    drawn = [
        Line(name, points, dashed=name in _DENSE, is_named=True)
        for name in names
        if of(known, name)
        for points in [[(n, _mean(known, name, n, "accuracy")) for n in levels]]
    ]
    axes = Axis("look-ups that the answer needs", low=min(levels), high=max(levels) + ROOM), Axis("accuracy", low=0.0)
    return standing(WIDTH, HEIGHT, lines(drawn, *axes, width=WIDTH, height=HEIGHT))
