"""How much each layer changes the stream: |increment| / |stream| by branch and token (Radial, arXiv 2404.04900).

    ratio = |f(x)| / |x|        share = |f(x)| / |x + f(x)|

x: the residual stream that the branch f joins, as the parts before it left it; norms are Euclidean, over the width. A
layer of small ratio is the one to leave out. The paper's own norm is not known to us; both common readings are given.
In a pool that owns its norm, x is that norm of the stream.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from dnac.lowering.network import Network
from dnac.lowering.ops_rows import RowSet
from dnac.lowering.rows import from_bank

QUANTILES = {"low": 0.1, "median": 0.5, "high": 0.9}


@dataclass
class Branch:
    """One part of one module, at one place of the net."""

    site: str
    module: str
    part: str
    ratios: list[Tensor] = field(default_factory=list[Tensor])
    """[n] float32, one for each token that ran here."""
    shares: list[Tensor] = field(default_factory=list[Tensor])

    @property
    def name(self) -> str:
        """`hop[3]: layers.block[2].mlp`; steps name themselves once."""
        of = self.module if self.site in ("", self.module) else f"{self.site}: {self.module}"
        return f"{of}.{self.part}" if self.part else of

    def row(self) -> dict[str, Any]:
        """The branch in numbers."""
        ratios, shares = torch.cat(self.ratios), torch.cat(self.shares)
        found = {name: _quantile(ratios, q) for name, q in QUANTILES.items()}
        names = {"site": self.site, "module": self.module, "part": self.part, "name": self.name}
        return {**names, "tokens": len(ratios), "mean": float(ratios.mean()), **found,
                "share": _quantile(shares, 0.5)}  # fmt: skip


class Profile:
    """Collects the increments of forward passes. Give it to a call as `watch`."""

    def __init__(self) -> None:
        self.branches: dict[tuple[str, str, str], Branch] = {}
        self.first: dict[str, list[float]] = {}
        """Branch to the ratios of the first sequence's tokens (NaN where a token did not run there)."""

    def __call__(self, site: str, modules: tuple[str, ...], part: str, x: Tensor, d: Tensor, rows: object) -> None:
        """One part of some modules."""
        before, change, after = (_norm(v) for v in (x, d, x + d))
        ratio, share = change / before.clamp(min=1e-30), change / after.clamp(min=1e-30)
        if not isinstance(rows, RowSet):
            ratio, share = ratio[..., None], share[..., None]
            self._keep(site, modules[0], part, ratio, share, torch.ones_like(ratio, dtype=torch.bool))
            return
        module = rows.module_BR.unflatten(1, (-1, rows.K))
        ratio, share = (from_bank(v[:, None], rows.rows)[:, 0].view(module.shape) for v in (ratio, share))
        for number, name in zip(rows.numbers, modules, strict=True):
            self._keep(site, name, part, ratio, share, module == number)

    def rows(self) -> list[dict[str, Any]]:
        """All branches in the order in which they ran."""
        return [branch.row() for branch in self.branches.values()]

    def tokens(self) -> dict[str, list[float | None]]:
        """Of the first sequence: for each branch the ratio of each token, None where it did not run."""
        return {name: [None if r != r else r for r in found] for name, found in self.first.items()}

    def _keep(self, site: str, module: str, part: str, ratio: Tensor, share: Tensor, here: Tensor) -> None:
        """What ran here, of all [B, T, choices of a token]; a token takes a module at most once a step."""
        if not bool(here.any()):
            return
        branch = self.branches.setdefault((site, module, part), Branch(site, module, part))
        branch.ratios.append(ratio[here].float().cpu())
        branch.shares.append(share[here].float().cpu())
        if branch.name not in self.first:
            of_tokens = torch.where(here, ratio, -1.0)[0].amax(-1)
            self.first[branch.name] = torch.where(of_tokens < 0, torch.nan, of_tokens).float().tolist()


@torch.no_grad()
def profile(network: Network, batches: Iterable[Tensor], **given: Any) -> Profile:
    """Residual ratios over some batches of inputs. `network` must be eager, and lowered at O1 or less, so that every
    turn of a repeat has its own name; `given` goes to the call (`seeds`).
    """
    found, was = Profile(), network.training
    network.eval()
    for inputs in batches:
        network(inputs, watch=found, **given)
    network.train(was)
    return found


def least(rows: Iterable[dict[str, Any]], count: int, *, of: str = "median") -> Iterator[str]:
    """The modules (sites) to leave out first: the smallest sum of their branches' ratios."""
    total: dict[str, float] = {}
    for row in rows:
        total[row["site"]] = total.get(row["site"], 0.0) + row[of]
    yield from sorted(total, key=lambda site: total[site])[:count]


def _norm(x: Tensor) -> Tensor:
    return torch.linalg.vector_norm(x.float(), dim=-1)


def _quantile(values: Tensor, q: float) -> float:
    """torch.quantile refuses more than 16 million values; a k-th smallest one does not."""
    return float(values.kthvalue(1 + round(q * (len(values) - 1))).values)
