"""Grouped products: values, gradients, dead rows, empty groups, both implementations."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from dnac.lowering import gmm as module
from dnac.lowering.gmm import gmm, gmm_w, gmm_w_joined, grouped_linear, gsum, summed_by_membership

ENDS = [0, 3, 3, 6]
"""Groups of 0, 3, 0 and 3 rows; rows 6 and 7 are dead."""


def case(dtype: torch.dtype = torch.float64, inner: int = 5, outer: int = 3) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(8, inner, generator=generator, dtype=torch.float64).to(dtype)
    weight = torch.randn(4, inner, outer, generator=generator, dtype=torch.float64).to(dtype)
    return x, weight, torch.tensor(ENDS, dtype=torch.int32)


def by_rows(x: Tensor, weight: Tensor) -> Tensor:
    """Row by row, with the group of each row written out."""
    groups = [1, 1, 1, 3, 3, 3]
    live = torch.stack([x[row] @ weight[group] for row, group in enumerate(groups)])
    return torch.cat((live, live.new_zeros(2, live.shape[1])))


@pytest.mark.parametrize("product", [gmm, grouped_linear])
def test_each_row_takes_the_matrix_of_its_group(product) -> None:
    x, weight, ends = case()
    assert torch.allclose(product(x, weight, ends), by_rows(x, weight), rtol=0, atol=1e-14)


@pytest.mark.parametrize("product", [gmm, grouped_linear])
def test_gradients_are_right_and_so_are_their_own(product) -> None:
    x, weight, ends = case()
    inputs = x.requires_grad_(), weight.requires_grad_(), ends
    assert torch.autograd.gradcheck(product, inputs)
    assert torch.autograd.gradgradcheck(product, inputs)


def test_one_matrix_for_all_rows_is_a_plain_product_and_dead_rows_are_zero() -> None:
    x, weight, _ = case()
    for live in (8, 5):
        found = grouped_linear(x, weight[:1], torch.tensor([live], dtype=torch.int32))
        assert torch.allclose(found[:live], x[:live] @ weight[0]) and (found[live:] == 0).all()


@pytest.mark.parametrize("sizes", [(8, 12), (5, 3)])
def test_float32_agrees_with_float64_whichever_loop_runs(sizes: tuple[int, int]) -> None:
    """Sizes that are multiples of 4 run ATen's loop; the gradient that comes is one number, spread without memory."""
    found = []
    for dtype in (torch.float32, torch.float64):
        x, weight, ends = case(dtype, *sizes)
        x[6:] = float("nan")
        y = grouped_linear(x.requires_grad_(), weight.requires_grad_(), ends)
        y.sum().backward()
        found.append([t.detach().double() for t in (y, x.grad, weight.grad)])
    assert all(torch.allclose(a, b, atol=1e-5) for a, b in zip(*found, strict=True))


def test_weight_products_are_right_and_so_are_their_gradients() -> None:
    x, _, ends = case()
    y = torch.randn(8, 3, dtype=torch.float64)
    found = gmm_w(x, y, ends)
    assert torch.allclose(found[1], x[:3].T @ y[:3]) and torch.allclose(found[3], x[3:6].T @ y[3:6])
    assert (found[0] == 0).all() and (found[2] == 0).all()
    assert torch.autograd.gradcheck(gmm_w, (x.requires_grad_(), y.requires_grad_(), ends))


def test_joined_products_are_the_sum_of_those_of_each_step() -> None:
    x, _, ends = case()
    y = torch.randn(8, 3, dtype=torch.float64)
    other = torch.tensor([2, 2, 2, 8], dtype=torch.int32)
    found = gmm_w_joined([x, x], [y, y * 2], [ends, other])
    assert torch.allclose(found, gmm_w(x, y, ends) + gmm_w(x, y * 2, other), rtol=0, atol=1e-13)
    assert (found[2] == 0).all()


def test_sums_go_by_group_and_skip_dead_rows() -> None:
    y = torch.arange(16.0).reshape(8, 2)
    expected = torch.stack((torch.zeros(2), y[:3].sum(0), torch.zeros(2), y[3:6].sum(0)))
    assert torch.equal(gsum(y, torch.tensor(ENDS, dtype=torch.int32)), expected)


def test_bf16_sums_accumulate_in_float32() -> None:
    y = torch.full((1000, 1), 1.0, dtype=torch.bfloat16)
    assert float(gsum(y, torch.tensor([1000], dtype=torch.int32))[0, 0]) == 1000.0


@pytest.mark.parametrize("op", [gmm, gmm_w])
def test_what_torch_is_told_about_the_operators_is_true(op) -> None:
    x, weight, ends = case(inner=4, outer=4)
    second = weight if op is gmm else torch.randn(8, 4, dtype=torch.float64)
    torch.library.opcheck(op, (x.requires_grad_(), second.requires_grad_(), ends))


# --- dead rows --------------------------------------------------------------------------------


