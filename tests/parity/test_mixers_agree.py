"""Routed convolutions and linear attention: every lowering alike, and a token sees peers of its own module alone."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.nn import functional

import dnac
from dnac.ir.graph import Graph
from dnac.lowering.network import Network
from lowered import BATCH, TOKENS, error, gradients, inputs_for, lively, network, require_equal

TEXT = """dna 1
net mixers {{
  input text(context = 8, vocabulary = 32, tokenizer = none)
  embed tokens(16, positions = learned)
  {before}
  pool nodes{norm} {{ {members} }}
  repeat 2 {{ hop: route nodes by {{ {fields} }} }}
  {after}
  head lm = unembed()
}}
"""
IMAGE = TEXT.replace("text(context = 8, vocabulary = 32, tokenizer = none)", "image([8, 8], channels = 1, classes = 5)")
IMAGE = IMAGE.replace("tokens(16, positions", "patches(16, size = 2, class_token = true, positions").replace(
    "lm = unembed()", "c = classify(pool = mean)"
)
UNLIKE = (
    "a[2] = attention(heads = 2); c[2] = conv(3, depthwise = true); f = conv(3); l[2] = linear_attention(heads = 2)"
)
SKIP = "; skip = identity()"
ONE = "choose = top(1); weight = raw; balance = []"
TWO = "choose = top(2); weight = raw; balance = [aux(0.1)]"

NETS = {
    "one choice": {"members": UNLIKE + SKIP, "fields": ONE},
    "two choices": {"members": UNLIKE + SKIP, "fields": TWO},
    "the authors' code": {"members": UNLIKE, "fields": f"{TWO}; combine = in_branch"},
    "everyone": {"members": UNLIKE, "fields": f"{TWO}; sees = everyone"},
    "all of them": {"members": UNLIKE, "fields": "choose = all; weight = raw; balance = []"},
    "a norm and shared ones": {
        "members": f"s = conv(2); {UNLIKE}", "fields": f"{ONE}; always = s; read = normed", "norm": "(norm = rms)",
    },
    "dense ones before": {"members": UNLIKE, "fields": ONE, "before": "conv(2); linear_attention(heads = 2)"},
    "with exits": {
        "members": f"{UNLIKE}; out = exit()", "fields": TWO, "after": "conv(3); linear_attention(heads = 2)",
    },
    "a limit": {"members": UNLIKE, "fields": f"{TWO}; limit = capacity(0.6)"},
    "modules of two parts": {"members": "b[3] = pair()" + SKIP, "fields": TWO},
    "two parts, everyone": {"members": "b[3] = pair()" + SKIP, "fields": f"{TWO}; sees = everyone"},
}  # fmt: skip
BOTH = "def module pair() { conv(3); linear_attention(heads = 2); mlp(gelu, 2x) }\n"


def graph_of(text: str, net: dict[str, str], tmp_path: Path) -> Graph:
    path = tmp_path / "mixers.dna"
    spec = text.format(**{"before": "", "after": "", "norm": "", **net})
    if "pair()" in spec:
        spec = spec.replace("dna 1\n", f"dna 1\n{BOTH}")
    if text is IMAGE:
        spec = spec.replace("conv(2)", "conv(3)")
    path.write_text(spec, encoding="utf-8")
    return dnac.load(path).graph


@pytest.mark.parametrize("text", [TEXT, IMAGE], ids=["text", "image"])
@pytest.mark.parametrize("net", NETS.values(), ids=NETS)
def test_lowerings_agree_in_values_and_gradients(net: dict[str, str], text: str, tmp_path: Path) -> None:
    require_equal(graph_of(text, net, tmp_path))


@pytest.mark.parametrize("slots", [[0], [2, 4], [4, -1], [5, 2], [6, 5, 4, 3, 2, 1, 0]])
def test_forced_corners_agree(slots: list[int], tmp_path: Path) -> None:
    fields = TWO.replace("top(2)", f"top({len(slots)})")
    forced = tuple(torch.tensor(slots).expand(BATCH, TOKENS, -1) for _ in range(2))
    require_equal(graph_of(TEXT, {"members": UNLIKE + SKIP, "fields": fields}, tmp_path), routes=forced)


@pytest.mark.parametrize("lowering", ["reference", "portable"])
def test_neighbours_are_those_of_the_sequence_that_chose_the_same_module(lowering: str, tmp_path: Path) -> None:
    graph = graph_of(TEXT.replace("repeat 2", "repeat 1"), {"members": "c[3] = conv(3)", "fields": ONE}, tmp_path)
    net = lively(dnac.load(tmp_path / "mixers.dna").build(lowering=lowering, dtype="float64"))
    inputs = inputs_for(graph)
    record = net(inputs, record=True).record[0]
    h = net.get_parameter("embed.table")[inputs] + net.get_parameter("embed.positions")
    gain, kernel = net.get_parameter("nodes.c.conv.norm"), net.get_parameter("nodes.c.conv.kernel")
    changed = h.clone()
    for b in range(BATCH):
        for i in range(TOKENS):
            m = int(record.ids[b, i, 0])
            near = []
            for j in (i - 2, i - 1, i):
                is_peer = j >= 0 and int(record.ids[b, j, 0]) == m
                near.append(functional.layer_norm(h[b, j], (16,)) * gain[m] if is_peer else torch.zeros(16).double())
            changed[b, i] += record.gates[b, i, m] * (torch.cat(near) @ kernel[m])
    expected = changed @ net.get_parameter("lm.weight")
    assert error(net(inputs).logits, expected) < 1e-10


def _moved(inputs: Tensor) -> Tensor:
    later = inputs.clone()
    later[:, 5:] = (later[:, 5:] + 1) % 32
    return later


@pytest.mark.parametrize("net", NETS.values(), ids=NETS)
def test_later_tokens_and_other_sequences_change_nothing(net: dict[str, str], tmp_path: Path) -> None:
    graph = graph_of(TEXT, net, tmp_path)
    program, inputs = network(graph), inputs_for(graph)
    before, after = program(inputs).logits, program(_moved(inputs)).logits
    assert error(after[:, :5], before[:, :5]) < 1e-12
    other = torch.cat((inputs[:1], _moved(inputs[1:])))
    assert error(program(other).logits[0], before[0]) < 1e-12


def test_dead_rows_leak_into_nobody(tmp_path: Path) -> None:
    graph = graph_of(TEXT, {"members": UNLIKE + SKIP, "fields": ONE}, tmp_path)
    net, inputs = network(graph), inputs_for(graph)
    nowhere = tuple(torch.full((BATCH, TOKENS, 1), 7) for _ in range(2))
    output = net(inputs, routes=nowhere)
    assert output.logits.isfinite().all()
    assert all(g.isfinite().all() for g in gradients(net, output).values())
    weights = [name for name, _ in net.named_parameters() if name.startswith("nodes.")]
    assert all(gradients(net, net(inputs, routes=nowhere))[name].abs().max() == 0 for name in weights)


@pytest.mark.slow
@pytest.mark.compiles
@pytest.mark.timeout(600)
def test_convolutions_among_several_choices_compile(tmp_path: Path) -> None:
    """torch 2.13's inductor fails on gathers by clamped indices that it can compute itself."""
    graph = graph_of(TEXT, {"members": "c[2] = conv(3); skip = identity()", "fields": TWO}, tmp_path)
    inputs = inputs_for(graph)
    eager, compiled = (Network(graph, dtype=torch.float64, compile=wanted) for wanted in (False, True))
    assert compiled.is_compiled, compiled.notes
    with torch.no_grad():
        assert torch.allclose(eager(inputs).logits, compiled(inputs).logits, atol=1e-12)
