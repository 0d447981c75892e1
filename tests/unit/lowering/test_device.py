"""Numbers that never change: computed where a program is compiled, with nothing sent to the device."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch._functorch.aot_autograd import aot_module_simplified

import checking
from dnac.lowering.device import MOST_PIECES, constant
from dnac.lowering.network import Network

LISTS = [
    (0, 1, 2, 3, 4, 5, 6, 7, 8),
    (0, 1, 2, 14, 14, 14, 3, 4, 5),
    (5, 5, 5),
    (7,),
    (3, 1, 4, 1, 5, 9, 2, 6),
    (9, 6, 3, 0, 1),
    (2**62 + 1, 5, 2**61 + 3),
]


def traced(values: tuple[float, ...], dtype: torch.dtype) -> tuple[torch.Tensor, list[Any]]:
    """The numbers as a compiled program makes them, and the constants that it carries."""
    carried: list[Any] = []

    def compile(module: torch.fx.GraphModule, _: list[torch.Tensor]) -> Any:
        carried.extend(node.target for node in module.graph.nodes if node.op == "get_attr")
        return module.forward

    def backend(module: torch.fx.GraphModule, inputs: list[torch.Tensor]) -> Any:
        return aot_module_simplified(module, inputs, fw_compiler=compile)

    torch._dynamo.reset()
    made = torch.compile(lambda x: constant(values, dtype, x.device) + 0 * x, backend=backend, fullgraph=True)
    return made(torch.zeros((), dtype=dtype)), carried


@pytest.mark.parametrize("values", LISTS)
def test_a_compiled_program_computes_its_lists(values: tuple[int, ...]) -> None:
    found, carried = traced(values, torch.int64)
    assert found.tolist() == list(values) == constant(values, torch.int64, torch.device("cpu")).tolist()
    assert not carried


def test_numbers_that_are_not_whole_are_the_same_to_the_last_bit() -> None:
    values = (0.1, 0.2, 0.3, 0.1, 0.1, 1e-300)
    found, carried = traced(values, torch.float64)
    assert found.tolist() == list(values)
    assert not carried


def test_a_long_list_without_order_is_sent() -> None:
    values = tuple(n * n % 101 for n in range(2 * MOST_PIECES))
    found, carried = traced(values, torch.uint8)
    assert found.tolist() == list(values)
    assert carried


NET = """dna 1
net many {
  input text(context = 6, vocabulary = 11)
  embed tokens(8, positions = learned)
  pool nodes { block[10] = transformer(heads = 2, dropout = 10%); skip[3] = identity() }
  repeat 2 { route nodes by { choose = top(2); weight = raw; noise = jitter(0.1); balance = [] } }
  head lm = unembed(tied = true)
}
"""


def test_a_net_of_many_modules_sends_nothing() -> None:
    carried: list[Any] = []

    def backend(module: torch.fx.GraphModule, inputs: list[torch.Tensor]) -> Any:
        def compile(made: torch.fx.GraphModule, _: list[torch.Tensor]) -> Any:
            constants = [node.target for node in made.graph.nodes if node.op == "get_attr"]
            carried.extend(name for name in constants if getattr(made, name).dim())
            return made.forward

        return aot_module_simplified(module, inputs, fw_compiler=compile)

    net = Network(checking.graph(NET)).train()
    torch._dynamo.reset()
    net.run = torch.compile(net.run, backend=backend, fullgraph=True, dynamic=False)
    net(torch.zeros((2, 6), dtype=torch.int64), seeds=torch.tensor([1, 2]))
    assert not carried