@pytest.fixture
def poisoned(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fresh memory holds NaN, and ATen's product leaves NaN where it computes nothing."""
    empty, product = torch.empty, F.grouped_mm

    def nan_empty(*args, **kwargs):
        made = empty(*args, **kwargs)
        return made.fill_(float("nan")) if made.is_floating_point() else made

    def nan_product(a: Tensor, b: Tensor, *, offs: Tensor) -> Tensor:
        out = product(a, b, offs=offs).clone()
        if b.dim() == 3:
            out[int(offs[-1]) :] = float("nan")
        else:  # a device that leaves garbage in empty groups
            out[torch.diff(offs, prepend=offs.new_zeros(1)) == 0] = float("nan")
        return out

    monkeypatch.setattr(module.torch, "empty", nan_empty)
    monkeypatch.setattr(module.F, "grouped_mm", nan_product)


@pytest.fixture(params=["loop", "aten"])
def path(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Both implementations, on the CPU."""
    monkeypatch.setattr(module, "_suits_aten", lambda *_: request.param == "aten")
    return request.param


def test_dead_rows_are_zero_whatever_memory_held(poisoned: None, path: str) -> None:
    x, weight, ends = case(torch.bfloat16, 8, 8)
    x[6:] = float("nan")
    for _ in range(2):
        a, b = x.clone().requires_grad_(), weight.clone().requires_grad_()
        y = gmm(a, b, ends)
        y.backward(torch.where(torch.arange(8)[:, None] < 6, 1.0, float("nan")).to(y.dtype).expand_as(y))
        assert (y[6:] == 0).all() and (a.grad[6:] == 0).all()
        assert y.isfinite().all() and a.grad.isfinite().all() and b.grad.isfinite().all()
        assert (b.grad[0] == 0).all() and (b.grad[2] == 0).all()
        assert torch.allclose(y, by_rows(x.nan_to_num(), weight), atol=0.1)


def test_both_implementations_agree_in_bf16(monkeypatch: pytest.MonkeyPatch) -> None:
    x, weight, ends = case(torch.bfloat16, 8, 8)
    found = []
    for aten in (True, False):
        monkeypatch.setattr(module, "_suits_aten", lambda *_, aten=aten: aten)
        a, b = x.clone().requires_grad_(), weight.clone().requires_grad_()
        y = gmm(a, b, ends)
        y.float().square().sum().backward()
        found.append((y, a.grad, b.grad))
    for here, there in zip(*found, strict=True):
        assert torch.allclose(here, there, rtol=0.02, atol=0.02)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16, torch.float16])
def test_every_float_type_runs(dtype: torch.dtype) -> None:
    x, weight, ends = case(dtype)
    y = gmm(x.requires_grad_(), weight.requires_grad_(), ends)
    y.sum().backward()
    assert y.dtype == x.grad.dtype == weight.grad.dtype == dtype


def test_strided_operands_run() -> None:
    x, weight, ends = case()
    odd = x.t().contiguous().t(), weight.mT.contiguous().mT
    assert not odd[0].is_contiguous() and not odd[1].is_contiguous()
    assert torch.allclose(gmm(*odd, ends), by_rows(x, weight))


def test_no_rows_at_all_are_fine() -> None:
    x, weight, _ = case()
    ends = torch.zeros(4, dtype=torch.int32)
    y = gmm(x.requires_grad_(), weight.requires_grad_(), ends)
    y.sum().backward()
    assert (y == 0).all() and (x.grad == 0).all() and (weight.grad == 0).all()


def test_without_autocast_the_type_stays() -> None:
    x, weight, ends = case(torch.float32)
    assert grouped_linear(x, weight, ends).dtype == torch.float32


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
def test_a_gpu_agrees_with_the_cpu(dtype: torch.dtype) -> None:
    results = []
    for device in ("cpu", "cuda"):
        x, weight, ends = (t.to(device) for t in case(dtype, 16, 8))
        y = gmm(x.requires_grad_(), weight.requires_grad_(), ends)
        (y.double().square().sum()).backward()
        results.append([t.detach().cpu().double() for t in (y, x.grad, weight.grad)])
    limit = 0.02 if dtype == torch.bfloat16 else 1e-5
    assert all(torch.allclose(a, b, rtol=limit, atol=limit) for a, b in zip(*results, strict=True))


@pytest.mark.parametrize("ends", [ENDS, [ENDS[-1]], [0, 0, ENDS[-1]]])
def test_sums_by_membership_are_those_of_the_loop(ends):
    y = torch.randn(8, 3, dtype=torch.float64)
    y[ENDS[-1] :] = torch.nan  # nobody's rows are not cleared
    where = torch.tensor(ends, dtype=torch.int32)
    torch.testing.assert_close(summed_by_membership(y, where), gsum(y, where), rtol=1e-12, atol=1e-12)


def test_autocast_takes_nothing_from_sums_by_membership():
    y, ends = torch.full((3000, 1), 1.0 + 2**-12), torch.tensor([3000], dtype=torch.int32)
    with torch.autocast("cpu", torch.bfloat16):
        found = summed_by_membership(y, ends)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found[0, 0], torch.tensor(3000 * (1 + 2**-12)))
