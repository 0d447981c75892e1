"""Links between pages lead somewhere, and the first page and the site know every page."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = sorted([ROOT / "README.md", *DOCS.rglob("*.md")])
LINK = re.compile(r"\]\(([^)\s]+)\)")
FENCED = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)


def links(page: Path) -> list[str]:
    """What a page links to, other sites left out."""
    text = FENCED.sub("", page.read_text(encoding="utf-8"))
    return [to for to in LINK.findall(text) if not to.startswith(("http:", "https:"))]


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings."""
    titles = re.findall(r"^#+ (.+)$", FENCED.sub("", page.read_text(encoding="utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).strip().replace(" ", "-") for title in titles}


def leads_somewhere(page: Path, link: str) -> bool:
    place, _, anchor = link.partition("#")
    target = page.parent / place if place else page
    return target.exists() and (not anchor or anchor in anchors(target))


def test_every_link_leads_somewhere():
    assert not [f"{page.name}: {to}" for page in PAGES for to in links(page) if not leads_somewhere(page, to)]


def test_no_page_of_the_site_links_out_of_it():
    assert not [f"{p.name}: {to}" for p in PAGES if p.parent == DOCS for to in links(p) if to.startswith("../")]


def test_the_first_page_and_the_site_know_every_page():
    pages = {p.relative_to(DOCS).as_posix() for p in DOCS.rglob("*.md")} - {"index.md"}
    site = set(re.findall(r": (\S+\.md)$", (ROOT / "mkdocs.yml").read_text(encoding="utf-8"), re.MULTILINE))
    assert set(links(DOCS / "index.md")) >= pages
    assert site == pages | {"index.md"}
