"""Faults that are found once the data is open get the place in the file that they concern."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace

from dnac.text.diagnostic import Bag, Diagnostic, Faults, Label
from dnac.text.source import Span

_ABOUT_THE_INPUT = ("DNA623", "DNA624", "DNA625", "DNA626")
"""What the net takes is said by its input, too."""
_FIELD = re.compile(r"`(\w+)")


@contextmanager
def at(places: Mapping[str, Span], field: str = "") -> Iterator[None]:
    """Give faults without a place that of a field of the train block; without `field`, of the one that they name.

    Raises:
        Faults: those of the body, with their places.
    """
    try:
        yield
    except Faults as faults:
        raise Faults(Bag([_placed(fault, places, field) for fault in faults.bag])) from faults


def _placed(fault: Diagnostic, places: Mapping[str, Span], field: str) -> Diagnostic:
    if fault.span is not None:
        return fault
    named = field or next((word for word in _FIELD.findall(fault.message) if word in places), "")
    span = places.get(named)
    labels = fault.labels
    if fault.code in _ABOUT_THE_INPUT and "input" in places:
        labels = (*labels, Label(places["input"], "the net takes this"))
    return fault if span is None else replace(fault, span=span, labels=labels)
