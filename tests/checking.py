"""Short ways to check a text in tests: its codes, its graph."""

from __future__ import annotations

from pathlib import Path

from dnac.ir.graph import Graph
from dnac.semantics.check import check
from dnac.semantics.result import CheckedFile, CheckedNet
from dnac.syntax.parser import parse_setting
from dnac.text.source import Source

HEAD = "dna 1\n"
TEXT = "  input text(context = 8, vocabulary = 16)\n  embed tokens(16, positions = learned)\n"
IMAGE = "  input image([8, 8], channels = 1, classes = 10)\n  embed patches(16, size = 2, positions = learned)\n"
POOL = "  pool nodes { block[4] = mlp(gelu, 2x); skip = identity() }\n"
ROUTER = "choose = top(1); weight = raw; balance = []"


def net(body: str, ends: str = TEXT, head: str = "unembed()") -> str:
    """A whole file with one net `n` around some statements; text in, unless `ends` says otherwise."""
    return f"{HEAD}net n {{\n{ends}{body}\n  head lm = {head}\n}}\n"


def image_net(body: str) -> str:
    """The same for images."""
    return net(body, IMAGE, "classify(pool = mean)")


def checked(text: str, *settings: str, net: str | None = None, path: str | Path = "x.dna") -> CheckedFile:
    """The result of checking a text, with settings as on the command line."""
    return check(Source(str(path), text), [parse_setting(s) for s in settings], net)


def codes(text: str, *settings: str, path: str | Path = "x.dna") -> list[str]:
    """The codes of all errors and warnings, in source order."""
    return [d.code for d in checked(text, *settings, path=path).bag if d.severity != "note"]


def messages(text: str, *settings: str, path: str | Path = "x.dna") -> list[str]:
    """`CODE line:column message` of all diagnostics, in source order."""
    bag = checked(text, *settings, path=path).bag
    return [f"{d.code} {d.span.line}:{d.span.column} {d.message}" if d.span else f"{d.code} {d.message}" for d in bag]


def good(text: str, *settings: str, name: str | None = None, path: str | Path = "x.dna") -> CheckedNet:
    """The only net of a text (or the one named), which must have no errors."""
    result = checked(text, *settings, path=path)
    assert not result.bag.has_errors, [f"{d.code} {d.span}: {d.message}" for d in result.bag]
    return next(n for n in result.nets if name in (None, n.name))


def graph(text: str, *settings: str, name: str | None = None, path: str | Path = "x.dna") -> Graph:
    """The graph of the only net, or of the one named."""
    return good(text, *settings, name=name, path=path).graph
