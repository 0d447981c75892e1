"""What compiling says when it cannot: no compiler is a note, a formula that does not trace is a fault."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch

import graphs
from dnac import catalogue
from dnac.ir.form import form
from dnac.kinds import words
from dnac.lowering.compile import missing_compiler
from dnac.lowering.network import Network
from dnac.text.diagnostic import Faults
from lowered import inputs_for, routed

INPUTS = torch.zeros(1, 12, dtype=torch.int64)


def test_without_a_compiler_one_line_is_said_and_the_network_runs_uncompiled() -> None:
    plain = Network(graphs.tiny_text())
    with torch._inductor.config.patch({"cpp.cxx": ("no-such-compiler",)}):
        found = missing_compiler(torch.device("cpu"))
        network = Network(graphs.tiny_text(), compile=True)
    assert found is not None and (found.code, found.severity) == ("DNA744", "note")
    assert len(network.notes) == 1 and "\n" not in network.notes[0] and "C++ compiler" in network.notes[0]
    assert not network.is_compiled
    assert torch.equal(network(INPUTS).logits, plain(INPUTS).logits)


def test_a_gpu_needs_no_cpp_compiler() -> None:
    with torch._inductor.config.patch({"cpp.cxx": ("no-such-compiler",)}):
        assert missing_compiler(torch.device("cuda")) is None


@pytest.mark.compiles
def test_a_formula_that_does_not_trace_is_the_users_fault_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    kind = catalogue.get("norm", "layer")
    monkeypatch.setitem(kind.__dict__, "normalise", lambda x: x * float(x.sum().item()) if x.sum() > 0 else x)
    network = Network(graphs.tiny_text(), compile=True)
    with pytest.raises(Faults) as raised:
        network(INPUTS)
    found = raised.value.bag.items[0]
    assert found.code == "DNA745" and "\n" not in found.message


def refuse(catalogue: str, name: str) -> None:
    raise AssertionError(f"`{name}` of {catalogue} is looked up while a program is traced")


@pytest.mark.parametrize("kind", ["rms", "layer"])
def test_every_word_is_looked_up_before_a_program_is_traced(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A compiler cannot trace a look into a folder, and the first net of a process would fail."""
    monkeypatch.setattr(words, "_found", {})
    graph = routed(norm=form(kind))
    network = Network(graph)
    monkeypatch.setattr(words, "catalogue", SimpleNamespace(get=refuse))
    network(inputs_for(graph))
