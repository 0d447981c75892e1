"""The network as a module: what it refuses, and in which words."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

import graphs
from checking import checked, image_net
from dnac.ir.form import form
from dnac.ir.graph import Origin
from dnac.lowering.network import Network
from dnac.text.diagnostic import Faults


def fault(**changes: object) -> object:
    with pytest.raises(Faults) as raised:
        Network(graphs.tiny_text(), **changes)
    return raised.value.bag.items[0]


def test_an_unknown_lowering_names_the_nearest() -> None:
    found = fault(lowering="portible")
    assert found.code == "DNA740" and "did you mean `portable`?" in found.help


def test_a_type_that_is_not_served_is_refused() -> None:
    found = fault(dtype=torch.int32)
    assert found.code == "DNA741" and "int32" in found.message and "bfloat16" in found.help


def test_a_device_that_is_not_served_is_refused() -> None:
    assert fault(device="xla").code == "DNA742"


def test_everything_without_a_program_is_named_with_its_line() -> None:
    graph = graphs.tiny_text(sees=form("nobody"))
    router = replace(graph.routers[0], origin=Origin("net.dna", 14, 5))
    with pytest.raises(Faults) as raised:
        Network(replace(graph, routers=(router, *graph.routers[1:])))
    first, second, *_ = raised.value.bag.items
    assert first.code == second.code == "DNA743"
    assert "`sees = nobody`" in first.message and "`sees = nobody`" in second.message
    assert first.notes == ("asked for at net.dna:14:5",)


def test_a_text_longer_than_the_context_is_refused() -> None:
    with pytest.raises(ValueError, match=r"T from 1 to 12, not \[1, 13\]"):
        Network(graphs.tiny_text())(torch.zeros(1, 13, dtype=torch.int64))


def test_too_few_routes_are_refused() -> None:
    ids = torch.zeros(1, 12, 1, dtype=torch.int64)
    with pytest.raises(ValueError, match="routes must hold one tensor per routing step, 3 of them, not 1"):
        Network(graphs.tiny_text())(ids[..., 0], routes=(ids,))


@pytest.mark.parametrize("shape", [(1, 12, 2), (1, 12), (2, 12, 1), (1, 11, 1)])
def test_routes_of_another_shape_are_refused(shape: tuple[int, ...]) -> None:
    ids, routes = torch.zeros(1, 12, dtype=torch.int64), (torch.zeros(shape, dtype=torch.int64),) * 3
    with pytest.raises(ValueError, match=r"routes at hop\[0\] must be \[B, T, K\] = \[1, 12, 1\], not"):
        Network(graphs.tiny_text())(ids, routes=routes)


def test_what_is_no_token_id_is_refused() -> None:
    with pytest.raises(ValueError, match=r"whole numbers, not torch.float32"):
        Network(graphs.tiny_text())(torch.zeros(1, 12))


@pytest.mark.parametrize("shape", [(2, 8, 8), (2, 1, 8, 8), (2, 8, 8, 3), (2, 10, 10, 1)])
def test_images_of_another_shape_are_refused(shape: tuple[int, ...]) -> None:
    network = Network(checked(image_net("mlp(gelu, 2x)")).nets[0].graph)
    assert network(torch.zeros(2, 8, 8, 1)).logits.shape[0] == 2
    with pytest.raises(ValueError, match=r"each image \[8, 8, 1\], not"):
        network(torch.zeros(shape))


def test_steps_are_named_by_their_sites() -> None:
    assert Network(graphs.tiny_text()).steps == ("hop[0]", "hop[1]", "hop[2]")


def test_gradients_are_not_needed_for_a_forward_pass() -> None:
    with torch.no_grad():
        assert not Network(graphs.tiny_text())(torch.zeros(1, 12, dtype=torch.int64)).logits.requires_grad


def test_a_network_can_be_copied_and_pickled_state_by_state() -> None:
    first, second = Network(graphs.tiny_text(), seed=1), Network(graphs.tiny_text(), seed=2)
    second.load_state_dict(first.state_dict())
    inputs = torch.zeros(1, 12, dtype=torch.int64)
    assert torch.equal(first(inputs).logits, second(inputs).logits)
