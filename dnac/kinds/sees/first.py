"""`first`: keys that the same module made at the first routing step at which it could run.

The recursive sharing of keys and values of Mixture-of-Recursions (Bae et al., arXiv 2507.10524, section 2.2): later
turns of a loop look at those of the first one, so a cache holds one turn. A token that sees none of them gets nothing.
"""

from __future__ import annotations

from dnac.kinds.base import Kind

KIND = Kind(
    name="first",
    summary="Keys that the same module made at the first step at which it could run (arXiv 2507.10524).",
)
