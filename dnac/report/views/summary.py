"""A table: what a run reached, and the plan: sizes, cost per token, paths, verdicts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from dnac import catalogue
from dnac.report.base import Material, View
from dnac.report.words import count, paths


def _render(material: Material) -> str | None:
    plan = material.plan
    if not plan:
        return None
    params: Mapping[str, Any] = plan["params"]
    flops: Mapping[str, Any] = plan["flops_per_token"]
    rows = [
        *_measured(material.metrics),
        ("parameters", f"{params['total']:,}"),
        ("active per token", _range(params, "active_min", "active_expected", "active_max")),
        ("FLOPs per token", _range(flops, "min", "expected", "max")),
        ("routing steps", f"{plan['routing_steps']}"),
        ("modules", f"{plan['modules']}"),
        ("paths", paths(plan["paths"])),
        *((f"budget {each['name']}", _budget(each) + _spent(each, material)) for each in plan.get("budgets", ())),
        ("causal", _verdict(plan.get("causal"), "an output depends on earlier tokens only", "it sees later tokens")),
        ("row independent", _verdict(plan.get("row_independent"), "a sequence does not see its batch", "it does")),
    ]
    cells = "".join(f"<tr><th>{escape(name)}</th><td>{escape(text)}</td></tr>" for name, text in rows if text)
    return f"<table>{cells}</table>"


def _measured(metrics: Sequence[Mapping[str, Any]]) -> list[tuple[str, str]]:
    """What the last evaluation of training found, and what its tokens really cost."""
    last = next((line for line in reversed(metrics) if line.get("valid_loss") is not None), None)
    if last is None:
        return []
    found = [("held-out loss", f"{last['valid_loss']:.4f} nats after {last['step']:,} steps")]
    if (accuracy := last.get("valid_accuracy")) is not None:
        found.append(("accuracy", f"{accuracy:.2%}"))
    if (flops := last.get("valid_active_flops_per_token")) is not None:
        found.append(("FLOPs per token, measured", count(flops)))
    return found


def _range(numbers: Mapping[str, Any], low: str, middle: str, high: str) -> str:
    """`22.1M`, or `14.3M expected (5.1M to 18.7M)`."""
    least, most, expected = numbers[low], numbers[high], numbers.get(middle)
    if least == most:
        return count(most)
    return f"{count(expected)} expected ({count(least)} to {count(most)})" if expected is not None else (
        f"{count(least)} to {count(most)}"
    )  # fmt: skip


def _budget(each: Mapping[str, Any]) -> str:
    """`40% of the dearest choices (136k of 341k FLOPs per token), per token, by hard`"""
    unit = catalogue.get("budget", each["counts"]).unit
    allowed = f"{count(round(each['target'] * each['whole']))} of {count(each['whole'])} {unit} per token"
    return f"{each['target']:.0%} of the dearest choices ({allowed}), per {each['per']}, by {each['by']}"


def _spent(each: Mapping[str, Any], material: Material) -> str:
    """`; 30% spent at the last train step`, of a run."""
    lines = [line["budgets"][each["name"]] for line in material.metrics if each["name"] in line.get("budgets", {})]
    return f"; {lines[-1]['reached']:.0%} spent at the last train step" if lines else ""


def _verdict(value: bool | None, yes: str, no: str) -> str:
    if value is None:
        return ""
    return f"yes: {yes}" if value else f"no: {no}"


VIEW = View("summary", "In numbers", 10, _render)
