"""How many tokens a share of them is."""

from __future__ import annotations

from math import ceil

_DIGITS = 9
"""A share is a decimal in the file and a double here: 1.1 * 10 is 11.000000000000002 and means 11."""


def at_least(share: float, whole: float) -> int:
    """The smallest whole number that is at least `share` of `whole`, beyond the rounding of doubles."""
    return ceil(round(share * whole, _DIGITS))
