"""A difference of two networks for people: what changed, grouped where turns of a repeat changed alike."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

_TURN = re.compile(r"(?<=\w)\[\d+\]|(?<=\.)\d+(?=\.)")


def render_diff(found: Mapping[str, Any]) -> str:
    """The result of `schedule.diff.diff` as text, ending in a line break: `-` only in a, `+` only in b, `~` changed."""
    title = f"{found['a']} -> {found['b']}"
    if found["equal"]:
        return f"{title}: equal\n"
    blocks = [
        ("input", [f"~ {_change(key, both)}" for key, both in found["input"].items()]),
        *((name, _table(found[name])) for name in ("shared", "modules", "routers", "budgets")),
        ("steps", _steps(found["steps"])),
        ("totals", _totals(found["totals"])),
        ("checkpoint", _weights(found["weights"])),
    ]
    lines = [title]
    for name, rows in blocks:
        if rows:
            lines += [name, *(f"  {row}" for row in rows)]
    return "\n".join(lines) + "\n"


def _table(table: Mapping[str, Any]) -> list[str]:
    rows = [f"- {name}" for name in _grouped(table["removed"])] + [f"+ {name}" for name in _grouped(table["added"])]
    alike: dict[tuple[str, str], int] = {}
    for name, fields in table["changed"].items():
        for key, both in fields.items():
            at = (_pattern(name), _change(key, both))
            alike[at] = alike.get(at, 0) + 1
    return rows + [f"~ {name}{_times(count)}: {change}" for (name, change), count in alike.items()]


def _change(key: str, both: list[str | None]) -> str:
    old, new = ("nothing" if value is None else value for value in both)
    return f"{key} {old} -> {new}"


def _steps(edits: Iterable[Mapping[str, Any]]) -> list[str]:
    removed = [step for edit in edits for step in edit["removed"]]
    added = [step for edit in edits for step in edit["added"]]
    return [f"- {step}" for step in _grouped(removed)] + [f"+ {step}" for step in _grouped(added)]


def _totals(totals: Mapping[str, list[Any]]) -> list[str]:
    changed = {key: both for key, both in totals.items() if both[0] != both[1]}
    wide = max((len(key) for key in changed), default=0)
    return [f"{key:{wide}}  {_number(a)} -> {_number(b)}{_share(key, a, b)}" for key, (a, b) in changed.items()]


def _weights(weights: Mapping[str, Any]) -> list[str]:
    kept, reshaped = weights["kept"], weights["reshaped"]
    rows = [f"{len(kept)} tensors keep name and shape"]
    rows += [f"~ {row}" for row in _grouped(f"{key} {old} -> {new}" for key, (old, new) in reshaped.items())]
    rows += [f"- {name}" for name in _grouped(weights["only_a"])]
    return rows + [f"+ {name}" for name in _grouped(weights["only_b"])]


def _grouped(names: Iterable[str]) -> list[str]:
    """Names that differ in their turn alone, once, with how many there are."""
    counts: dict[str, list[str]] = {}
    for name in names:
        counts.setdefault(_pattern(name), []).append(name)
    return [each[0] if len(each) == 1 else pattern + _times(len(each)) for pattern, each in counts.items()]


def _pattern(name: str) -> str:
    return _TURN.sub(lambda turn: "[]" if turn[0].startswith("[") else "*", name)


def _times(count: int) -> str:
    return f" ({count} times)" if count > 1 else ""


def _number(value: object) -> str:
    return f"{value:,}" if isinstance(value, int) else f"about 10^{len(str(value)) - 1}"


def _share(key: str, a: object, b: object) -> str:
    if key == "paths" or not isinstance(a, int) or not isinstance(b, int) or not a:
        return ""
    return f" ({100 * (b - a) / a:+.1f} %)"
