"""Activations of an mlp; all take the same argument."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from dnac.kinds.params import Params, SizeUnit


class HiddenParams(Params):
    """Where an activation stands for a whole mlp, as in `transformer(mlp = swiglu(1536))`."""

    hidden: Annotated[int, SizeUnit(), Field(gt=0)] | None = None
    """Units between the two projections, `4x` for times the width. Unsaid: `4x`."""
