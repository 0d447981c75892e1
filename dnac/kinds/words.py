"""Look a word up inside a formula, in a way that a traced program may use.

`catalogue.get` lists a folder, which no compiler can trace. Here the found kind is kept in a plain
dict; `weights`, `check` and `resolve` look their words up before any program is traced, so that a
formula only reads the dict.
"""

from __future__ import annotations

from typing import Any

from dnac import catalogue
from dnac.ir.form import Form

_found: dict[tuple[str, str], Any] = {}


def word(kind_of: str, form: Form) -> Any:
    """The kind that a form's name means in a catalogue.

    Raises:
        catalogue.UnknownName: the catalogue has no such word.
    """
    key = (kind_of, form.name)
    if key not in _found:
        _found[key] = catalogue.get(kind_of, form.name)
    return _found[key]
