"""`naive`: a Python loop over modules with boolean selection, eager, as a researcher writes it first."""

from __future__ import annotations

from dnac.bench.base import Baseline
from dnac.bench.naive import program

BASELINE = Baseline(
    name="naive",
    summary="a Python loop over modules with boolean selection, eager, as a researcher writes it first",
    build=program,
    takes_routes=True,
)
