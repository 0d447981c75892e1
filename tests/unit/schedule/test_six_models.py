"""Parameters and FLOPs of six models, against numbers derived by hand.

A transformer block of width D without biases: attention 4 D^2, mlp 8 D^2, two gains 2 D.
Its FLOPs per token: 2 per weight of the matrices, and 4 D for each key that is seen.
Text: T tokens see (T + 1) / 2 keys on average. Images: all T.
"""

from __future__ import annotations

from fractions import Fraction
from math import comb
from pathlib import Path

import pytest

from dnac import driver

SPECS = Path(__file__).parents[3] / "specs"


def block(d: int) -> int:
    return 12 * d * d + 2 * d


def work(d: int, keys: float | Fraction) -> float | Fraction:
    return 24 * d * d + 4 * d * keys


def head_and_patches(d: int) -> Fraction:
    """224 x 224 x 3 in patches of 16, and 1000 classes once per 196 tokens."""
    return Fraction(2 * 768 * d) + Fraction(2 * d * 1000, 196)


D1, D2, L1, L2, GPT = 384, 256, 1024, 768, 1024
TEXT_KEYS = Fraction(1025, 2)
SHARE = Fraction(3, 2) / 22
"""Top-2 with 25 % skips over 22 blocks: a token chooses each block with this chance."""

MODELS = {
    "dna_vision_top1": {
        "params": (34_464_768, 22_073_088, 22_073_088, 22_073_088),
        "steps": 11, "modules": 19, "paths": 18**11, "causal": None,
        "flops": tuple(
            head_and_patches(D1) + work(D1, 196) + 11 * (work(D1, keys) + 2 * D1 * 18)
            for keys in (1, 1 + Fraction(195, 18), 196)
        ),
    },
    "dna_vision_top2_skip": {
        "params": (18_670_080, 18_670_080 - 22 * block(D2), 14_341_888, 18_670_080),
        "steps": 11, "modules": 25, "paths": comb(24, 2) ** 11, "causal": None,
        "flops": tuple(
            head_and_patches(D2) + work(D2, 196) + 11 * (blocks * work(D2, keys) + 2 * D2 * 24)
            for blocks, keys in ((0, 1), (Fraction(3, 2), 1 + 195 * SHARE), (2, 196))
        ),
    },
    "dna_lm_top1": {
        "params": (583_014_400, 406_824_960, 406_824_960, 406_824_960),
        "steps": 22, "modules": 38, "paths": 36**22, "causal": True,
        "flops": tuple(
            2 * L1 * 50257 + 2 * work(L1, TEXT_KEYS) + 22 * (work(L1, keys) + 2 * L1 * 36)
            for keys in (1, 1 + (TEXT_KEYS - 1) / 36, TEXT_KEYS)
        ),
    },
    "dna_lm_top2": {
        "params": (603_185_664, 433_279_488, 433_279_488, 433_279_488),
        "steps": 24, "modules": 74, "paths": comb(72, 2) ** 24, "causal": True,
        "flops": tuple(
            2 * L2 * 50257 + 2 * work(L2, TEXT_KEYS) + 24 * (2 * work(L2, keys) + 2 * L2 * 72)
            for keys in (1, 1 + (TEXT_KEYS - 1) / 36, TEXT_KEYS)
        ),
    },
    "gpt2_medium": {
        "params": (406_013_952,) * 4,
        "steps": 0, "modules": 24, "paths": 1, "causal": True,
        "flops": (2 * GPT * 50257 + 24 * work(GPT, TEXT_KEYS),) * 3,
    },
    "vit_small": {
        "params": (21_997_056,) * 4,
        "steps": 0, "modules": 12, "paths": 1, "causal": None,
        "flops": (head_and_patches(D1) + 12 * work(D1, 196),) * 3,
    },
}  # fmt: skip


@pytest.fixture(scope="module", params=MODELS)
def model(request: pytest.FixtureRequest):
    return request.param, driver.load(SPECS / f"{request.param}.dna").plan()


def test_parameters_are_those_derived_by_hand(model) -> None:
    name, plan = model
    params = plan["params"]
    found = (params["total"], params["active_min"], params["active_expected"], params["active_max"])
    assert found == MODELS[name]["params"]


def test_flops_are_those_derived_by_hand(model) -> None:
    name, plan = model
    flops = plan["flops_per_token"]
    assert (flops["min"], flops["expected"], flops["max"]) == tuple(map(round, MODELS[name]["flops"]))


def test_flops_of_the_schedule_sum_to_those_of_the_network(model) -> None:
    _, plan = model
    for case, whole in plan["flops_per_token"].items():
        assert abs(sum(entry["flops_per_token"][case] for entry in plan["schedule"]) - whole) <= len(plan["schedule"])


def test_steps_modules_paths_and_verdicts_are_as_declared(model) -> None:
    name, plan = model
    want = MODELS[name]
    assert (plan["routing_steps"], plan["modules"]) == (want["steps"], want["modules"])
    assert plan["paths"] == (want["paths"] if want["paths"] <= 2**53 else str(want["paths"]))
    assert (plan["causal"], plan["row_independent"]) == (want["causal"], True)


@pytest.mark.parametrize(("name", "routers"), [("dna_lm_top1", 811_008), ("dna_lm_top2", 1_327_104)])
def test_routers_take_their_share(name: str, routers: int) -> None:
    from dnac.schedule.cost import Costs

    assert sum(Costs(driver.load(SPECS / f"{name}.dna").graph).router_params.values()) == routers
