"""What a lowering gives to kinds: operations on rows, and what a score may use besides the view."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple, Protocol

from dnac.ir.form import Form

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor


class Heads(NamedTuple):
    """The heads of one attention."""

    queries: int
    """H"""
    keys: int
    """G, heads of keys and values; each serves H / G query heads."""
    width: int
    """E"""


class Ops(Protocol):
    """Operations on rows, given by a lowering. Kinds use these and nothing else of a lowering, so
    one `forward` serves one module on every token (reference) and a bank of modules on sorted rows.
    """

    @property
    def training(self) -> bool:
        """Whether dropout acts."""
        ...

    def linear(self, x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
        """[..., I] times the row's own module's weight [I, O], plus its bias."""
        ...

    def norm(self, x: Tensor, kind: Form, gain: Tensor | None) -> Tensor:
        """Layer, rms or no norm over the last axis, times the row's own module's gain."""
        ...

    def normed_linear(self, x: Tensor, kind: Form, weights: Mapping[str, Tensor], name: str) -> Tensor:
        """`linear` of `norm`: the weight `name` with its bias `<name>_bias`, and the gain `norm`, where
        the module has them. One operation, so that a lowering may fold the gain into the weight.
        """
        ...

    def activate(self, x: Tensor, kind: Form) -> Tensor:
        """An activation over the last axis; a gated one halves it."""
        ...

    def feed_forward(self, x: Tensor, norm: Form, weights: Mapping[str, Tensor], activation: Form) -> Tensor:
        """`linear` by `down` of `activate` of `normed_linear` by `up`: an mlp as one operation."""
        ...

    def attend(
        self,
        x: Tensor,
        project: Callable[[Tensor, Ops], Tensor],
        heads: Heads,
        *,
        positions: Form,
        causal: bool,
        window: int | None,
    ) -> Tensor:
        """The one seam through which tokens mix. `project(rows, ops) -> [..., (H + 2 G) E]`: queries,
        keys and values side by side, not yet turned by `positions`. The lowering decides which rows
        give keys and values (`sees`, a cache) and returns [..., H, E] for the rows of x.
        """
        ...

    def look_up(self, table: Tensor, ids: Tensor) -> Tensor:
        """The rows of table [V, D] that ids [...] name: [..., D]; gradients have the same bits on every run."""
        ...

    def own(self, x: Tensor, values: Tensor) -> Tensor:
        """x [..., D] times the row's own module's vector [D], feature by feature."""
        ...

    def neighbours(self, x: Tensor, at: Callable[[Tensor], Tensor]) -> Tensor:
        """[..., W] to [..., n, W]: the rows of this module at n other positions of the sequence; zero where the
        token there is not in this module at this routing step, or where there is none. `at` gives the positions
        [T, n] that each of the positions [T] int64 looks at; those outside 0..T-1 stand for none.
        """
        ...

    def together(self, x: Tensor, mix: Callable[[Tensor, Tensor | None], Tensor], *, causal: bool) -> Tensor:
        """[..., W] to [..., V]: `mix` is given the rows of each sequence, [B, J, W], and which of them each row sees,
        [B or 1, J, J] bool or None for all: those of its own module at this routing step, no later ones if
        causal. A row that sees none may give anything finite.
        """
        ...

    def dropout(self, x: Tensor, rate: float, branch: str) -> Tensor:
        """Drop features while training; drawn per (seed, step, site, module, sample, position)."""
        ...

    def drop_layer(self, x: Tensor, rate: float | Form) -> Tensor:
        """Nothing for a share `rate` of the sequences while training; drawn per (seed, step, site, module, sample),
        so that all parts of a module agree.
        """
        ...

    def positions(self) -> Tensor:
        """Position in its sequence of each row: int64, shape of the rows without features."""
        ...


class RouterOps(Protocol):
    """What a score may use besides the view: token ids, and counter-based random numbers."""

    @property
    def training(self) -> bool:
        """Whether noise acts."""
        ...

    @property
    def candidates(self) -> int:
        """M, the number of scored candidates."""
        ...

    def linear(self, x: Tensor, weight: Tensor) -> Tensor:
        """[..., I] times [I, O] in the full precision of its dtype: no autocast, no TF32. Scores use
        this and never `@`.
        """
        ...

    def linear_by(self, x: Tensor, weights: Tensor, which: Tensor) -> Tensor:
        """[B, T, I] times each token's own matrix of [P, I, O], in the full precision of its dtype; `which`
        [B, T] int64 says whose.
        """
        ...

    def turn(self) -> Tensor | int:
        """How often this router has been used before in the network."""
        ...

    def last(self) -> Tensor:
        """[B, T] int64: the candidate that the token has just left; the number of candidates: none yet."""
        ...

    def before(self) -> Tensor | None:
        """[B, T, D] the stream at the halting step before this one, without gradient; None at the first."""
        ...

    def logits(self, x: Tensor) -> Tensor:
        """[B, T, D] to the logits of the head that the score names, in the gates' dtype, without gradient."""
        ...

    def token_ids(self) -> Tensor:
        """Token id (text) or position (image) of each token: [B, T] int64."""
        ...

    def uniform(self, last: int, purpose: str) -> Tensor:
        """[B, T, last] in (0, 1), drawn per (seed, train step, router, sample, position)."""
        ...
