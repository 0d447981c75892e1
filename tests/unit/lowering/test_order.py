"""Rows in order of their modules, counted by our kernels: as a stable sort has them."""

from __future__ import annotations

import os

import pytest
import torch

from dnac.lowering.rows import sort_rows


def require_the_sorted_order(ids: torch.Tensor, runs: tuple[int, ...], slots: int) -> None:
    from dnac.lowering.kernels.order import counted_rows

    found, wanted = counted_rows(ids, runs, slots), sort_rows(ids, runs, slots)
    for name in wanted._fields:
        a, b = getattr(found, name), getattr(wanted, name)
        assert a.dtype == b.dtype, name
        assert torch.equal(a, b), name


CASES = {
    "many rows": ((4, 100, 2), 7, (0, 2, 3, 6)),
    "one row": ((1, 1, 1), 3, (1,)),
    "a block and one": ((1, 129, 1), 4, (3, 1, 0)),
    "all the modules": ((2, 70, 3), 40, tuple(range(40))),
}


@pytest.mark.skipif(os.environ.get("TRITON_INTERPRET") != "1", reason="counting is a Triton kernel")
@pytest.mark.parametrize("name", CASES)
def test_counting_orders_rows_as_a_stable_sort_does(name: str) -> None:
    shape, slots, runs = CASES[name]
    torch.manual_seed(0)
    require_the_sorted_order(torch.randint(-1, slots, shape), runs, slots)
    require_the_sorted_order(torch.full(shape, -1), runs, slots)
    require_the_sorted_order(torch.full(shape, runs[-1]), runs, slots)


@pytest.mark.gpu
@pytest.mark.parametrize(("shape", "slots"), [((32, 1024, 1), 17), ((32, 1024, 2), 65), ((3, 77, 2), 5)])
def test_on_a_gpu_counting_orders_rows_as_a_stable_sort_does(shape: tuple[int, ...], slots: int) -> None:
    torch.manual_seed(0)
    ids = torch.randint(-1, slots, shape, device="cuda")
    require_the_sorted_order(ids, tuple(range(slots - 1)), slots)
    require_the_sorted_order(torch.zeros_like(ids), tuple(range(slots - 1)), slots)
