"""Kinds of gradient that come from what a choice earned, and not through its weight."""

from __future__ import annotations

from dataclasses import dataclass

from dnac.kinds.base import GradKind


@dataclass(frozen=True, eq=False)
class RewardKind(GradKind):
    """The choice is drawn, and the log of its chance is pushed by what the draw earned (`train.reward`)."""
