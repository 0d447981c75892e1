"""A net that was written as a checkpoint is the same net when it is read again."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import llamas
from dnac.importing.export import export
from dnac.importing.initial import read
from dnac.importing.llama import load_into
from dnac.lowering.network import Network
from dnac.semantics.check import check
from dnac.text.diagnostic import Faults
from dnac.text.source import Source


def network(spec: str, seed: int) -> Network:
    (net,) = check(Source("tiny.dna", spec)).nets
    made = Network(net.graph, seed=seed)
    with torch.no_grad():
        for weight in made.parameters():  # gains that differ, and no symmetric matrix
            weight.add_(torch.randn(weight.shape, generator=torch.Generator().manual_seed(seed)) * 0.1)
    return made


@pytest.mark.parametrize("tied", ["true", "false"])
@pytest.mark.parametrize("width", [16, 24])
def test_what_was_written_is_read_as_the_same_net(tmp_path: Path, tied: str, width: int) -> None:
    spec = llamas.LLAMA_SPEC.replace("tied = true", f"tied = {tied}").replace("tokens(16", f"tokens({width}")
    one, two = network(spec, 1), network(spec, 2)
    count = export(one, tmp_path / "m")
    load_into(two, *read(tmp_path / "m"))
    assert count == sum(weight.numel() for weight in one.parameters())
    ids = torch.randint(0, llamas.V, (2, llamas.T))
    assert torch.equal(one(ids).logits, two(ids).logits)
    assert all(torch.equal(a, two.state_dict()[name]) for name, a in one.state_dict().items())


def test_what_no_llama_has_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Faults):
        export(network(llamas.MIXTRAL_SPEC, 1), tmp_path / "m")
