"""Golden files: what a program prints, kept as text and reviewed with the change that alters it."""

from __future__ import annotations

from difflib import unified_diff
from pathlib import Path

FOLDER = Path(__file__).parent / "golden"
UPDATE = False
"""Set by `--update-goldens`; never in CI."""


def check(name: str, text: str) -> None:
    """Compare `text` with `tests/golden/<name>`, or write it under `--update-goldens`."""
    path = FOLDER / name
    if UPDATE:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return
    if not path.exists():
        raise AssertionError(f"golden file {path} is missing; `make goldens` writes it")
    kept = path.read_text(encoding="utf-8")
    if kept != text:
        lines = unified_diff(kept.splitlines(), text.splitlines(), f"golden/{name}", "now", lineterm="")
        raise AssertionError("the output has changed (`make goldens` accepts it):\n" + "\n".join(lines))


def orphans(folder: str, wanted: set[str]) -> list[str]:
    """Golden files of a folder that no case asks for."""
    return sorted(p.name for p in (FOLDER / folder).iterdir() if p.name not in wanted)
