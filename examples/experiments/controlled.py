"""Controls of learned routing as Markdown: what other choices cost, and what the learned paths tell, over seeds.

Each figure is a mean with its 95 % interval over seeds, from the `controls` that `series.py` puts into result files.

    python examples/experiments/controlled.py       # the table of docs/systems.md, from */controls/results
"""

from __future__ import annotations

import json
import statistics
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dnac.train.controls import SUMMARIES
from dnac.train.intervals import estimate

Result = dict[str, Any]
NAMES = tuple(name for name in SUMMARIES if name != "learned")
HOME = Path(__file__).resolve().parent
HELD = "held"
"""The arm whose routers learn for half of the run."""


def table(results: Sequence[Result], arms: Sequence[str]) -> str:
    """A row for each arm: the loss that each control adds; below it what its paths are like. Empty without any."""
    held = {arm: [r["controls"] for r in results if r["arm"] == arm and "controls" in r] for arm in arms}
    held = {arm: found for arm, found in held.items() if found}
    if not held:
        return ""
    lines = ["", "Other choices than the learned ones, nothing trained again: loss that they add.", ""]
    lines += [f"| arm | seeds | {' | '.join(NAMES)} |", "|---|---|" + "---|" * len(NAMES)]
    for arm, found in held.items():
        cells = [_interval([_change(each, name) for each in found]) for name in NAMES]
        lines.append(f"| {arm} | {len(found)} | {' | '.join(cells)} |")
    lines += ["", "| arm | paths | tokens | effective paths | told by the token | beyond it by the one before | law |"]
    lines += ["|---|---|---|---|---|---|---|"]
    for arm, found in held.items():
        lines.append(f"| {arm} | {_paths([each['paths'] for each in found])} |")
        lines.append(f"| {arm}, before training | {_paths([each['paths_initial'] for each in found])} |")
    return "\n".join(lines) + "\n"


def kept(home: Path = HOME) -> dict[str, list[Result]]:
    """Result files by experiment: those of `NAME/controls/results`."""
    found: dict[str, list[Result]] = {}
    for path in sorted(home.glob("*/controls/results/*.json")):
        found.setdefault(path.parents[2].name, []).append(json.loads(path.read_text(encoding="utf-8")))
    return found


def page(experiments: dict[str, list[Result]]) -> str:
    """The two tables over all experiments, with routers held from half of the run where that was trained."""
    costs = [f"| experiment | arm | seeds | {' | '.join(NAMES)} | held from half |", "|---|---|---|" + "---|" * 7]
    like = ["| experiment | arm | paths | tokens | effective | by the token | by the one before | law |"]
    like += ["|---|---|---|---|---|---|---|---|"]
    for name, results in experiments.items():
        held = {r["seed"]: r["figures"]["loss"] for r in results if r["arm"] == HELD}
        for arm in dict.fromkeys(r["arm"] for r in results if "controls" in r):
            own = [r for r in results if r["arm"] == arm]
            found = [r["controls"] for r in own]
            cells = [_interval([_change(each, control) for each in found]) for control in NAMES]
            gaps = [held[r["seed"]] - r["figures"]["loss"] for r in own if r["seed"] in held]
            is_whole = own[0]["net"] in {r["net"] for r in results if r["arm"] == HELD}
            cells.append(_interval(gaps) if gaps and is_whole else "")
            costs.append(f"| {name} | {arm} | {len(own)} | {' | '.join(cells)} |")
            like.append(f"| {name} | {arm} | {_paths([each['paths'] for each in found])} |")
            like.append(f"| | before training | {_paths([each['paths_initial'] for each in found])} |")
    return "\n".join([*costs, "", *like]) + "\n"


def laws(paths: Sequence[dict[str, Any]]) -> str:
    """Which law the sizes of paths follow by likelihood, in how many seeds, and the power law's mean exponent."""
    fitted = [each["laws"] for each in paths if each["laws"] is not None]
    words = Counter(law["verdict"] for law in fitted)
    words["too few paths"] = len(paths) - len(fitted)
    said = [f"{word} {n} of {len(paths)}" for word, n in words.most_common() if n]
    exponent = [f"exponent {statistics.fmean(law['alpha'] for law in fitted):.2f}"] if fitted else []
    return ", ".join([*said, *exponent])


def _change(found: dict[str, Any], name: str) -> float:
    return found["controls"][name]["loss_change"]


def _interval(values: Sequence[float]) -> str:
    found = estimate(values)
    if found.low is None or found.high is None:
        return f"{found.mean:+.3f}"
    return f"{found.mean:+.3f} ({found.low:+.3f} to {found.high:+.3f})"


def _paths(paths: Sequence[dict[str, Any]]) -> str:
    means = [statistics.fmean(each[key] for each in paths) for key in ("paths", "tokens", "effective_paths")]
    told = [_share([each["path"][key] for each in paths]) for key in ("token_share", "context_share")]
    return " | ".join([f"{means[0]:,.0f}", f"{means[1]:,.0f}", f"{means[2]:,.1f}", *told, laws(paths)])


def _share(values: Sequence[float | None]) -> str:
    known = [value for value in values if value is not None]
    return f"{statistics.fmean(known):.1%}" if known else "-"


if __name__ == "__main__":
    print(page(kept()), end="")
