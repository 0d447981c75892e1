"""No text that a file, a path or a data set can bring makes a page run or load anything."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest

from dnac.report import html, mermaid
from dnac.report.sketch import sketch
from dnac.report.write import diagram_of
from hostile import PAYLOADS, material


class Seen(HTMLParser):
    """All tags and attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[tuple[str, str]] = set()
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {(name, value or "") for name, value in attrs}


def test_there_are_two_hundred_payloads() -> None:
    assert len(set(PAYLOADS)) >= 200


@pytest.mark.parametrize("first", range(0, len(PAYLOADS), 30))
def test_a_page_runs_and_loads_nothing(first: int) -> None:
    harmless = Seen(html.page(material("harmless"), diagram_of(material("harmless"))))
    for payload in PAYLOADS[first : first + 30]:
        each = material(payload)
        seen = Seen(html.page(each, diagram_of(each)))
        assert seen.tags <= harmless.tags, payload
        names = {name for name, _ in seen.attributes}
        assert names <= {name for name, _ in harmless.attributes}, payload
        targets = [v for n, v in seen.attributes if n in ("src", "href", "xlink:href", "action", "style")]
        assert not [v for v in targets if "javascript:" in v or "//example.org" in v], payload


@pytest.mark.parametrize("first", range(0, len(PAYLOADS), 30))
def test_pictures_without_a_page_are_inert_too(first: int) -> None:
    for payload in PAYLOADS[first : first + 30]:
        diagram = diagram_of(material(payload))
        assert not Seen(sketch(diagram)).tags & {"script", "img", "iframe", "a", "foreignobject", "use", "image"}, (
            payload
        )
        source = mermaid.source(diagram)
        assert "<script" not in source.lower(), payload
        assert not [row for row in source.splitlines() if row.lstrip().startswith(("click", "%%{"))], payload
