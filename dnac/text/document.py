"""Write `docs/codes.md` from the pages of all codes: `python -m dnac.text.document`.

Whether a code is an error or a warning is read from its constructors.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from dnac.text.explain import codes, page, title

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "codes.md"

HEAD = """# All codes

This page is written by `python -m dnac.text.document` from the texts that `dnac explain CODE` prints; edit them in
`dnac/text/explain/`. There, each shows a bad example and a repaired one as well. A code never changes its meaning.
A warning or a note changes no exit code.
"""

GROUPS = {
    "0": "Texts and files",
    "1": "Form",
    "2": "Names and files of a spec",
    "3": "Values, arguments, sizes",
    "4": "Shapes, inputs and heads",
    "5": "Routing",
    "6": "Training and data",
    "7": "Run time: checkpoints, runs, devices",
    "9": "Not yet",
}
"""By the first digit of a code."""

_SECTION = re.compile(r"^## (.+?)\n+(.*?)(?=^## |\Z)", re.MULTILINE | re.DOTALL)


def text() -> str:
    """The whole page."""
    severities = found_severities()
    parts = [HEAD]
    for digit, name in GROUPS.items():
        parts.append(f"## {name}\n")
        parts += [entry for code in codes() if code[3] == digit for entry in _entry(code, severities[code])]
    return "\n".join(parts)


def _entry(code: str, severities: set[str]) -> Iterator[str]:
    sections = {heading.lower(): body.strip() for heading, body in _SECTION.findall(page(code))}
    kind = "" if severities == {"error"} else f" ({' or '.join(sorted(severities))})"
    yield f"### {code}: {title(code)}{kind}\n"
    yield f"{sections['what it means']}\n"
    yield f"*Why it matters.* {sections['why it matters']}\n"


def found_severities() -> dict[str, set[str]]:
    """Of each code, by the constructors in the files of errors."""
    found = dict[str, set[str]]()
    for path in sorted((ROOT / "dnac").rglob("errors*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and (code := _code(node)):
                given = next((k.value for k in node.keywords if k.arg == "severity"), None)
                severity = given.value if isinstance(given, ast.Constant) else "error"
                found.setdefault(code, set()).add(str(severity))
    return found


def _code(call: ast.Call) -> str:
    first = call.args[0] if call.args else next((k.value for k in call.keywords if k.arg == "code"), None)
    value = first.value if isinstance(first, ast.Constant) else ""
    return value if isinstance(value, str) and re.fullmatch(r"DNA\d{3}", value) else ""


if __name__ == "__main__":
    PAGE.write_text(text(), encoding="utf-8")
