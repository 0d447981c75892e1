"""Text to graph: the inverse of `ir.printer`, so that dumps can be kept, compared and read again."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace

from dnac.ir.form import Form
from dnac.ir.forms import FormReader, read_form
from dnac.ir.graph import (
    Apply,
    Bank,
    BudgetSet,
    Embed,
    Graph,
    Head,
    Join,
    Member,
    ModuleSet,
    Node,
    Norm,
    Part,
    Presence,
    Pretrained,
    Region,
    Route,
    RouterSet,
    Settle,
    SharedSet,
    Tally,
    Tap,
)
from dnac.ir.names import split_names
from dnac.ir.printer import type_of

_HEAD = re.compile(r"net (\S+) width=(\d+) tokens=(\d+)")
_TABLE = re.compile(r"(embed|head|norm|module|router)\s+(\S+)(?:\s+(?:x|of)\s+(\d+))?\s+=\s(.*)")
_BUDGET = re.compile(r"budget (\S+) over \(([^)]*)\) = (.*)")
_OF = re.compile(r" of (\S+) (\S+)")
_PART = re.compile(r"(?: \+ )?(\w[\w.\[\]]*): ")
_ARGUMENT = re.compile(r"(\w+)\s+(\([^)]*\)|\S+)")
_NUMBER = re.compile(r"[\d.e+-]+")
_NODE = re.compile(r"(\S+)\s+=\s(\w+)\(([^)]*)\)(.*?)(?:\s+:\s(.*))?")
_CARRIED = re.compile(r"(\S+)\s+=> (\S+) as (\S+)")
_SLICE = re.compile(r"(.+)\[(\d+)(?::(\d+))?\]")


def read_graph(text: str) -> Graph:
    """The graph that `print_graph` printed as this text. Blank lines and lines with `//` are free.

    Raises:
        ValueError: the text is no printed graph; the message names the line.
    """
    lines = ((n, line.strip()) for n, line in enumerate(text.split("\n"), 1))
    return _Reader(iter([(n, line) for n, line in lines if line and not line.startswith("//")])).graph()


class _Reader:
    def __init__(self, lines: Iterator[tuple[int, str]]) -> None:
        self.lines = lines
        self.net: Graph = Graph("", Form("none"), 0, 0, (), (), (), ())

    def graph(self) -> Graph:
        number, line = next(self.lines, (0, ""))
        try:
            self._first(line)
            for number, line in self.lines:  # noqa: B007 (named in the message below)
                self._line(line)
        except (ValueError, KeyError, IndexError) as error:
            raise ValueError(f"line {number}: {error}") from error
        return self.net

    def _first(self, line: str) -> None:
        found = _HEAD.fullmatch(line)
        if not found:
            raise ValueError("`net NAME width=D tokens=T` expected")
        self.net = replace(self.net, name=found[1], width=int(found[2]), tokens=int(found[3]))

    def _line(self, line: str) -> None:
        word, _, rest = line.partition(" ")
        if word == "input":
            self.net = replace(self.net, input=read_form(rest))
        elif word == "assert":
            self.net = replace(self.net, asserts=(*self.net.asserts, str(json.loads(rest))))
        elif word == "start":
            name, file, *layers = json.loads(rest)
            of = layers.pop(0) if layers and isinstance(layers[0], str) else ""
            made = Pretrained(str(name), str(file), tuple(map(int, layers)), of)
            self.net = replace(self.net, pretrained=(*self.net.pretrained, made))
        elif found := _BUDGET.fullmatch(line):
            made = BudgetSet(found[1], read_form(found[3]), tuple(split_names(found[2])))
            self.net = replace(self.net, budgets=(*self.net.budgets, made))
        elif found := _TABLE.fullmatch(line):
            self._table(found[1], found[2], found[3], found[4])
        else:
            self.net = replace(self.net, nodes=(*self.net.nodes, self._node(line)))

    def _table(self, role: str, name: str, number: str | None, text: str) -> None:
        net = self.net
        count = int(number) if number else None
        if role == "module":
            self.net = replace(net, modules=(*net.modules, ModuleSet(name, count, _parts(text))))
        elif role == "router":
            self.net = replace(net, routers=(*net.routers, RouterSet(name, count or 0, read_form(text))))
        elif role in ("embed", "head", "norm"):
            self.net = replace(net, shared=(*net.shared, SharedSet(role, name, read_form(text))))

    def _node(self, line: str) -> Node:
        found = _NODE.fullmatch(line)
        if not found:
            raise ValueError(f"no node: {line[:60]}")
        name, word, reads, rest, kind = found.groups()
        if word == "region":
            node = self._region(name, reads, rest)
        else:
            node = self._plain(name, word, [r.strip() for r in reads.split(",")], rest.strip())
        if kind != type_of(self.net, node):
            raise ValueError(f"{name} has the type {type_of(self.net, node)}, not {kind}")
        return node

    def _plain(self, name: str, word: str, reads: list[str], rest: str) -> Node:
        if word == "join":
            return Join(name, reads[0], tuple(tuple(b.split()) for b in re.findall(r"\[([^\]]*)\]", rest)))
        more = _arguments(rest)
        if word == "embed":
            return Embed(name, more["by"][0])
        if word == "norm":
            return Norm(name, reads[0], more["by"][0])
        if word == "head":
            return Head(name, reads[0], more["by"][0], more.get("table", [None])[0])
        site = more.get("at", [""])[0]
        if word == "apply":
            gate = (more["gate"][0], int(more["gate"][1])) if "gate" in more else None
            (module,) = self._members(more["by"])
            return Apply(name, reads[0], reads[-1], module, gate, site, more.get("away", [""])[0], "copied" in more)
        if word == "tap":
            return _tap(name, reads[0], rest, more)
        if word in ("presence", "tally", "settle"):
            return _beside(name, word, reads[0], more)
        if word == "route":
            return self._route(Route(name, reads[0], reads[-1], site, int(more["step"][0]), more["by"][0], ()), more)
        raise ValueError(f"no node is called {word}")

    def _route(self, route: Route, more: dict[str, list[str]]) -> Route:
        candidates = self._members(more["over"])
        slots = [_slots(text) for text in more.get("banks", [])]
        banks = tuple(Bank(self.net.module[candidates[s[0]].set].parts, s) for s in slots)
        return replace(
            route,
            candidates=candidates,
            always=self._members(more.get("always", [])),
            runs=_slots(more["runs"][0]),
            skips=_slots(more["skips"][0]),
            banks=banks,
            carries=tuple(name for text in more.get("carries", []) for name in text.split()),
            away=more.get("away", [""])[0],
            tally=more.get("tally", [""])[0],
        )

    def _region(self, name: str, x: str, rest: str) -> Region:
        steps = tuple(int(s) for s in rest.replace("{", " ").split()[1:])
        keys: list[tuple[str, list[str]]] = []
        body: list[Node] = []
        carried: list[tuple[str, str, str]] = []
        for _, line in self.lines:
            if line == "}":
                break
            if found := _CARRIED.fullmatch(line):
                carried.append((found[1], found[2], found[3]))
                continue
            key, arrow, new = line.partition("->")
            if arrow:
                keys.append((key.strip(), split_names(new)))
            else:
                body.append(self._node(line))
        renames = tuple(tuple((key, new[t]) for key, new in keys) for t in range(len(steps)))
        return Region(name, x, tuple(body), renames, steps, tuple(carried))

    def _members(self, texts: list[str]) -> tuple[Member, ...]:
        return tuple(member for text in texts for member in self._group(text))

    def _group(self, text: str) -> Iterator[Member]:
        found = _SLICE.fullmatch(text)
        if text in self.net.module or not found:
            yield Member(text)
        else:
            start = int(found[2])
            yield from (Member(found[1], i) for i in range(start, int(found[3]) if found[3] else start + 1))


def _arguments(text: str) -> dict[str, list[str]]:
    """Each word with what follows it: one name, or a list in parentheses."""
    return {word: found.strip("()").split() for word, found in _ARGUMENT.findall(text)}


def _beside(name: str, word: str, read: str, more: dict[str, list[str]]) -> Node:
    """A node beside the stream, and the one that ends a tally."""

    def one(key: str) -> str:
        return more.get(key, [""])[0]

    if word == "presence":
        pairs = tuple((int(a), int(b)) for a, b in (text.split(":") for text in more.get("leaves", [])))
        return Presence(name, read, one("route"), pairs, int(one("back") or 0))
    if word == "tally":
        return Tally(name, read, one("route"), one("x"))
    return Settle(name, read, one("tally"))


def _tap(name: str, read: str, rest: str, more: dict[str, list[str]]) -> Tap:
    """The weight may be a form, with blanks in it."""
    weight, _, tally = rest.partition(" times ")[2].partition(" tally ")
    times = float(weight) if _NUMBER.fullmatch(weight) else read_form(weight)
    every = int(more.get("every", ["1"])[0])
    return Tap(name, read, more["by"][0], more.get("table", [None])[0], times, tally, every)


def _slots(text: str) -> tuple[int, ...]:
    if text == "-":
        return ()
    pairs = [piece.partition(":") for piece in text.split(",")]
    return tuple(i for a, colon, b in pairs for i in range(int(a), int(b) if colon else int(a) + 1))


def _parts(text: str) -> tuple[Part, ...]:
    if text == "identity":
        return ()
    reader = FormReader(text)
    found: list[Part] = []
    while start := _PART.match(text, reader.at):
        reader.at = start.end()
        kind, of = reader.form(), _OF.match(text, reader.at)
        reader.at = of.end() if of else reader.at
        found.append(Part(start[1], kind, (of[1], of[2]) if of else None))
    reader.end()
    return tuple(found)
