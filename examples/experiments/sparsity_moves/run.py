"""Sparsity moves computation (arXiv 2605.09403): train every net of the spec over seeds, ablate, and judge.

    python examples/experiments/sparsity_moves/run.py [--out DIR] [--steps N] [--seeds 42 137] [--nets moe] [--norms]

One result file for each run, in DIR/results; a run that has its file is not repeated, and one that was
interrupted goes on from its checkpoint. The table is made from the files that are there: --table makes it alone.
"""

from __future__ import annotations

import json
import statistics
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any, NamedTuple

import torch

from dnac.cli.main import main as dnac
from dnac.train.ablate import ablate
from dnac.train.assess import Exam, opened
from dnac.train.intervals import Estimate, estimate
from dnac.train.run import Run

HERE = Path(__file__).parent
SPEC = HERE.parents[2] / "specs" / "sparsity_moves.dna"
NETS = ("dense", "glu", "narrow", "moe", "moe_glu", "top2", "frozen", "as_published")
SEEDS = (42, 137, 256, 512, 1024)
"""The paper's. Settings were chosen with seed 1, which is not reported."""
STEPS = 1000
"""As the spec says. Fixed before the reported seeds ran, as all settings are."""
NORMS = ("attention.norm=rms", "lm.norm=rms")
"""With `--norms`, beside that of the mlp: the authors have a series without norms, which is ours, and one with."""
ENOUGH = 5
"""Seeds below which a claim gets no verdict."""


class Claim(NamedTuple):
    """`net` less `base` in one figure, paired by seed."""

    net: str
    base: str
    figure: str
    least: float
    """Holds where the mean difference is at least this, in the direction of its sign; for `task`, at most in size."""


CLAIMS = (
    *(Claim(net, "dense", "no_ffn", 0.08) for net in ("moe", "frozen", "narrow")),
    *(Claim(net, "dense", "no_attention", -0.05) for net in ("moe", "frozen", "narrow")),
    Claim("frozen", "moe", "task", 0.02),
    *(Claim(net, "dense", "no_ffn", 0.0) for net in ("glu", "moe_glu", "top2", "as_published")),
    *(Claim(net, "dense", "no_attention", -0.0) for net in ("glu", "moe_glu", "top2", "as_published")),
)
"""The pass lines, set before the runs; the last eight have none and are shown for their direction."""


def main() -> int:
    """Run what is missing, then print and write the table."""
    parser = ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("runs") / "sparsity_moves")
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--seeds", type=int, nargs="+", default=list(SEEDS))
    parser.add_argument("--nets", nargs="+", choices=NETS, default=list(NETS))
    parser.add_argument("--norms", action="store_true", help="the same nets with rms norms; take another --out")
    parser.add_argument("--table", action="store_true", help="no runs: the table of the result files that are there")
    args = parser.parse_args()
    results: Path = args.out / "results"
    results.mkdir(parents=True, exist_ok=True)
    if not args.table:
        torch.set_num_threads(1)
        for seed in args.seeds:  # all nets of a seed, so that what is there when it is stopped can be paired
            for net in args.nets:
                one(net, seed, args.steps, args.out, results / f"{net}-s{seed}.json", norms=args.norms)
    text = table([json.loads(path.read_text()) for path in sorted(results.glob("*.json"))])
    (args.out / "table.md").write_text(text)
    print(text)
    return 0


def one(net: str, seed: int, steps: int, out: Path, result: Path, *, norms: bool = False) -> None:
    """Train and ablate one net with one seed, unless that was done."""
    if result.exists():
        made = json.loads(result.read_text())
        if (made["steps"], made["norms"]) != (steps, norms):
            raise SystemExit(f"{result} was made with other settings: take another --out")
        return
    folder = out / "runs" / f"{net}-s{seed}"
    words = [f"{SPEC}:{net}", "--out", str(folder), "--set", f"train.seed={seed}", "--set", f"n={steps}"]
    mlp = "ffn" if net in ("dense", "glu", "narrow") else "experts.ffn"
    words += [word for setting in (*NORMS, f"{mlp}.norm=rms") for word in ("--set", setting)] if norms else []
    fixed = ["--plain", "--no-compile", "--device", "cpu", "--lowering", "portable"]
    code = dnac(["train", *words, *fixed, *(["--resume"] if Run.is_run(folder) else [])])
    if code:
        raise SystemExit(code)
    run = Run.open(folder)
    held = opened(run, (), Exam(), lambda diagnostic: None)
    found = ablate(held, (), ())
    rows = {"intact": found["intact"], **{row["zeroed"]: row for row in found["ablations"]}}
    whole = {
        "net": net,
        "seed": seed,
        "steps": steps,
        "norms": norms,
        "torch": torch.__version__,
        "data_sha256": held.dataset.fingerprint,
        "digest": run.resolved["digest"],
        **{
            name: {k: row[k] for k in ("loss", "accuracy", "exact_match", "accuracy_by_place")}
            for name, row in rows.items()
        },
    }
    part = result.with_suffix(".part")
    part.write_text(json.dumps(whole, indent=1) + "\n")
    part.replace(result)


