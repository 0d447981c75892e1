"""From result files to the table and the pictures of the comparison, and the effect that it can detect."""

from __future__ import annotations

import json
import math
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import arms as chosen
import stream
from claims import spread
from distances import FLOPS, LAUNCHED, TIME, at_equal, distances, from_medians, shown
from pairs import paired

from dnac.report.charts import Axis, Line, lines, standing
from dnac.train.intervals import estimate, t_quantile

WIDTH, HEIGHT = 760, 420
TIMES = {TIME: ("time", "as `dnac train` runs it"), LAUNCHED: ("launched", "launched kernel by kernel")}
"""Ways in which a train step was timed: the phase of each, and its name in words."""
FURTHEST = 2.0
"""A net of more FLOPs than so many times those of the deepest dense net is in the table and not in the picture."""
VARIANTS = (*(arm.name for arm in (*chosen.SKIPS, chosen.STOPPED)), "top1")
NOT_VARIANTS = ("skip1", *(name for name in chosen.ARMS if name not in VARIANTS), "top1")


def read(folder: Path) -> list[dict[str, Any]]:
    """All result files of a phase."""
    return [json.loads(path.read_text()) for path in sorted((folder / "results").glob("*.json"))]


def best_peaks(out: Path, tried_all: Sequence[str] = ()) -> dict[str, str]:
    """For each arm that has been tuned with all of `tried_all`: the rate with the lowest loss on the tuning split."""
    found: dict[str, dict[str, float]] = {}
    for result in read(out / "tune"):
        arm, _, peak = result["arm"].partition("@")
        found.setdefault(arm, {})[peak] = result["figures"]["loss"]
    finite = {arm: {p: x for p, x in tried.items() if math.isfinite(x)} for arm, tried in found.items()}
    whole = {arm: tried for arm, tried in finite.items() if set(found[arm]) >= set(tried_all) and tried}
    return {arm: min(tried, key=tried.__getitem__) for arm, tried in whole.items()}


def rates(out: Path) -> tuple[str, ...]:
    """Those that every net is tuned with, on the data that the folder is called after."""
    return chosen.MATERIALS[out.name].peaks if out.name in chosen.MATERIALS else chosen.PEAKS


def detectable(out: Path) -> str:
    """What five paired seeds can tell, from the spread of differences over other seeds on the tuning split.

    Written only once all of those seeds are there: fewer tell another spread.
    """
    of = {(r["arm"], r["seed"]): r["figures"]["loss"] for r in read(out / "variance")}
    base = chosen.MEASURED[0]
    spreads = {}
    for arm in chosen.MEASURED[1:]:
        gaps = [of[arm, s] - of[base, s] for s in chosen.VARIANCE_SEEDS if (arm, s) in of and (base, s) in of]
        if len(gaps) == len(chosen.VARIANCE_SEEDS):
            spreads[arm] = statistics.stdev(gaps)
    if len(spreads) < len(chosen.MEASURED) - 1:
        return "the variance is not measured yet"
    pooled = math.sqrt(statistics.fmean(s * s for s in spreads.values()))
    found = {"spread_of_differences": spreads, "pooled": pooled, "effect": effect(pooled, len(chosen.SEEDS))}
    (out / "detectable.json").write_text(json.dumps(found, indent=1) + "\n")
    return (
        f"paired differences from {base} spread by {pooled:.4f} nats (pooled over {', '.join(spreads)}); "
        f"{len(chosen.SEEDS)} paired seeds detect {found['effect']:.4f} nats at 5 % with power {chosen.POWER:.0%}"
    )


def effect(spread: float, seeds: int) -> float:
    """The true difference that a two-sided t test at 5 % finds with the wanted power, nearly (t for both errors)."""
    return (t_quantile(seeds - 1) + t_quantile(seeds - 1, 2 * chosen.POWER - 1)) * spread / math.sqrt(seeds)


def written(out: Path, data: str) -> str:
    """The table, also as OUT/summary.md, and pictures beside it."""
    results = with_times(read(out / "report"), out)
    if not results and not best_peaks(out):
        return "no run yet"
    parts = [
        head(out),
        untimed(results),
        table(results),
        steady(results),
        paired(results),
        stream.by_difficulty(results),
        controls(results),
        tuned(out, results),
    ]
    text = "\n".join([f"## {data}", "", *(line for part in parts if part for line in (*part, ""))])
    (out / "summary.md").write_text(text)
    for cost, title in (
        (FLOPS, "measured FLOPs of a token, forward"),
        *((cost, f"milliseconds of a train step, alone and compiled, {way}") for cost, (_, way) in TIMES.items()),
        ("params_total", "parameters"),
    ):
        (out / f"loss_{cost}.svg").write_text(picture(results, cost, title, NOT_VARIANTS))
        (out / f"variants_{cost}.svg").write_text(picture(results, cost, title, VARIANTS))
    if any(r["figures"]["by_difficulty"] for r in results):
        (out / "accuracy_lookups.svg").write_text(stream.picture(results))
    return text


