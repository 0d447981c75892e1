"""Sparsity moves computation (arXiv 2605.09403): train every net of the spec over seeds, ablate, and judge.

    python examples/experiments/sparsity_moves/run.py [--out DIR] [--seeds 42 137] [--only moe] [--jobs 2] [--norms]

Three tasks: add-7 (arms as the nets of the spec), modular addition (`modular_moe`) and counting (`histogram_moe`).

Options and result files are those of all experiments (`../series.py`).
"""

from __future__ import annotations

import statistics
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import claims as judging
from claims import spread
from series import SPECS, Arm, Claim, Series, Trained, judge

from dnac.train.ablate import ablate

HERE = Path(__file__).resolve().parent
SPEC = SPECS / "sparsity_moves.dna"
NETS = ("dense", "glu", "narrow", "moe", "moe_glu", "top2", "frozen", "as_published")
NORMS = ("attention.norm=rms", "lm.norm=rms")
"""With `--norms`, beside that of the mlp: the authors have a series without norms, which is ours, and one with."""
TASKS = ("modular", "histogram")
"""The two other tasks, each with a file of its own here; with norms."""
FEW = ("dense", "narrow", "moe", "frozen")
GATED = ("glu", "moe_glu")
"""Of modular addition in a file of its own."""
BESIDE = ("glu", "moe_glu", "top2", "as_published")
"""Without a row in `docs/systems.md`."""
KEPT = ("loss", "accuracy", "exact_match", "accuracy_by_place")

CLAIMS = (
    *(Claim(net, "dense", "ffn", at_least=0.08) for net in ("moe", "frozen", "narrow")),
    *(Claim(net, "dense", "attn", at_most=-0.05) for net in ("moe", "frozen", "narrow")),
    Claim("frozen", "moe", "intact", within=0.02),
    *(Claim(net, "dense", "ffn", direction="up") for net in ("glu", "moe_glu", "top2", "as_published")),
    *(Claim(net, "dense", "attn", direction="down") for net in ("glu", "moe_glu", "top2", "as_published")),
)
"""The pass lines, set before the runs; the measure is the ablation (`attn`: without attention) whose digits are right.
The last eight have no line and are shown for their direction."""

OTHER = {
    "modular": (
        *(
            Claim(f"modular_{net}", None, "intact.accuracy", at_least=0.95, text=f"`{net}` generalises")
            for net in ("dense", "moe")
        ),
        *(
            Claim(
                f"modular_{net}", "modular_dense", "ffn.accuracy", direction="up", text=f"without mlp: `{net}` higher"
            )
            for net in ("moe", "frozen", "narrow")
        ),
        *(
            Claim(
                f"modular_{net}", "modular_dense", "ffn.accuracy", direction="up", text=f"without mlp: `{net}` higher"
            )
            for net in GATED
        ),
        *(
            Claim(f"modular_{net}", 1 / 31, "attn.accuracy", within=0.05, text=f"without attention: `{net}` at chance")
            for net in ("dense", "moe")
        ),
        Claim(
            "modular_frozen", "modular_moe", "intact.accuracy", within=0.05, text="`frozen` does the task as `moe` does"
        ),
    ),
    "histogram": (
        *(
            Claim(
                f"histogram_{net}",
                "histogram_dense",
                "ffn.accuracy",
                at_least=0.08,
                text=f"without mlp: `{net}` higher",
            )
            for net in ("moe", "frozen", "narrow")
        ),
        *(
            Claim(
                f"histogram_{net}",
                "histogram_dense",
                "attn.accuracy",
                at_most=-0.05,
                text=f"without attention: `{net}` lower",
            )
            for net in ("moe", "frozen", "narrow")
        ),
        Claim(
            "histogram_frozen",
            "histogram_moe",
            "intact.accuracy",
            within=0.02,
            text="`frozen` does the task as `moe` does",
        ),
    ),
}
"""The pass lines of the other tasks, set before their runs: those of add-7 where the paper says the same, directions
where it says that modular addition shows it more weakly. There the authors find all nets at chance without attention.
"""


def measure(trained: Trained) -> dict[str, Any]:
    """Scores of the net as it is, and without its attention, its mlp, and both."""
    found = ablate(trained.opened(), (), ())
    rows = {"intact": found["intact"], **{row["zeroed"]: row for row in found["ablations"]}}
    return {name: {k: row[k] for k in KEPT} for name, row in rows.items()}


def digits(row: dict[str, Any]) -> float:
    """Accuracy over the four digits of the answer, its END left out."""
    return statistics.fmean(row["accuracy_by_place"][:-1])


def from_tens(row: dict[str, Any]) -> float:
    """What the authors' analysis averages: tens, hundreds, overflow and END, without the units, where 7 is added."""
    return statistics.fmean(row["accuracy_by_place"][1:])


