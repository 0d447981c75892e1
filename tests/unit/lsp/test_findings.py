from __future__ import annotations

from pathlib import Path

from dnac.lsp.document import Document
from dnac.lsp.findings import Finding, findings, slow_findings
from dnac.lsp.formatting import formatted
from editing import SPEC

TEXT = SPEC.replace("<here>", "")


def of(text: str, path: str = "spec.dna") -> list[Finding]:
    """The faults of a text."""
    return findings(Document(path, text))


def test_a_good_text_has_none():
    assert of(TEXT) == []


def test_faults_come_in_the_order_of_the_text_with_their_help():
    found = of(TEXT.replace("gelu, 4x", "gelo, 4x").replace("transformer(heads", "transfomer(heads"))
    assert [(f.at.text, f.severity) for f in found] == [("gelo", "error"), ("transfomer", "error")]
    assert "help: did you mean `transformer`?" in found[1].message.splitlines()


def test_second_places_are_related_information():
    found = of(TEXT.replace("module tail = ", "module nodes = ") + "")
    twice = next(f for f in found if f.related)
    assert twice.related[0].at.source.path == "spec.dna"
    assert twice.related[0].text


def test_a_fault_of_a_used_file_stands_at_its_use(tmp_path: Path):
    (tmp_path / "lib.dna").write_text("dna 1\nparam width = \n")
    (found, *_) = of('dna 1\nuse "lib.dna"\nparam x = lib.width\n', str(tmp_path / "main.dna"))
    assert found.at.text == '"lib.dna"'
    assert found.related[0].path == (tmp_path / "lib.dna").resolve()
    assert found.related[0].at.line == 2


def test_asserts_on_costs_are_found_after_the_rest():
    document = Document("spec.dna", SPEC.replace("<here>", "assert params < 10"))
    assert findings(document) == []
    (fault,) = slow_findings(document)
    assert fault.at.text == "params < 10"
    assert "params is 88,896" in fault.message


def test_a_text_that_is_no_spec_has_one_fault():
    (fault,) = of("dna 1\n\0")
    assert fault.at.start == 0
    assert of("dna 1\n\ud800")


def test_formatting_is_that_of_fmt():
    ugly = "dna 1\nparam   width=3   # kept\n"
    assert formatted(Document("x.dna", ugly)) == "dna 1\nparam width = 3  # kept\n"
    assert formatted(Document("x.dna", "dna 1\nparam width =\n")) is None
    once = formatted(Document("x.dna", ugly))
    assert once is not None
    assert formatted(Document("x.dna", once)) is None
