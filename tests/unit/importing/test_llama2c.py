"""A checkpoint of llama2.c: logits of its own formula, in which neighbours of a head are paired; damage is refused."""

from __future__ import annotations

import os
import struct
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

import llamas
from dnac.importing.llama import load_into
from dnac.importing.llama2c import read_llama2c
from dnac.lowering.network import Network
from dnac.semantics.check import check
from dnac.text.diagnostic import Faults
from dnac.text.source import Source

ORDER = (
    "input_layernorm", "self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.o_proj",
    "post_attention_layernorm", "mlp.gate_proj", "mlp.down_proj", "mlp.up_proj",
)  # fmt: skip


def written(state: dict[str, Tensor], path: Path, *, is_tied: bool = True) -> Path:
    """The file that llama2.c's exporter writes of a model with these weights, taken as they are."""
    vocabulary = llamas.V if is_tied else -llamas.V
    sizes = (llamas.D, llamas.HIDDEN, llamas.LAYERS, llamas.H, llamas.G, vocabulary, llamas.T)
    parts = [state["model.embed_tokens.weight"]]
    parts += [state[f"model.layers.{n}.{name}.weight"] for name in ORDER for n in range(llamas.LAYERS)]
    parts += [state["model.norm.weight"], torch.zeros(2, llamas.T, llamas.E // 2)]
    parts += [] if is_tied else [state["lm_head.weight"]]
    values = torch.cat([part.flatten() for part in parts])
    path.write_bytes(struct.pack("<7i", *sizes) + values.numpy().tobytes())
    return path


def imported(spec: str, path: Path, ids: Tensor) -> Tensor:
    (net,) = check(Source("tiny.dna", spec)).nets
    network = Network(net.graph)
    load_into(network, *read_llama2c(path))
    with torch.no_grad():
        return network(ids).logits


@pytest.mark.parametrize("is_tied", [True, False])
def test_logits_are_those_of_its_formula(is_tied: bool, tmp_path: Path, monkeypatch: Any) -> None:
    state = llamas.llama()
    if not is_tied:
        state["lm_head.weight"] = 0.3 * torch.randn(llamas.V, llamas.D, generator=torch.Generator().manual_seed(8))
    path = written(state, tmp_path / "tiny.bin", is_tied=is_tied)
    ids = torch.randint(llamas.V, (2, llamas.T), generator=torch.Generator().manual_seed(3))
    spec = llamas.LLAMA_SPEC if is_tied else llamas.LLAMA_SPEC.replace("tied = true", "tied = false")
    found = imported(spec, path, ids)
    assert not torch.allclose(found, llamas.logits(state, ids, base=1e4), atol=1e-2)  # halves paired: another model
    monkeypatch.setattr(llamas, "_turn", neighbours)
    torch.testing.assert_close(found, llamas.logits(state, ids, base=1e4), rtol=0, atol=1e-5)


def neighbours(x: Tensor, base: float) -> Tensor:
    """Entries 2i and 2i + 1 of each head are one complex number (run.c, `transformer`)."""
    t, i = torch.arange(x.shape[1])[:, None, None], torch.arange(llamas.E // 2)
    turn = torch.polar(torch.ones((), dtype=torch.float64), t * base ** (-2 * i.double() / llamas.E))
    return torch.view_as_real(torch.view_as_complex(x.unflatten(-1, (-1, 2)).contiguous()) * turn).flatten(-2)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda data: data[:20], "too short to be a checkpoint"),
        (lambda data: data[:-4], "its header says"),
        (lambda data: data + b"\0", "its header says"),
        (lambda data: struct.pack("<7i", 0, *[1] * 6) + data[28:], "does not begin as"),
        (lambda data: struct.pack("<7i", *[2**31 - 1] * 7) + data[28:], "its header says"),
        (lambda data: b"hello world, hello world, hello", "does not begin as"),
    ],
)
def test_a_damaged_file_is_refused(change: Any, why: str, tmp_path: Path) -> None:
    path = written(llamas.llama(), tmp_path / "tiny.bin")
    path.write_bytes(change(path.read_bytes()))
    with pytest.raises(Faults, match="DNA750") as caught:
        read_llama2c(path)
    (found,) = caught.value.bag
    assert why in found.message


STORIES = os.environ.get("DNAC_STORIES260K")


@pytest.mark.skipif(not STORIES, reason="DNAC_STORIES260K does not name the file stories260K.bin of tinyllamas")
def test_stories260k_gives_the_logits_of_transformers() -> None:
    """A trained model, at positions up to 255."""
    transformers = pytest.importorskip("transformers", reason="the package transformers is not installed")
    spec = """dna 1
net stories {
  input text(context = 512, vocabulary = 512)
  embed tokens(64, positions = rope(10k))
  repeat 5 { transformer(heads = 8, kv_heads = 4, norm = rms, mlp = swiglu(172)) }
  head lm = unembed(tied = true, norm = rms)
}
"""
    config, tensors = read_llama2c(Path(str(STORIES)))
    theirs = transformers.AutoModelForCausalLM.from_config(transformers.AutoConfig.for_model(**config)).eval()
    theirs.load_state_dict(tensors | {"lm_head.weight": tensors["model.embed_tokens.weight"]})
    ids = torch.randint(512, (2, 256), generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        wanted = theirs(input_ids=ids).logits
    torch.testing.assert_close(imported(spec, Path(str(STORIES)), ids), wanted, rtol=0, atol=1e-4)
