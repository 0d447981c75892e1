"""Source to tree: the only importer of lark."""

from __future__ import annotations

from functools import cache
from hashlib import sha256
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import lark
from lark import Lark, Token
from lark.exceptions import UnexpectedToken

from dnac.syntax import ast
from dnac.syntax.builder import RULES
from dnac.syntax.cache import private_file
from dnac.syntax.lexemes import Lexeme, Scan
from dnac.syntax.scanner import scan
from dnac.syntax.words import KEYWORDS
from dnac.text.diagnostic import Bag, Faults
from dnac.text.source import Source


def parse(source: Source, bag: Bag) -> ast.File | None:
    """The tree of a file. Faults go into `bag`; then the tree holds only the statements without fault."""
    words = scan(source, bag)
    if words is None: return None
    p = _tables().parse_interactive(start="file")
    for w in words.lexemes:
        if w.type == "NAME" and w.text in KEYWORDS:
            t = w.text.upper()
            if t in p.choices(): w.type = t
        p.feed_token(cast(Token, w))
    return p.feed_token(cast(Token, Lexeme("$END","",words.end)))

@cache
def _tables() -> Lark:
    """The parse tables, from the private cache if they are there."""
    path = Path(__file__).with_name("dna.lark")
    grammar = path.read_text(encoding="utf-8")
    key = sha256(f"{lark.__version__} {grammar}".encode()).hexdigest()[:16]
    kept = private_file(f"grammar-{key}.pickle")
    return Lark(
        grammar, parser="lalr", lexer="basic", start=["file", "setting"], keep_all_tokens=True, maybe_placeholders=False,
        transformer=SimpleNamespace(**RULES), cache=str(kept) if kept else False,
    )
