"""Runs side by side: seeds of one spec together, differences with paired intervals, loss against cost.

Runs that share a spec (everything but seeds and data content) form a group. All must have been held
against the same validation samples; otherwise their figures cannot be compared and nothing is shown.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from dnac.text.diagnostic import Faults
from dnac.train import errors_compare as errors
from dnac.train.events import Line
from dnac.train.intervals import Estimate, difference, estimate
from dnac.train.run import Run

VERSION = 1
BACKWARD = 3
"""Forward and backward cost three times the forward pass: 2 of each product's 3 are gradients."""
FIGURES = ("loss", "bits_per_byte", "perplexity", "accuracy", "exact_match", "skip_share")
"""What is compared at the end of runs, where all have it, as the last evaluation of training found it."""
_LEFT_OUT = ("data", "valid", "graph", "train.seed", "train.init_seed", "train.data_seed", "train.routing_seed")


@dataclass(frozen=True)
class Point:
    """One evaluation during training."""

    step: int
    tokens: int
    flops: float
    """Training FLOPs so far, from the choices made."""
    seconds: float
    loss: float


@dataclass(frozen=True)
class Story:
    """What one run tells."""

    path: str
    net: str
    spec: str
    seeds: Mapping[str, int]
    identity: Mapping[str, str]
    settings: tuple[str, ...]
    plan: Mapping[str, Any]
    last_step: int
    planned_steps: int
    figures: Mapping[str, float]
    flops_per_token: float
    """Forward, by the choices made at the last evaluation (those of the last train step, in runs of an older dnac)."""
    points: tuple[Point, ...]


def compare(runs: Sequence[Run]) -> dict[str, Any]:
    """Everything `dnac compare` shows, as JSON can hold it; the first run's group is the baseline.

    Raises:
        Faults: DNA643 where a run was never evaluated, or runs were held against different data.
    """
    stories = [tell(run) for run in {run.path.resolve(): run for run in runs}.values()]
    _require_same_data(stories)
    groups: dict[str, list[Story]] = {}
    for story in stories:
        groups.setdefault(story.spec, []).append(story)
    names = _names(list(groups.values()))
    figures = [f for f in FIGURES if all(f in story.figures for story in stories)]
    told = list(zip(names, groups.values(), strict=True))
    return {
        "version": VERSION,
        "groups": [_group(name, group, figures) for name, group in told],
        "differences": [_difference(told[0], other, figure) for other in told[1:] for figure in figures],
        "curves": {name: [asdict(p) for p in curve(group)] for name, group in told},
        "notes": [*_twins(stories), *(note for story in stories for note in _notes(story))],
    }


def tell(run: Run) -> Story:
    """Read one run's record.

    Raises:
        Faults: DNA643, it was never evaluated.
    """
    lines = [line for line in run.metrics() if line.get("loss") is not None]
    points = _points(lines)
    if not points:
        raise Faults(errors.never_evaluated(run.path))
    last = [line for line in lines if "valid_loss" in line][-1]
    figures = {f: last[f"valid_{f}"] for f in FIGURES if last.get(f"valid_{f}") is not None}
    resolved = run.resolved
    return Story(
        str(run.path), resolved["net"], resolved["spec"], resolved["seeds"], resolved["identity"],
        tuple(resolved["settings"]), run.plan, lines[-1]["step"], resolved["steps"], figures,
        last.get("valid_active_flops_per_token", last["active_flops_per_token"]), points,
    )  # fmt: skip


def curve(group: Sequence[Story]) -> list[Point]:
    """Means over a group's runs, at the evaluations that all of them have."""
    tables = [{p.step: p for p in story.points} for story in group]
    shared = sorted(set.intersection(*(set(t) for t in tables)))
    return [_mean([t[step] for t in tables]) for step in shared]


def _points(lines: Sequence[Line]) -> tuple[Point, ...]:
    points: list[Point] = []
    tokens, flops = 0, 0.0
    for line in lines:
        flops += BACKWARD * line["active_flops_per_token"] * (line["tokens"] - tokens)
        tokens = line["tokens"]
        if line.get("valid_loss") is not None:
            points.append(Point(line["step"], tokens, flops, line["seconds"], line["valid_loss"]))
    return tuple(points)


