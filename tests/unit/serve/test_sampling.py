"""Sampling: which tokens can come, how often, and that seeds repeat."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from dnac.serve.sampling import Sampling, draw, probabilities

LOGITS = torch.tensor([0.0, 2.0, 1.0, 2.0, -torch.inf])


def test_zero_temperature_takes_the_first_of_the_largest() -> None:
    assert probabilities(LOGITS, Sampling(temperature=0)).tolist() == [0, 1, 0, 0, 0]


def test_temperature_divides_logits() -> None:
    expected = (LOGITS.double() / 0.5).softmax(-1)
    assert torch.allclose(probabilities(LOGITS, Sampling(temperature=0.5)), expected, atol=1e-12)


@pytest.mark.parametrize(("k", "kept"), [(1, [1]), (2, [1, 3]), (3, [1, 2, 3]), (9, [0, 1, 2, 3])])
def test_top_k_keeps_the_k_largest(k: int, kept: list[int]) -> None:
    found = probabilities(LOGITS, Sampling(top_k=k))
    assert found.nonzero().flatten().tolist() == kept and found.sum() == pytest.approx(1)


@pytest.mark.parametrize(
    ("p", "kept"), [(0.05, [0]), (0.4, [0]), (0.41, [0, 1]), (0.95, [0, 1, 2, 3]), (1.0, [0, 1, 2, 3])]
)
def test_top_p_keeps_the_fewest_that_reach_p(p: float, kept: list[int]) -> None:
    logits = torch.tensor([0.4, 0.3, 0.2, 0.1]).log()
    found = probabilities(logits, Sampling(top_p=p))
    assert found.nonzero().flatten().tolist() == kept
    expected = torch.tensor([0.4, 0.3, 0.2, 0.1])[: len(kept)].double()
    assert torch.allclose(found[: len(kept)], expected / expected.sum(), atol=1e-6)


def test_draws_follow_the_probabilities() -> None:
    random = torch.Generator().manual_seed(0)
    logits = torch.tensor([0.5, 0.3, 0.2]).log()
    seen = torch.tensor([draw(logits, Sampling(), random) for _ in range(4000)]).bincount(minlength=3) / 4000
    assert (seen - torch.tensor([0.5, 0.3, 0.2])).abs().max() < 0.03


def test_equal_seeds_draw_alike() -> None:
    def drawn(seed: int) -> list[int]:
        random = torch.Generator().manual_seed(seed)
        return [draw(torch.zeros(50), Sampling(), random) for _ in range(20)]

    assert drawn(1) == drawn(1) != drawn(2)


def test_a_token_that_cannot_come_never_does() -> None:
    class Edge(torch.Generator):
        pass

    logits: Tensor = torch.tensor([-torch.inf, 0.0, -torch.inf, 0.0, -torch.inf])
    random = Edge().manual_seed(3)
    assert {draw(logits, Sampling(), random) for _ in range(200)} == {1, 3}


@pytest.mark.parametrize("wrong", [{"temperature": -1.0}, {"top_k": 0}, {"top_p": 0.0}, {"top_p": 1.5}])
def test_values_out_of_range_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="must be"):
        Sampling(**wrong)  # type: ignore[arg-type]