def tuned(out: Path, reported: list[dict[str, Any]]) -> list[str]:
    """Nets without all reported seeds, as tuning found them; beside dense nets of the same seed."""
    peaks = best_peaks(out, rates(out))
    rows = []
    for result in read(out / "tune"):
        arm, _, peak = result["arm"].partition("@")
        if peaks.get(arm) == peak:
            rows.append({**result, "arm": arm})
    whole = {a for a in chosen.ARMS if len({r["seed"] for r in reported if r["arm"] == a}) >= len(chosen.SEEDS)}
    if not {r["arm"] for r in rows} - whole:
        return []
    dense = {arm.name for arm in chosen.FRONTIER}
    rows = [row for row in with_times(rows, out) if row["arm"] in dense or row["arm"] not in whole]
    said = "### Tuning: one seed, the best rate on the very split that chose it; not a result"
    return [said, "", *table(rows), "", *stream.by_difficulty(rows)]


def with_times(results: list[dict[str, Any]], out: Path) -> list[dict[str, Any]]:
    """Beside each result the milliseconds of its net's train step, each way measured, and under which choices."""
    for result in results:
        for cost, (phase, _) in TIMES.items():
            path = out / phase / "results" / f"{result['arm']}.json"
            bench = json.loads(path.read_text())["bench"] if path.exists() else {"nets": [{"cases": []}]}
            own = [c for c in bench["nets"][0]["cases"] if c["program"] == "dnac"]
            if own:
                case = max(own, key=lambda c: c["skip"] or 0)
                result["figures"][cost] = case["ms"]["median"]
                replayed = ", replayed as CUDA graphs" if bench["nets"][0].get("cuda_graphs") else ""
                device = f"{bench['device']}, torch {bench['torch']}{replayed}"
                result.setdefault("timed", {})[cost] = case["name"].removeprefix("dnac").strip(), device
    return results


def untimed(results: list[dict[str, Any]]) -> list[str]:
    """What the step times are of, and which nets have none."""
    return [line for cost in TIMES for line in _untimed(results, cost)] or ["No step times."]


def _untimed(results: list[dict[str, Any]], cost: str) -> list[str]:
    timed = {r["arm"]: r["timed"][cost] for r in results if cost in r.get("timed", {})}
    missing = [a for a in chosen.ARMS if a not in timed and any(r["arm"] == a for r in results)]
    if not timed:
        return []
    where = "; ".join(dict.fromkeys(device for _, device in timed.values()))
    said = [f"Step times: median of a compiled train step alone on the device, {TIMES[cost][1]} ({where})."]
    by_choices: dict[str, list[str]] = {}
    for arm in (a for a in chosen.ARMS if a in timed):
        by_choices.setdefault(timed[arm][0] or "no choices to make", []).append(arm)
    said += [f"- {choices}: {', '.join(names)}" for choices, names in by_choices.items()]
    return said + ([f"- no step time: {', '.join(missing)}"] if missing else [])


def head(out: Path) -> list[str]:
    """What was fixed before."""
    path = out / "detectable.json"
    if not path.exists():
        return []
    found, peaks = json.loads(path.read_text()), best_peaks(out)
    edges = sorted(arm for arm, peak in peaks.items() if peak in (rates(out)[0], rates(out)[-1]))
    lines = [f"Detectable with {len(chosen.SEEDS)} paired seeds, estimated before: {found['effect']:.4f} nats."]
    return [*lines, f"Best rate at the edge of those tried: {', '.join(edges)}."] if edges else lines


