"""How much the choices of routers tell beyond the token itself, in nats, corrected by shuffling.

Counting a mutual information overstates it: with few tokens for each combination, chance looks like knowledge. So
the same is counted with the choices shuffled (among tokens of one id, where the id is given), which leaves
nothing to know; what is above that is knowledge. Shapes: N tokens, S routing steps.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

IntArray = np.ndarray[Any, np.dtype[np.int64]]
SHUFFLES = 5


def path_statistics(steps: IntArray, tokens: IntArray, context: IntArray, seed: int = 0) -> dict[str, Any]:
    """Of [N, S] choices at each routing step (a number for each set of chosen modules), [N] token ids, [N] contexts.

    entropy: of whole paths, with Miller and Madow's correction; effective_paths: its exponential. paths: how many.
    steps: for each routing step and `path` for whole paths, `entropy`, `token` (information between choice and token
    id), `context` (between choice and context among tokens of one id), both corrected by shuffling, and the same as
    shares of the entropy that could be told (`token_share`, `context_share`).
    """
    paths = joined(steps)
    counts = np.unique(paths, return_counts=True)[1]
    rows = [_row(step, tokens, context, seed) for step in steps.T]
    h = entropy(paths) + (len(counts) - 1) / (2 * len(paths))
    return {
        "tokens": len(paths),
        "paths": len(counts),
        "entropy": h,
        "effective_paths": math.exp(h),
        "steps": rows,
        "path": _row(paths, tokens, context, seed),
    }


def _row(choice: IntArray, tokens: IntArray, context: IntArray, seed: int) -> dict[str, float | None]:
    draw = np.random.default_rng(seed)
    told = information(choice, tokens) - _chance(choice, tokens, None, draw)
    beyond = information(choice, context, tokens) - _chance(choice, context, tokens, draw)
    h, left = entropy(choice), entropy(choice) - information(choice, tokens)
    shares = {"token_share": told / h if h > 1e-9 else None, "context_share": beyond / left if left > 1e-9 else None}
    return {"entropy": h, "token": told, "context": beyond, **shares}


def information(x: IntArray, y: IntArray, given: IntArray | None = None) -> float:
    """I(x; y) or I(x; y | given), as counted."""
    if given is None:
        return entropy(x) + entropy(y) - entropy(joined(np.stack([x, y], 1)))
    xz, yz, xyz = (joined(np.stack(columns, 1)) for columns in ((x, given), (y, given), (x, y, given)))
    return entropy(xz) + entropy(yz) - entropy(xyz) - entropy(given)


def entropy(x: IntArray) -> float:
    """As counted, in nats."""
    counts = np.unique(x, return_counts=True)[1] / len(x)
    return float(-(counts * np.log(counts)).sum())


def joined(columns: IntArray) -> IntArray:
    """[N] one number for each different row of [N, C], numbered anew after each column so that none grows too large."""
    found = np.zeros(len(columns), np.int64)
    for column in columns.T:
        own = np.unique(column, return_inverse=True)[1].reshape(-1)
        found = np.unique(found * (int(own.max()) + 1) + own, return_inverse=True)[1].reshape(-1)
    return found


def _chance(x: IntArray, y: IntArray, given: IntArray | None, draw: np.random.Generator) -> float:
    """The mean of the same where x is shuffled, within groups of `given`."""
    return float(np.mean([information(_shuffled(x, given, draw), y, given) for _ in range(SHUFFLES)]))


def _shuffled(x: IntArray, groups: IntArray | None, draw: np.random.Generator) -> IntArray:
    if groups is None:
        return draw.permutation(x)
    mixed, there = np.lexsort((draw.random(len(x)), groups)), np.argsort(groups, kind="stable")
    found = np.empty_like(x)
    found[there] = x[mixed]
    return found
