"""Many names on one line: `hop[0:24]` for `hop[0] hop[1] ... hop[23]`."""

from __future__ import annotations

import re
from collections.abc import Sequence

_INDEX = re.compile(r"\[(\d+)\]")
_RANGE = re.compile(r"\[(\d+):(\d+)\]")


def join_names(names: Sequence[str]) -> str:
    """The names with one counting index as a range, else one after the other."""
    for place in range(len(_INDEX.findall(names[0])) if len(names) > 1 else 0):
        start = int(_INDEX.findall(names[0])[place])
        if all(name == _with_index(names[0], place, str(start + i)) for i, name in enumerate(names)):
            return _with_index(names[0], place, f"{start}:{start + len(names)}")
    return " ".join(names)


def split_names(text: str) -> list[str]:
    """The names that `join_names` put on a line."""
    found: list[str] = []
    for word in text.split():
        if place := _RANGE.search(word):
            found += [f"{word[: place.start()]}[{i}]{word[place.end() :]}" for i in range(int(place[1]), int(place[2]))]
        else:
            found.append(word)
    return found


def _with_index(name: str, place: int, text: str) -> str:
    """The name with its index number `place` replaced."""
    spans = [match.span(1) for match in _INDEX.finditer(name)]
    start, end = spans[place]
    return f"{name[:start]}{text}{name[end:]}"
