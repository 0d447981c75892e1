"""`lookups`: an unlimited stream in which every scored token needs a known number of look-ups, one after another.

    x a b c = y y y     with  y = T_c(T_b(T_a(x)))

T_a, T_b, ... are fixed random permutations of the values, the same in training and held-out data, so they must
be learned; which are asked for is drawn anew each time, so their chains cannot be. The difficulty of the first y
is the number of its look-ups, that of each copy is 0; x and the tables' names are drawn freely and are no
targets. Look-ups do not commute: no sum over the context takes their place. (A net may still halve a chain: tables
can be composed pairwise, in about log2 of so many steps; Liu et al., arXiv 2210.10749.) A new chain begins where
one ends, and each token depends on earlier ones alone.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from dnac.data.base import Dataset, DatasetKind, Place
from dnac.kinds.base import Params


class LookupsParams(Params):
    """`lookups(train, depth = 8)`."""

    split: Literal["train", "valid"]
    """Both are unlimited and drawn apart; the tables are the same."""
    depth: int = Field(default=8, ge=1, le=64)
    """Look-ups of a chain are drawn from 1 to this, evenly."""
    values: int = Field(default=16, ge=2, le=4096)
    """What a table maps to what."""
    tables: int = Field(default=16, ge=1, le=4096)
    """Permutations of the values. Ids: values, then tables, then `=`."""
    copies: int = Field(default=2, ge=0, le=64)
    """How often an answer is repeated: tokens that need no look-up."""
    samples: int = Field(default=4096, gt=0)
    """What `epochs(1)` means, and how many held-out samples an evaluation goes through. Training never repeats one."""
    seed: int = 0
    """Other tables and other chains: say the same in `data` and `valid`."""


def _open(params: LookupsParams, place: Place) -> Dataset:
    from dnac.data.chains import Chains

    return Chains(params, place)


DATASET = DatasetKind("lookups", "chains of table look-ups of known length, unlimited", LookupsParams, open=_open)
