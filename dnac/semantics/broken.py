"""Faults that may only follow from others: a syntax error left something out, a misspelt name means another one."""

from __future__ import annotations

import re
from collections.abc import Sequence

from dnac.semantics.wrong import Ledger
from dnac.syntax import ast
from dnac.text.diagnostic import Diagnostic

OF_THE_FILE = ("DNA206", "DNA209", "DNA215", "DNA216", "DNA403", "DNA509", "DNA562")
"""Something is not used, or not there: the broken statement may use it, or be it."""
OF_THE_ITEM = (
    "DNA302", "DNA405", "DNA409", "DNA410", "DNA501", "DNA502", "DNA503", "DNA504", "DNA507", "DNA516", "DNA518",
    "DNA525",
)  # fmt: skip
"""Something is missing in the item that holds the broken statement."""
OF_THE_NAME = ("DNA201", "DNA202", "DNA207", "DNA520")
"""A name is not known that the broken line holds too."""

_WORD = re.compile(r"\w+")
_SUGGESTED = re.compile(r"did you mean `(\w+)`")


def untouched(names: Sequence[str], syntax: Sequence[Diagnostic], file: ast.File) -> list[str]:
    """The nets that no syntax error can have changed: neither in them, nor in what they are derived from."""
    places = [d.span for d in syntax if d.span is not None]
    bases = {i.name.text: i.base.head.text for i in file.items if isinstance(i, ast.Derive)}
    touched = set[str]()
    for place in places:
        item = next((i for i in file.items if i.span.start <= place.start <= i.span.end), None)
        if not isinstance(item, (ast.Net, ast.Derive)):
            return []  # a recipe, a param, or a line that could not be read at all: any net may use it
        touched.add(item.name.text)

    def is_touched(name: str) -> bool:
        seen = set[str]()
        while name in bases and name not in touched and name not in seen:
            seen.add(name)
            name = bases[name]
        return name in touched

    return [name for name in names if not is_touched(name)]


def drop_suggested(bag: Ledger) -> None:
    """Take out that a name is never used where another fault says that a misspelt name may mean it.

    Also what a word lacks that was meant as a name and cannot be one, that a router routes twice whose step took
    the name of another, and that a tap finds no head in a net that has none.
    """
    meant = {name for d in bag.items if d.code in OF_THE_NAME for name in _SUGGESTED.findall(d.help)}
    reserved = {d.span.text for d in bag.items if d.code == "DNA205" and d.span is not None}
    twice = {d.span.text for d in bag.items if d.code == "DNA203" and d.span is not None}
    follows = {"DNA206": meant | reserved, "DNA301": reserved, "DNA302": reserved}
    bag.items = [d for d in bag.items if d.span is None or d.span.text not in follows.get(d.code, ())]
    if any(d.code == "DNA403" and "no head" in d.message for d in bag.items):
        bag.items = [d for d in bag.items if d.code != "DNA558"]
    bag.items = [d for d in bag.items if d.code != "DNA515" or not twice.intersection(_WORD.findall(d.message))]


def drop_followers(bag: Ledger, syntax: Sequence[Diagnostic], file: ast.File) -> None:
    """Take faults out of the bag that the syntax errors may explain."""
    places = [d.span for d in syntax if d.span is not None]
    broken = [item.span for item in file.items if any(item.span.start <= p.start <= item.span.end for p in places)]
    names = {word for place in places for word in _WORD.findall(place.source.line_text(place.line))}

    def follows(fault: Diagnostic) -> bool:
        if fault.span is not None and any(p.start < fault.span.end and fault.span.start < p.end for p in places):
            return fault not in syntax
        if fault.code in OF_THE_FILE:
            return True
        if fault.code in OF_THE_ITEM:
            return any(fault.span is not None and b.start <= fault.span.start <= b.end for b in broken)
        return fault.code in OF_THE_NAME and fault.span is not None and fault.span.text in names

    bag.items = [fault for fault in bag.items if not follows(fault)]
