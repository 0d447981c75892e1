"""Numbers of a plan for people."""

from __future__ import annotations

from collections.abc import Sequence


def bytes_text(n: float) -> str:
    """`94.4 KiB`."""
    for unit, size in (("TiB", 2**40), ("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10)):
        if n >= size:
            return f"{n / size:.1f} {unit}"
    return f"{n:.0f} B"


def count_text(n: float) -> str:
    """`989 T`, `4.8 T`, `31.2 k`: three digits and a unit."""
    for unit, size in (("P", 1e15), ("T", 1e12), ("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if n >= size:
            return f"{n / size:.3g} {unit}"
    return f"{n:.3g} "


def ms_text(ms: float | None) -> str:
    """Three digits; nothing where it is not known."""
    if ms is None:
        return ""
    return f"{ms:,.0f}" if ms >= 1000 else f"{ms:.3g}" if ms >= 0.001 else "0"


def share_text(part: float | None, whole: float | None) -> str:
    """`12 %`; nothing where there is none."""
    if not part or not whole:
        return ""
    percent = 100 * part / whole
    return f"{percent:.0f} %" if percent >= 0.5 else "<1 %"


def table(rows: Sequence[tuple[str, ...]], *, indent: int, left: int = 99) -> list[str]:
    """Columns aligned: the first `left` to the left, others to the right, the last as it is."""
    wide = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    cells = (
        [*(f"{row[i]:<{w}}" if i < left else f"{row[i]:>{w}}" for i, w in enumerate(wide[:-1])), row[-1]]
        for row in rows
    )
    return [" " * indent + "  ".join(line).rstrip() for line in cells]
