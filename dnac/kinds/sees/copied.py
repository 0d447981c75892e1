"""`copied`: keys of tokens of the same module and step, and of all that have left, from the `h` they left with.

As in CALM (arXiv 2207.07061), where the state of a token that left is copied to the layers that it skips.
Behind a way out with this word, modules without a router see so too.
"""

from __future__ import annotations

from dnac.kinds.base import Kind

KIND = Kind(
    name="copied",
    summary="As `peers`, and the keys that tokens which have left make from the `h` they left with (CALM, "
    "arXiv 2207.07061).",
)
