"""Pieces of a schedule, and the plain words of training."""

from __future__ import annotations

import math

import pytest
import torch

from dnac import catalogue
from dnac.ir.form import form


def value(name: str, start: float, x: float, target: float = 2.0) -> float:
    kind = catalogue.get("shape", name)
    return kind.value(kind.Params(target=target, until=0.5), start, x)


@pytest.mark.parametrize("name", catalogue.names("shape"))
def test_every_piece_ends_at_its_target(name):
    assert value(name, 1.0, 1.0) == pytest.approx(2.0)


@pytest.mark.parametrize(
    ("name", "quarter"),
    [("linear", 1.25), ("cosine", 2 - (1 + math.cos(math.pi / 4)) / 2), ("hold", 2.0), ("step", 1.0)],
)
def test_a_quarter_of_the_way(name, quarter):
    assert value(name, 1.0, 0.25) == pytest.approx(quarter)


def test_a_piece_ends_at_a_share_or_an_amount():
    Params = catalogue.get("shape", "linear").Params
    assert Params(target=1.0, until=form("steps", n=5)).until == form("steps", n=5)
    with pytest.raises(ValueError, match="less than or equal to 1"):
        Params(target=1.0, until=1.5)


def test_adamw_is_torch_s_with_the_arguments_written():
    kind = catalogue.get("optimizer", "adamw")
    weight = torch.nn.Parameter(torch.ones(2))
    made = kind.make(kind.Params(weight_decay=0.3, betas=(0.8, 0.9), eps=1e-6), [{"params": [weight], "lr": 0.5}])
    group = made.param_groups[0]
    assert type(made) is torch.optim.AdamW
    assert (group["lr"], group["weight_decay"], group["betas"], group["eps"]) == (0.5, 0.3, (0.8, 0.9), 1e-6)


def test_precisions_name_torch_types():
    for name, dtype, autocast in (
        ("fp32", "float32", None),
        ("bf16", "float32", "bfloat16"),
        ("fp64", "float64", None),
    ):
        kind = catalogue.get("precision", name)
        assert (kind.dtype, kind.autocast) == (dtype, autocast)
        assert isinstance(getattr(torch, kind.dtype), torch.dtype)
