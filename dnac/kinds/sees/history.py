"""`history`: keys of every pair (token, step) of the same sequence that attended at this or an earlier routing step.

The unified cache of Radial Networks (arXiv 2404.04900): one cache for the whole network, in which each pair stands with
the keys and values that its own module made. All routing steps that say `history` share it.
"""

from __future__ import annotations

from dnac.kinds.base import Kind

KIND = Kind(
    name="history",
    summary="Keys of every (token, step) so far, whichever module made them (Radial Networks, arXiv 2404.04900).",
)
