"""How large anything in a spec may be: every budget of the language, in one place.

Each is checked before memory is taken for what it bounds; `dnac limits` prints them.
"""

from __future__ import annotations

from dataclasses import dataclass

# --- text ----------------------------------------------------------------------------------------

LARGEST_FILE = 1 << 20
"""Bytes that a spec may have."""
MOST_WORDS = 20_000
"""Words of one file, numbers and signs among them; and of all files together that it brings in by `use`."""
MOST_ITEMS = 500
"""Items of one file: `use`, `param`, `def`, `net` and `train`."""
MOST_FILES = 64
"""Files of one spec, the main one among them."""
MOST_DEPTH = 16
"""Files in a chain of `use`."""
LONGEST_PATH = 1000
"""Characters of a path behind `use`."""
MOST_ERRORS = 20
"""Diagnostics after which the parser gives up."""

# --- words ---------------------------------------------------------------------------------------

LONGEST_NAME = 100
"""Characters that a name may have."""
LONGEST_NUMBER = 40
"""Characters that a number may have."""
LARGEST_NUMBER = 10**18
"""Largest magnitude of a number in a spec; below 2^63, so that every count fits everywhere."""
DEEPEST = 64
"""Levels of brackets and operators that may nest. Later passes recurse, so this bounds them all."""

# --- what a net expands to -----------------------------------------------------------------------

MOST_TURNS = 10_000
"""Turns of one repeat."""
MOST_NODES = 10_000
"""Nodes that one net may expand to."""
MOST_PARTS = 512
"""Parts of one module."""
MOST_MEMBERS = 1 << 16
"""Modules of one pool, and candidates of one route."""
MOST_SLOTS = 1 << 19
"""Candidates, summed over all routing steps: what can be looked at within a second."""
MOST_PARAMS = 10**12
"""Parameters of one net."""


@dataclass(frozen=True)
class Limit:
    """One budget as people see it."""

    name: str
    value: int
    unit: str
    what: str
    code: str
    """The diagnostic of a spec that goes beyond it."""


LIMITS = (
    Limit("file_bytes", LARGEST_FILE, "bytes", "one file", "DNA006"),
    Limit("words", MOST_WORDS, "words and signs", "one file", "DNA006"),
    Limit("used_words", MOST_WORDS, "words and signs", "all used files together", "DNA213"),
    Limit("items", MOST_ITEMS, "items", "one file", "DNA006"),
    Limit("files", MOST_FILES, "files", "one spec", "DNA213"),
    Limit("use_depth", MOST_DEPTH, "files", "a chain of `use`", "DNA213"),
    Limit("path_length", LONGEST_PATH, "characters", "a path behind `use`", "DNA211"),
    Limit("errors", MOST_ERRORS, "syntax errors", "told in one run", "DNA126"),
    Limit("name_length", LONGEST_NAME, "characters", "a name", "DNA108"),
    Limit("number_length", LONGEST_NUMBER, "characters", "a number", "DNA108"),
    Limit("number_size", LARGEST_NUMBER, "", "a number's magnitude", "DNA311"),
    Limit("nesting", DEEPEST, "levels", "brackets, blocks and operators", "DNA109"),
    Limit("repeat_turns", MOST_TURNS, "turns", "a repeat with those around it", "DNA316"),
    Limit("steps", MOST_NODES, "steps", "one net, repeats written out", "DNA317"),
    Limit("module_parts", MOST_PARTS, "parts", "one module", "DNA317"),
    Limit("pool_members", MOST_MEMBERS, "modules", "one pool, and one route", "DNA317"),
    Limit("candidates", MOST_SLOTS, "candidates", "all routing steps together", "DNA317"),
    Limit("params", MOST_PARAMS, "parameters", "one net", "DNA317"),
)
"""All budgets, in the order in which a spec meets them."""
