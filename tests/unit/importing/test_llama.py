"""Imported weights give the logits of the model that they come from; what does not fit is refused whole."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
import torch
from torch import Tensor

import llamas
from dnac.importing.llama import convert, load_into
from dnac.lowering.network import Network
from dnac.semantics.check import check
from dnac.text.diagnostic import Diagnostic, Faults
from dnac.text.source import Source

IDS = torch.randint(llamas.V, (2, llamas.T), generator=torch.Generator().manual_seed(3))


def network(spec: str, lowering: str = "portable") -> Network:
    (net,) = check(Source("tiny.dna", spec)).nets
    return Network(net.graph, lowering)


def imported(spec: str, config: Mapping[str, Any], tensors: Mapping[str, Tensor], lowering: str = "portable") -> Tensor:
    net = network(spec, lowering)
    load_into(net, config, tensors)
    with torch.no_grad():
        return net(IDS).logits


def fault(spec: str, config: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> Diagnostic:
    """The one fault, and nothing was loaded."""
    net = network(spec)
    before = {key: tensor.clone() for key, tensor in net.state_dict().items()}
    with pytest.raises(Faults) as caught:
        load_into(net, config, tensors)
    assert all(torch.equal(before[key], tensor) for key, tensor in net.state_dict().items())
    (found,) = caught.value.bag
    return found


# --- the same logits -------------------------------------------------------------------------


@pytest.mark.parametrize("lowering", ["reference", "portable"])
@pytest.mark.parametrize("layout", ["one for each", "stacked"])
def test_a_mixtral_gives_the_logits_of_its_formula(lowering: str, layout: str) -> None:
    state = llamas.mixtral()
    given = llamas.stacked(state) if layout == "stacked" else state
    found = imported(llamas.MIXTRAL_SPEC, llamas.MIXTRAL, given, lowering)
    torch.testing.assert_close(found, llamas.logits(state, IDS, base=1e6), rtol=0, atol=1e-5)


@pytest.mark.parametrize("lowering", ["reference", "portable"])
def test_a_llama_with_tied_embeddings_gives_the_logits_of_its_formula(lowering: str) -> None:
    state = llamas.llama()
    found = imported(llamas.LLAMA_SPEC, llamas.LLAMA, state, lowering)
    torch.testing.assert_close(found, llamas.logits(state, IDS, base=1e4), rtol=0, atol=1e-5)


@pytest.mark.parametrize("model", ["mixtral", "llama"])
def test_logits_are_those_of_transformers(model: str) -> None:
    transformers = pytest.importorskip("transformers", reason="the package transformers is not installed")
    spec, config = (llamas.MIXTRAL_SPEC, llamas.MIXTRAL) if model == "mixtral" else (llamas.LLAMA_SPEC, llamas.LLAMA)
    theirs = transformers.AutoModelForCausalLM.from_config(transformers.AutoConfig.for_model(**config)).eval()
    random = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for p in theirs.parameters():
            p.copy_(0.3 * torch.randn(p.shape, generator=random))
        wanted = theirs(input_ids=IDS).logits
    found = imported(spec, theirs.config.to_dict(), theirs.state_dict())
    torch.testing.assert_close(found, wanted, rtol=0, atol=1e-5)


def test_weights_come_in_the_type_of_the_network() -> None:
    net = network(llamas.MIXTRAL_SPEC)
    half = {key: tensor.to(torch.bfloat16) for key, tensor in llamas.mixtral().items()}
    load_into(net, llamas.MIXTRAL, half)
    assert net.state_dict()["embed.table"].dtype == torch.float32
    assert torch.equal(net.state_dict()["embed.table"], half["model.embed_tokens.weight"].float())


def test_selection_biases_start_at_zero() -> None:
    spec = llamas.MIXTRAL_SPEC.replace("balance = []", "balance = load_bias(rate = 1e-3)")
    net = network(spec)
    net.state_dict()["moe.0.bias"].fill_(3.0)
    load_into(net, llamas.MIXTRAL, llamas.mixtral())
    assert not net.state_dict()["moe.0.bias"].any()


def test_a_tied_table_may_be_stored_twice_if_it_is_equal() -> None:
    state = llamas.llama()
    twice = state | {"lm_head.weight": state["model.embed_tokens.weight"].clone()}
    graph = network(llamas.LLAMA_SPEC).graph
    assert convert(graph, llamas.LLAMA, twice).keys() == convert(graph, llamas.LLAMA, state).keys()
    other = state | {"lm_head.weight": state["model.embed_tokens.weight"] + 1}
    assert "`lm_head.weight` has no place" in fault(llamas.LLAMA_SPEC, llamas.LLAMA, other).message


# --- refused: the net ------------------------------------------------------------------------

ATTENTION, POOL, MOE = (
    "attention(heads = 4, kv_heads = 2, norm = rms)",
    "ffn[4] = mlp(swiglu, 24)",
    "weight = renormalised",
)


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        (ATTENTION, "attention(heads = 4, kv_heads = 2, norm = layer)", "`attention` with the norm `layer`"),
        (ATTENTION, "attention(heads = 4, kv_heads = 2, norm = rms, bias = true)", "biases"),
        (ATTENTION, "attention(heads = 4, kv_heads = 2, norm = rms, positions = none)", "without rotary positions"),
        (ATTENTION, f"{ATTENTION}\n    {ATTENTION}", "layers other than attention, then an mlp or experts"),
        (POOL, "ffn[4] = mlp(geglu, 24)", "the activation `geglu`"),
        (POOL, "ffn[3] = mlp(swiglu, 24); skip = identity()", "modules of several makes"),
        (POOL, "ffn[4] = mlp(swiglu, 24, norm = rms)", "experts with norms of their own"),
        ("experts(norm = rms)", "experts(norm = layer)", "a pool with the norm `layer`"),
        (MOE, "weight = raw", "`weight` is not `renormalised`"),
        (MOE, f"{MOE}; gate = sigmoid", "`gate` is not `softmax`"),
        (MOE, f"{MOE}; tau = 0.5", "a temperature or a scale"),
        ("read = normed", "read = raw_stream", "`read` is not `normed`"),
        ("norm = rms)\n}", "norm = none)\n}", "the head with the norm `none`"),
        ("norm = rms)\n}", "norm = rms, bias = true)\n}", "a bias in the head"),
        ("positions = rope(1M)", "positions = learned", "positions that the embed adds"),
    ],
)  # fmt: skip
def test_a_net_of_another_meaning_is_refused_with_its_line(old: str, new: str, what: str) -> None:
    spec = llamas.MIXTRAL_SPEC.replace(old, new)
    assert spec != llamas.MIXTRAL_SPEC
    found = fault(spec, llamas.MIXTRAL, llamas.mixtral())
    assert found.code == "DNA751"
    assert what in found.message
    assert "tiny.dna:" in found.notes[0]


def test_layers_that_share_weights_are_refused() -> None:
    spec = llamas.LLAMA_SPEC.replace("repeat 2 { transformer", "module t = transformer").replace(
        "mlp = swiglu(24)) }", "mlp = swiglu(24))\n  t\n  t"
    )
    (net,) = check(Source("tiny.dna", spec)).nets or (None,)
    assert net is not None
    with pytest.raises(Faults, match="DNA751"):
        convert(net.graph, llamas.LLAMA, llamas.llama())


# --- refused: the config ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"num_attention_heads": 8}, "`num_attention_heads` is 8, the net has 4"),
        ({"num_key_value_heads": None}, "`num_key_value_heads` is 4, the net has 2"),
        ({"head_dim": 8}, "`head_dim` is 8, the net has 4"),
        ({"rms_norm_eps": 1e-6}, "`rms_norm_eps` is 1e-06, the net has 1e-05"),
        ({"rope_theta": 1e4}, "`rope_theta` is 10000.0, the net has 1000000.0"),
        ({"rope_scaling": {"rope_type": "yarn", "factor": 4.0}}, "`rope_type` is yarn, the net has default"),
        ({"rope_parameters": {"rope_theta": 5e5}}, "`rope_theta` is 500000.0"),
        ({"num_experts_per_tok": 1}, "`num_experts_per_tok` is 1, the net has 2"),
        ({"num_local_experts": 2}, "`num_local_experts` is 2, the net has 4"),
        ({"num_hidden_layers": 3}, "`num_hidden_layers` is 3, the net has 2"),
        ({"hidden_act": "gelu"}, "`hidden_act` is gelu, the net has silu"),
        ({"tie_word_embeddings": True}, "`tie_word_embeddings` is True, the net has False"),
        ({"sliding_window": 6}, "`sliding_window` is 6, the net has none"),
        ({"attention_bias": True}, "`attention_bias` is True, the net has False"),
        ({"model_type": "gemma"}, "`model_type` is 'gemma', and llama, mistral, mixtral can be imported"),
        ({"hidden_size": None}, "`hidden_size` is none, the net has 16"),
    ],
)
def test_a_config_that_says_another_model_is_refused(changes: dict[str, Any], what: str) -> None:
    found = fault(llamas.MIXTRAL_SPEC, llamas.MIXTRAL | changes, llamas.mixtral())
    assert found.code == "DNA752"
    assert what in "\n".join((found.message, *found.notes))


def test_a_window_as_long_as_the_context_is_no_window() -> None:
    state = llamas.mixtral()
    found = imported(llamas.MIXTRAL_SPEC, llamas.MIXTRAL | {"sliding_window": llamas.T}, state)
    torch.testing.assert_close(found, llamas.logits(state, IDS, base=1e6), rtol=0, atol=1e-5)


# --- refused: the tensors --------------------------------------------------------------------

W1 = "model.layers.1.block_sparse_moe.experts.3.w1.weight"


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({W1: None}, f"`{W1}` is missing"),
        ({W1: torch.zeros(24, 15)}, f"`{W1}` is [24, 15], the net needs [24, 16]"),
        ({W1: torch.zeros(24, 16, dtype=torch.int8)}, f"`{W1}` holds int8, not floating-point numbers"),
        ({"model.layers.2.input_layernorm.weight": torch.ones(16)}, "has no place in the net"),
        ({"lm_head.weight": None}, "`lm_head.weight` is missing"),
    ],
)
def test_tensors_that_do_not_fit_are_refused(changes: dict[str, Tensor | None], what: str) -> None:
    state = {k: v for k, v in (llamas.mixtral() | changes).items() if v is not None}
    found = fault(llamas.MIXTRAL_SPEC, llamas.MIXTRAL, state)
    assert found.code == "DNA753"
    assert what in found.message


def test_an_empty_state_dict_lists_what_is_missing() -> None:
    found = fault(llamas.MIXTRAL_SPEC, llamas.MIXTRAL, {})
    assert found.code == "DNA753"
    assert "and 40 more" in found.message
    assert len(found.notes) == 7


def test_buffers_of_old_checkpoints_are_no_weights() -> None:
    state = llamas.llama() | {"model.layers.0.self_attn.rotary_emb.inv_freq": torch.ones(2)}
    convert(network(llamas.LLAMA_SPEC).graph, llamas.LLAMA, state)
