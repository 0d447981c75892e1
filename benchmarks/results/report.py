"""Make the tables of docs/results.md from the summary that run.py writes.

python benchmarks/results/report.py runs/results
"""

from __future__ import annotations

import json
import math
import statistics
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

T_95 = {2: 4.303, 3: 3.182, 4: 2.776}
"""Student's t for a two-sided 95 % interval, by degrees of freedom."""
TARGET = 0.25


def interval(values: list[float]) -> str:
    """Mean and half width of the 95 % interval over seeds."""
    half = T_95[len(values) - 1] * statistics.stdev(values) / math.sqrt(len(values))
    return f"{statistics.mean(values):.4f} ± {half:.4f}"


def figures(run: dict[str, Any], key: str) -> float:
    """One figure of a run's evaluation."""
    return float(run["eval"]["results"][0][key])


def table(runs: dict[str, dict[int, dict[str, Any]]], folder: Path, key: str) -> list[str]:
    """One row per net: the figure, its paired difference to dense, what it costs."""
    lines = [
        f"| net | peak lr | {key} | paired difference to dense | total parameters | active (expected) "
        "| measured FLOPs per token |",
        "|---|---|---|---|---|---|---|",
    ]
    for net, by_seed in runs.items():
        values = {seed: figures(run, key) for seed, run in by_seed.items()}
        against = {seed: figures(run, key) for seed, run in runs["dense"].items()}
        paired = [values[s] - against[s] for s in values if s in against]
        one = next(iter(by_seed.values()))
        plan = json.loads((folder / f"{net}-lr{one['peak']}-s{one['seed']}" / "plan.json").read_text())
        flops = statistics.mean(figures(run, "active_flops_per_token") for run in by_seed.values())
        difference = "" if net == "dense" else interval(paired)
        params = plan["params"]
        lines.append(
            f"| {net} | {one['peak']} | {interval(list(values.values()))} | {difference} | {params['total']:,} "
            f"| {params['active_expected']:,} | {flops / 1e6:.2f}M |"
        )
    return lines


def skips(runs: dict[str, dict[int, dict[str, Any]]]) -> list[str]:
    """How near each router comes to its target on held-out data."""
    lines = ["| net | mean skip share | farthest router | routers within 0.02 |", "|---|---|---|---|"]
    for net in (n for n in runs if "skip" in n):
        shares = [r["skip_share"] for run in runs[net].values() for r in run["eval"]["results"][0]["routers"].values()]
        far = max(shares, key=lambda share: abs(share - TARGET))
        near = sum(abs(share - TARGET) <= 0.02 for share in shares)
        lines.append(f"| {net} | {statistics.mean(shares):.4f} | {far:.4f} | {near} of {len(shares)} |")
    return lines


def seconds(folder: Path) -> list[str]:
    """Training speed: median of the logged tokens/s of all seeds."""
    speeds: dict[str, list[float]] = defaultdict(list)
    for path in sorted(folder.glob("*/metrics.jsonl")):
        rows = [json.loads(line) for line in path.read_text().splitlines()]
        speeds[path.parent.name.split("-lr")[0]] += [
            r["tokens_per_s"] for r in rows[len(rows) // 2 :] if r.get("tokens_per_s")
        ]
    return [f"{net}: {statistics.median(values) / 1e3:.0f}k tokens/s" for net, values in speeds.items()]


def main() -> None:
    """Print all tables as Markdown."""
    out = Path(sys.argv[1])
    summary = json.loads((out / "summary.json").read_text())
    specs: dict[str, dict[str, dict[int, dict[str, Any]]]] = defaultdict(lambda: defaultdict(dict))
    for run in summary["final"]:
        specs[run["spec"]][run["net"]][run["seed"]] = run
    for spec, found in specs.items():
        runs = {net: dict(sorted(found[net].items())) for net in sorted(found)}
        keys = ("loss", "bits_per_byte") if spec == "shakespeare" else ("accuracy", "loss")
        for key in keys:
            print(f"\n## {spec}, {key}\n", *table(runs, out / spec, key), sep="\n")
        print("", *skips(runs), "", "; ".join(seconds(out / spec)), sep="\n")


if __name__ == "__main__":
    main()
