"""Text to forms: the values inside the printed graph, read without any kind."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import TypeVar

from dnac.ir.form import Form, Value

T = TypeVar("T")

_TOKEN = re.compile(
    r"\s*(?P<string>\"(?:[^\"\\]|\\.)*\")|\s*(?P<number>-?(?:\d[\d.]*(?:e[+-]?\d+)?|inf\b))"
    r"|\s*(?P<word>[A-Za-z_][\w.]*)|\s*(?P<mark>[{}\[\],=-])"
)
_VALUES: dict[str, Value] = {"true": True, "false": False, "inf": float("inf"), "nan": float("nan")}


class FormReader:
    """A cursor over one line of text. Raises `ValueError` where the text is no form."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    def form(self) -> Form:
        """`name{key=value, ...}` or `name`."""
        name = self._take("word")
        if not self._found("{"):
            return Form(name)
        return Form(name, tuple(self._list(self._argument, "}")))

    def value(self) -> Value:
        """Any value of a form."""
        kind, text = self._peek()
        if kind == "word":
            if text in _VALUES and not self.text.startswith(f"{text}{{", self.text.index(text, self.at)):
                self._take("word")
                return _VALUES[text]
            return self.form()
        self._take(kind)
        if kind == "string":
            return str(json.loads(text))
        if kind == "number":
            return float(text) if set(text) & set(".einf") else int(text)
        if text == "[":
            return tuple(self._list(self.value, "]"))
        if text == "-":
            return None
        raise ValueError(f"a value cannot start with {text!r}")

    def end(self) -> None:
        """Check that nothing is left."""
        if self.text[self.at :].strip():
            raise ValueError(f"unexpected text: {self.text[self.at :].strip()[:40]}")

    def _argument(self) -> tuple[str, Value]:
        name = self._take("word")
        if not self._found("="):
            raise ValueError(f"`=` expected after {name}")
        return name, self.value()

    def _list(self, item: Callable[[], T], close: str) -> list[T]:
        items: list[T] = []
        while not self._found(close):
            if items and not self._found(","):
                raise ValueError(f"`,` or `{close}` expected")
            items.append(item())
        return items

    def _peek(self) -> tuple[str, str]:
        match = _TOKEN.match(self.text, self.at)
        if match is None or match.lastgroup is None:
            raise ValueError(f"a form breaks off at: {self.text[self.at :].strip()[:40]!r}")
        return match.lastgroup, match[match.lastgroup]

    def _take(self, kind: str) -> str:
        found, text = self._peek()
        if found != kind:
            raise ValueError(f"a {kind} expected, found {text!r}")
        self.at = _TOKEN.match(self.text, self.at).end()  # type: ignore[union-attr]
        return text

    def _found(self, mark: str) -> bool:
        rest = self.text[self.at :].lstrip(" ")
        if not rest.startswith(mark):
            return False
        self.at = len(self.text) - len(rest) + len(mark)
        return True


def read_form(text: str) -> Form:
    """One whole form.

    Raises:
        ValueError: the text is not one form.
    """
    reader = FormReader(text)
    found = reader.form()
    reader.end()
    return found