def digits(row: dict[str, Any]) -> float:
    """Accuracy over the four digits of the answer, its END left out."""
    return statistics.fmean(row["accuracy_by_place"][:-1])


def from_tens(row: dict[str, Any]) -> float:
    """What the authors' analysis averages: tens, hundreds, overflow and END, without the units, where 7 is added."""
    return statistics.fmean(row["accuracy_by_place"][1:])


def table(results: list[dict[str, Any]]) -> str:
    """Figures for each net, then claims, as Markdown."""
    of = {(r["net"], r["seed"]): r for r in results}
    steps = sorted({r["steps"] for r in results})
    lines = [f"{len(results)} runs of {', '.join(f'{s:,}' for s in steps)} train steps, on the held-out fifth.", ""]
    lines += [
        "| net | seeds | exact match | digits right | without attention | without mlp |",
        "|---|---|---|---|---|---|",
    ]
    for net in NETS:
        rows = [r for (name, _), r in of.items() if name == net]
        if rows:
            exact = spread([r["intact"]["exact_match"] for r in rows])
            shown = [spread([digits(r[key]) for r in rows]) for key in ("intact", "attn", "ffn")]
            lines.append(f"| {net} | {len(rows)} | {exact} | {' | '.join(shown)} |")
    lines += ["", "| claim | difference over seeds | in direction | verdict | tens to END instead |"]
    lines += ["|---|---|---|---|---|", *(judged(claim, of) for claim in CLAIMS)]
    lines += ["", "| right at each place | without attention | without mlp |", "|---|---|---|"]
    for net in NETS:
        rows = [r for (name, _), r in of.items() if name == net]
        if rows:
            lines.append(f"| {net} | {by_place([r['attn'] for r in rows])} | {by_place([r['ffn'] for r in rows])} |")
    return "\n".join(lines) + "\n"


def by_place(rows: list[dict[str, Any]]) -> str:
    """Units, tens, hundreds, overflow and END, mean over seeds."""
    places = zip(*(row["accuracy_by_place"] for row in rows), strict=True)
    return " ".join(f"{statistics.fmean(place):.2f}" for place in places)


def judged(claim: Claim, of: dict[tuple[str, int], dict[str, Any]]) -> str:
    """One row: the paired difference, its interval, how many seeds go that way, and whether it holds."""
    seeds = sorted({s for n, s in of if n == claim.net} & {s for n, s in of if n == claim.base})
    row = {"no_ffn": "ffn", "no_attention": "attn", "task": "intact"}[claim.figure]
    gaps, other = (
        [measure(of[claim.net, s][row]) - measure(of[claim.base, s][row]) for s in seeds]
        for measure in (digits, from_tens)
    )
    up = claim.figure == "no_ffn"
    wanted = {"task": "differs by at most 0.02", "no_ffn": "higher", "no_attention": "lower"}[claim.figure]
    by = f" by {abs(claim.least):.2f}" if claim.least and claim.figure != "task" else ""
    what = {"task": "digits right", "no_ffn": "without mlp", "no_attention": "without attention"}[claim.figure]
    name = f"{claim.net} against {claim.base}, {what}: {wanted}{by}"
    if not gaps:
        return f"| {name} | not run yet | | | |"
    found = estimate(gaps)
    reach = f" ({found.low:+.3f} to {found.high:+.3f})" if found.low is not None and found.high is not None else ""
    agree = sum(abs(g) <= claim.least if claim.figure == "task" else (g > 0) == up for g in gaps)
    aside = f"{statistics.fmean(other):+.3f}"
    return f"| {name} | {found.mean:+.3f}{reach} | {agree} of {len(gaps)} | {verdict(claim, found)} | {aside} |"


def verdict(claim: Claim, found: Estimate) -> str:
    """`holds`, `direction only` or `does not hold`, and whether the interval includes 0; none for too few seeds."""
    if found.count < ENOUGH:
        return "too few seeds"
    if claim.figure == "task":
        return "holds" if abs(found.mean) <= claim.least else "does not hold"
    towards = found.mean if claim.figure == "no_ffn" else -found.mean
    unsure = ", interval includes 0" if found.low is None or found.high is None or found.low <= 0 <= found.high else ""
    if towards <= 0:
        return f"does not hold{unsure}"
    word = "holds" if towards >= abs(claim.least) else "direction only"
    return f"{word if claim.least else 'direction'}{unsure}"


def spread(values: list[float]) -> str:
    """Mean and standard deviation."""
    mean = statistics.fmean(values)
    return f"{mean:.3f} ± {statistics.stdev(values):.3f}" if len(values) > 1 else f"{mean:.3f}"


if __name__ == "__main__":
    sys.exit(main())
