"""Whatever stands in an editor, and wherever the cursor is, an answer comes."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from dnac.lsp.completion import complete
from dnac.lsp.definition import definition
from dnac.lsp.document import Document
from dnac.lsp.findings import findings, slow_findings
from dnac.lsp.formatting import formatted
from dnac.lsp.hover import hover
from editing import ROOT, SPEC

TEXTS = [SPEC.replace("<here>", ""), *(p.read_text() for p in sorted((ROOT / "examples").glob("0*.dna")))]
PIECES = [
    *"{}()[],=.:;\n\"#%'\0",
    "with",
    "route ",
    "by ",
    "nodes",
    "net ",
    'use "',
    "hop.",
    "train ",
    "1",
    "𝒳",
    "\ud800",
]


@st.composite
def damaged(draw: st.DrawFn) -> str:
    """A good text with parts cut out and pieces put in."""
    text = draw(st.sampled_from(TEXTS))
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(text)))
        cut = draw(st.integers(0, 30))
        text = text[:start] + draw(st.sampled_from(["", *PIECES])) + text[start + cut :]
    return text


@settings(max_examples=40)
@given(damaged(), st.floats(0, 1))
def test_any_text_and_any_place_gets_an_answer(text: str, where: float):
    document = Document("spec.dna", text)
    size = len(document.source.text)
    for finding in (*findings(document), *slow_findings(document)):
        assert 0 <= finding.at.start <= finding.at.end <= size
        assert finding.message
    offset = round(where * size)
    assert all(item.label for item in complete(document, offset))
    found = hover(document, offset)
    assert found is None or (found.text and found.at.start <= offset <= found.at.end)
    definition(document, offset)
    canonical = formatted(document)
    assert canonical is None or formatted(Document("spec.dna", canonical)) is None