def _mean(points: Sequence[Point]) -> Point:
    flops, seconds, loss = (
        math.fsum(getattr(p, f) for p in points) / len(points) for f in ("flops", "seconds", "loss")
    )
    return Point(points[0].step, points[0].tokens, flops, seconds, loss)


def _require_same_data(stories: Sequence[Story]) -> None:
    first = stories[0]
    for story in stories[1:]:
        if story.identity["valid"] != first.identity["valid"]:
            raise Faults(errors.held_out_differs(first.path, story.path))


def _names(groups: Sequence[Sequence[Story]]) -> list[str]:
    """The net's name; where two specs share it, with the settings in which they differ. One that sets none is plain."""
    plain = [group[0].net for group in groups]
    told = ["" if plain.count(n) == 1 else _apart(g[0], groups) for n, g in zip(plain, groups, strict=True)]
    named = [f"{n} {apart}".rstrip() for n, apart in zip(plain, told, strict=True)]
    return [n if named.count(n) == 1 else f"{n} {g[0].spec[:8]}" for n, g in zip(named, groups, strict=True)]


def _apart(story: Story, groups: Sequence[Sequence[Story]]) -> str:
    namesakes = [g[0] for g in groups if g[0].net == story.net]
    fields = [k for k in story.identity if k not in _LEFT_OUT and len({s.identity.get(k) for s in namesakes}) > 1]
    words = [f"{k.removeprefix('train.')} = {story.identity[k]}" for k in fields]
    shared = set.intersection(*(set(s.settings) for s in namesakes))
    words += [text for text in story.settings if text not in shared and not _is_told(text, fields)]
    return ", ".join(dict.fromkeys(words))


def _is_told(setting: str, fields: Sequence[str]) -> bool:
    """Seeds do not tell specs apart, and a training setting is among the identity's fields."""
    key = setting.partition("=")[0].strip()
    return key.endswith("seed") or key in fields or f"train.{key}" in fields


def _group(name: str, group: Sequence[Story], figures: Sequence[str]) -> dict[str, Any]:
    ends = [story.points[-1] for story in group]
    return {
        "name": name,
        "spec": group[0].spec,
        "runs": [story.path for story in group],
        "params": group[0].plan["params"],
        "flops_per_token": group[0].plan["flops_per_token"],
        "measured_flops_per_token": asdict(estimate([story.flops_per_token for story in group])),
        "steps": group[0].planned_steps,
        "figures": {f: asdict(estimate([story.figures[f] for story in group])) for f in figures},
        "train_flops": asdict(estimate([p.flops for p in ends])),
        "seconds": asdict(estimate([p.seconds for p in ends])),
    }


def _difference(base: tuple[str, list[Story]], other: tuple[str, list[Story]], figure: str) -> dict[str, Any]:
    """`other` less the baseline: over pairs of equal seeds where all have a partner, else unpaired."""
    first, second = ({_seeds(s): s.figures[figure] for s in group} for _, group in (base, other))
    pairs = [(first[seed], second[seed]) for seed in first if seed in second]
    is_paired = len(pairs) >= 2
    found: Estimate = (
        estimate([b - a for a, b in pairs]) if is_paired else difference(list(first.values()), list(second.values()))
    )
    return {"group": other[0], "baseline": base[0], "figure": figure, "paired": is_paired, **asdict(found)}


def _seeds(story: Story) -> tuple[tuple[str, int], ...]:
    return tuple(sorted(story.seeds.items()))


def _notes(story: Story) -> list[str]:
    if story.last_step < story.planned_steps:
        return [f"{story.path} stopped at step {story.last_step} of {story.planned_steps}"]
    return []


def _twins(stories: Sequence[Story]) -> list[str]:
    seen: dict[tuple[object, ...], str] = {}
    notes: list[str] = []
    for story in stories:
        key = (story.spec, _seeds(story))
        if key in seen:
            notes.append(f"{seen[key]} and {story.path} have the same spec and seeds: only the later one is paired")
        seen[key] = story.path
    return notes
