"""A form is a word with complete arguments: `attention{causal=true, heads=4, ...}`.

Forms are what graph nodes store instead of kind objects or torch values: plain, frozen, hashable,
printable and re-readable. A kind's own `Params` gives its form meaning (`kinds.base`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

Value: TypeAlias = "bool | int | float | str | Form | tuple[Value, ...] | None"


@dataclass(frozen=True, slots=True)
class Form:
    """`name{key=value, ...}`; keys are unique and in the order of the kind's Params."""

    name: str
    args: tuple[tuple[str, Value], ...] = ()

    def __getitem__(self, key: str) -> Value:
        for name, value in self.args:
            if name == key:
                return value
        raise KeyError(f"{self.name} has no argument {key}")

    def get(self, key: str, default: Value = None) -> Value:
        """The argument `key`, or `default` where there is none."""
        return next((value for name, value in self.args if name == key), default)

    def replace(self, **changes: Value) -> Form:
        """The same form with some arguments changed (new ones go last)."""
        known = tuple((k, changes.pop(k, v)) for k, v in self.args)
        return Form(self.name, known + tuple(changes.items()))

    @classmethod
    def __get_pydantic_core_schema__(cls, source: object, handler: object) -> Any:
        """A form is checked where it is made; inside Params only its type matters."""
        from pydantic_core import core_schema

        return core_schema.is_instance_schema(cls)

    def __iter__(self) -> Iterator[tuple[str, Value]]:
        return iter(self.args)


def form(name: str, **args: Value) -> Form:
    """Shorthand: `form("top", k=2)`."""
    return Form(name, tuple(args.items()))