def table(results: list[dict[str, Any]]) -> list[str]:
    """A row for each arm."""
    ways = [cost for cost in TIMES if any(cost in r["figures"] for r in results)] or [TIME]
    named = [f", {TIMES[cost][1]}" if len(ways) > 1 else "" for cost in ways]
    columns = [
        *("net", "rate", "seeds", "loss", "against the dense frontier at equal FLOPs"),
        *(f"at equal time{way}" for way in named),
        "MFLOPs a token",
        *(f"ms a step{way}" for way in named),
        *("parameters", "active", "skipped"),
    ]
    rows = [f"| {' | '.join(columns)} |", "|---" * len(columns) + "|"]
    for arm in chosen.ARMS:
        own = [r for r in results if r["arm"] == arm]
        if not own:
            continue
        figures = [r["figures"] for r in own]
        rate = next((s.partition("=")[2] for s in own[0]["settings"] if s.startswith("peak=")), "")
        skipped = [f["skip_share"] for f in figures if f["skip_share"] is not None]
        cells = [
            arm,
            rate,
            str(len(own)),
            spread([f["loss"] for f in figures]),
            at_equal(results, arm, FLOPS),
            *(at_equal(results, arm, cost) for cost in ways),
            f"{statistics.fmean(f[FLOPS] for f in figures) / 1e6:.2f}",
            *(f"{figures[0][cost]:.1f}" if cost in figures[0] else "no time" for cost in ways),
            f"{figures[0]['params_total']:,}",
            f"{figures[0]['params_active']:,}",
            (f"{statistics.fmean(skipped):.1%}" + (" of halts leave" if halts(figures[0]) else "")) if skipped else "",
        ]
        rows.append(f"| {' | '.join(cells)} |")
    return rows


def halts(figures: Mapping[str, Any]) -> bool:
    """Whether the choices of a net are to leave it or to stay."""
    names = figures.get("routers") or {}
    return bool(names) and all(name.startswith("halt") for name in names)


def steady(results: list[dict[str, Any]]) -> list[str]:
    """How far the differences at equal FLOPs hang on single seeds of the frontier."""
    dense, moved = {arm.name for arm in chosen.FRONTIER}, dict[str, float]()
    for arm in (a for a in chosen.ARMS if a not in dense):
        ways = [way(results, arm, FLOPS) for way in (distances, from_medians)]
        if all(ways):
            own, medians = (statistics.fmean(gaps.values()) for gaps in ways)
            moved[arm] = medians - own
    if not moved:
        return []
    most = max(moved, key=lambda arm: abs(moved[arm]))
    return [f"Against a frontier of medians over seeds no difference moves by more than {moved[most]:+.4f} ({most})."]


def controls(results: list[dict[str, Any]]) -> list[str]:
    """What each control adds to the loss, and what paths tell beyond the token."""
    known = [r for r in results if r["figures"].get("controls")]
    if not known:
        return []
    names = [name for name in known[0]["figures"]["controls"] if name != "learned"]
    lines = ["Loss with other choices less that with the learned ones, and what paths tell (`dnac controls`).", ""]
    lines += [
        f"| net | {' | '.join(names)} | told by the id | and by the id before | law |",
        "|---" * (len(names) + 4) + "|",
    ]
    for arm in chosen.ARMS:
        own = [r["figures"] for r in known if r["arm"] == arm]
        if own:
            cells = [shown([f["controls"][n] - f["controls"]["learned"] for f in own]) for n in names]
            for share in ("token_share", "context_share"):
                told = [f["paths"]["path"][share] for f in own if f["paths"]["path"][share] is not None]
                cells.append(f"{statistics.fmean(told):.1%}" if told else "")
            said = [f["paths"]["laws"]["verdict"] if f["paths"]["laws"] else "too few" for f in own]
            cells.append(", ".join(f"{said.count(word)} {word}" for word in dict.fromkeys(said)))
            lines.append(f"| {arm} | {' | '.join(cells)} |")
    return lines


def picture(results: list[dict[str, Any]], cost: str, title: str, names: Sequence[str]) -> str:
    """Mean loss and its interval against a cost: the dense frontier as a line, other nets (`names`) as dots."""
    points, reach = dict[str, tuple[float, float]](), dict[str, tuple[float, float]]()
    for arm in chosen.ARMS:
        own = [r["figures"] for r in results if r["arm"] == arm and r["figures"].get(cost)]
        if own:
            found = estimate([f["loss"] for f in own])
            points[arm] = statistics.fmean(f[cost] for f in own), found.mean
            reach[arm] = (found.low or found.mean, found.high or found.mean)
    dense = sorted((points.pop(a.name), reach[a.name]) for a in chosen.FRONTIER if a.name in points)
    frontier = Line("dense, by depth", [at for at, _ in dense], reach=[ends for _, ends in dense])
    end = max([at[0] for at, _ in dense], default=math.inf) * (FURTHEST if cost == FLOPS else math.inf)
    others = [
        Line(name, [at], dots=True, reach=[reach[name]], is_named=True)
        for name, at in points.items()
        if name in names and at[0] <= end
    ]
    axes = Axis(title, log=cost == "params_total"), Axis("held-out loss, nats")
    return standing(WIDTH, HEIGHT, lines([frontier, *others], *axes, width=WIDTH, height=HEIGHT))
