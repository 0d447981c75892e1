"""The long text of each diagnostic code: one page `explain/DNAxxx.md` for each."""

from __future__ import annotations

from pathlib import Path

_FOLDER = Path(__file__).parent / "explain"


class NoPage(KeyError):
    """No diagnostic has this code."""


def codes() -> tuple[str, ...]:
    """All codes that have a page, in order."""
    return tuple(sorted(path.stem for path in _FOLDER.glob("DNA[0-9][0-9][0-9].md")))


def page(code: str) -> str:
    """The page of a code, as Markdown; `DNA201`, `dna201` and `201` name the same.

    Raises:
        NoPage: no diagnostic has this code.
    """
    name = code.strip().upper()
    name = name if name.startswith("DNA") else f"DNA{name}"
    if name not in codes():
        raise NoPage(code)
    return (_FOLDER / f"{name}.md").read_text(encoding="utf-8")


def title(code: str) -> str:
    """The first heading of a page, without its code: what the code stands for, in a few words."""
    first = page(code).split("\n", 1)[0]
    return first.lstrip("# ").removeprefix(code.upper()).lstrip(": ")