def table(results: list[dict[str, Any]]) -> str:
    """Figures for each net, then claims, as Markdown; of every task that was run."""
    of = {task: [r for r in results if r["arm"].startswith(f"{task}_")] for task in TASKS}
    parts = [f"### {task}\n\n{of_task(task, found)}" for task, found in of.items() if found]
    others = [r for found in of.values() for r in found]
    add7 = [r for r in results if r not in others]
    return "\n".join([*([of_add7(add7)] if add7 or not parts else []), *parts])


def of_task(task: str, results: list[dict[str, Any]]) -> str:
    """Shares of the held-out targets that are right, as for all experiments."""
    shown = ("intact.accuracy", "attn.accuracy", "ffn.accuracy")
    return judging.table(results, [f"{task}_{net}" for net in (*FEW, *GATED)], shown, OTHER[task])


def of_add7(results: list[dict[str, Any]]) -> str:
    """Figures for each net by digits, then claims."""
    steps = sorted({r["steps"] for r in results})
    lines = [f"{len(results)} runs of {', '.join(f'{s:,}' for s in steps)} train steps, on the held-out fifth.", ""]
    lines += [
        "| net | seeds | exact match | digits right | without attention | without mlp |",
        "|---|---|---|---|---|---|",
    ]
    of = {net: [r["figures"] for r in results if r["arm"] == net] for net in NETS}
    of = {net: rows for net, rows in of.items() if rows}
    for net, rows in of.items():
        exact = spread([r["intact"]["exact_match"] for r in rows])
        shown = [spread([digits(r[key]) for r in rows]) for key in ("intact", "attn", "ffn")]
        lines.append(f"| {net} | {len(rows)} | {exact} | {' | '.join(shown)} |")
    lines += ["", "| claim | difference over seeds | in direction | verdict | tens to END instead |"]
    lines += [
        "|---|---|---|---|---|",
        *(judged(claim, results) for claim in CLAIMS if claim.a in of or claim.a not in BESIDE),
    ]
    lines += ["", "| right at each place | without attention | without mlp |", "|---|---|---|"]
    lines += [
        f"| {net} | {by_place([r['attn'] for r in rows])} | {by_place([r['ffn'] for r in rows])} |"
        for net, rows in of.items()
    ]
    return "\n".join(lines) + "\n"


def by_place(rows: list[dict[str, Any]]) -> str:
    """Units, tens, hundreds, overflow and END, mean over seeds."""
    places = zip(*(row["accuracy_by_place"] for row in rows), strict=True)
    return " ".join(f"{statistics.fmean(place):.2f}" for place in places)


def judged(claim: Claim, results: Sequence[dict[str, Any]]) -> str:
    """One row: the paired difference, its interval, how many seeds go that way, and whether it holds."""
    line = claim.at_least or claim.at_most
    wanted = {"intact": "differs by at most 0.02", "ffn": "higher", "attn": "lower"}[claim.measure]
    what = {"intact": "digits right", "ffn": "without mlp", "attn": "without attention"}[claim.measure]
    name = f"{claim.a} against {claim.b}, {what}: {wanted}{f' by {abs(line):.2f}' if line else ''}"
    found, aside = (
        judge(claim, results, lambda r, score=score: score(r["figures"][claim.measure]))
        for score in (digits, from_tens)
    )
    if found is None or aside is None:
        return f"| {name} | not run yet | | | |"
    agree = f"{found.agree} of {len(found.gaps)}"
    return f"| {name} | {found} | {agree} | {found.verdict} | {aside.found.mean:+.3f} |"


ADD7 = tuple(map(Arm, NETS))
ARMS = (
    *ADD7,
    *(Arm(f"{task}_{net}", net, spec=HERE / f"{task}.dna") for task in TASKS for net in FEW),
    *(Arm(f"modular_{net}", net, spec=HERE / "modular_glu.dna") for net in GATED),
)
SERIES = Series(
    name="sparsity_moves",
    spec=SPEC,
    arms=ARMS,
    measure=measure,
    table=table,
    beside=BESIDE,
    controlled=("moe",),
)


def main(argv: Sequence[str] | None = None) -> int:
    """All nets, or with `--norms` those of add-7 with norms; take another --out for it."""
    parser = SERIES.parser()
    parser.add_argument("--norms", action="store_true", help="the same nets with rms norms; take another --out")
    args = parser.parse_args(argv)
    return (replace(SERIES, arms=tuple(map(with_norms, ADD7))) if args.norms else SERIES).run(args)


def with_norms(arm: Arm) -> Arm:
    """The arm with rms norms before attention, mlp and head."""
    mlp = "ffn" if arm.name in ("dense", "glu", "narrow") else "experts.ffn"
    return replace(arm, settings=(*NORMS, f"{mlp}.norm=rms"))


if __name__ == "__main__":
    sys.exit(main())
