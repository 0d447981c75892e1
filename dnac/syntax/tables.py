"""The LALR tables of `dna.lark` as plain values, written to `dna.tables.json`: `python -m dnac.syntax.tables`.

The only importer of lark. A command reads the written tables, so that it neither loads lark nor makes tables at its
start; a test keeps them fresh.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

GRAMMAR = Path(__file__).with_name("dna.lark")
TABLES = Path(__file__).with_name("dna.tables.json")
STARTS = ("file", "setting")


def tables() -> dict[str, Any]:
    """What `machine.Machine` runs.

    `start` and `end`: states by what is parsed. `states`: for each state what follows a word or a rule: the next
    state, or `-1 - r` for "rule r ends here". `rules`: name of what a rule makes, its parts, the name of its function
    in `builder.RULES`, whether one part stands for itself, and the parts that are runs of parts.
    """
    import lark  # untyped under pyright: this function is the border

    made: Any = lark.Lark(
        GRAMMAR.read_text(encoding="utf-8"),
        parser="lalr",
        lexer="basic",
        start=list(STARTS),
        keep_all_tokens=True,
        maybe_placeholders=False,
    )
    table = made.parser.parser.parser.parse_table
    rules = {rule: number for number, rule in enumerate(sorted(made.rules, key=_order))}
    number = _numbers(table)
    return {
        "start": {start: number[table.start_states[start]] for start in STARTS},
        "end": {start: number[table.end_states[start]] for start in STARTS},
        "rules": [_rule(rule) for rule in rules],
        "states": [
            {word: _next(action, number, rules) for word, action in sorted(table.states[state].items())}
            for state in number
        ],
    }


def _order(rule: Any) -> tuple[str, int]:
    return rule.origin.name, rule.order


def _numbers(table: Any) -> dict[int, int]:
    """Numbers of states in the order in which they are reached: lark's own differ from run to run."""
    found = dict.fromkeys(table.start_states[start] for start in STARTS)
    waiting = list(found)
    for state in waiting:
        for _, (_, target) in sorted(table.states[state].items(), key=lambda row: row[0]):
            if isinstance(target, int) and target not in found:
                found[target] = None
                waiting.append(target)
    return {state: number for number, state in enumerate(found)}


def _next(action: tuple[Any, Any], number: dict[int, int], rules: dict[Any, int]) -> int:
    return number[action[1]] if isinstance(action[1], int) else -1 - rules[action[1]]


def _rule(rule: Any) -> tuple[str, int, str, bool, list[int]]:
    parts = rule.expansion
    runs = [i for i, part in enumerate(parts) if not part.is_term and part.name.startswith("_")]
    name = rule.alias or rule.options.template_source or rule.origin.name
    return rule.origin.name, len(parts), name, bool(rule.options.expand1 and not rule.alias), runs


def text() -> str:
    """The tables as they are kept: one rule and one state a line."""
    made = tables()
    rows = {key: ",\n".join(json.dumps(row) for row in made[key]) for key in ("rules", "states")}
    heads = "".join(f"{json.dumps(key)}: {json.dumps(made[key])},\n" for key in ("start", "end"))
    return f'{{{heads}"rules": [\n{rows["rules"]}\n],\n"states": [\n{rows["states"]}\n]}}\n'


if __name__ == "__main__":
    TABLES.write_text(text(), encoding="utf-8")
