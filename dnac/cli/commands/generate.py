"""`dnac generate RUN --prompt TEXT`: text from a trained language model."""

from __future__ import annotations

import json
import sys
import time
from argparse import ArgumentParser, BooleanOptionalAction, Namespace
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

from dnac.cli.base import Command
from dnac.cli.options import add_settings, status, wants_json
from dnac.cli.runs import add_run, outcome, teller
from dnac.cli.usage import WrongUse

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dnac.data.base import Tokenizer
    from dnac.lowering.network import Network
    from dnac.serve.generate import Wish
    from dnac.serve.readers import Reader
    from dnac.serve.sampling import Sampling

_WHAT_IS_SLOWER = {
    False: "every token takes a whole window",
    True: "shapes follow the choices, so the host sets the pace",
}
"""What is said before each reason, by whether earlier tokens leave something."""


def _add_arguments(parser: ArgumentParser) -> None:
    add_run(parser)
    add_settings(parser)
    parser.add_argument("--prompt", metavar="TEXT", default="", help="the text to go on from; `-` reads it from stdin")
    parser.add_argument("--tokens", metavar="N", type=int, default=200, help="new tokens at most (default 200)")
    parser.add_argument(
        "--samples", metavar="N", type=int, default=1, help="texts of the seeds from --seed on (default 1)"
    )
    parser.add_argument("--greedy", action="store_true", help="always the likeliest token")
    parser.add_argument("--temperature", metavar="T", type=float, default=1.0, help="below 1: safer (default 1)")
    parser.add_argument("--top-k", metavar="K", type=int, help="only the K likeliest tokens")
    parser.add_argument("--top-p", metavar="P", type=float, help="only the likeliest tokens that sum to P")
    parser.add_argument("--seed", metavar="N", type=int, default=0, help="equal seeds give equal texts (default 0)")
    parser.add_argument(
        "--cache",
        dest="cached",
        action=BooleanOptionalAction,
        help="keep what earlier tokens left (default: where it is fastest)",
    )
    parser.add_argument("--past-end", action="store_true", help="go on after an end-of-document token")


def _run(args: Namespace) -> int:
    if args.tokens < 1:
        raise WrongUse("--tokens must be 1 or more")
    if args.samples < 1:
        raise WrongUse("--samples must be 1 or more")
    return outcome(_generate, args)


def _generate(args: Namespace) -> int:
    from dnac.data import load_tokenizer
    from dnac.serve.generate import Wish, prompt_ids, reader, require_causal
    from dnac.serve.readers import Windows
    from dnac.train.assess import changed, seeds_of
    from dnac.train.run import Run
    from dnac.train.start import pick_device

    sampling, device = _sampling(args), str(pick_device(args.device))
    run = changed(Run.open(args.run), args.settings)
    spec = run.spec_with(args.settings)
    network = run.network(teller(args), settings=args.settings, device=device, lowering=args.lowering)
    require_causal(network, spec.verdicts["generate"])
    tokenizer = load_tokenizer(network.graph.input, run.root)
    prompt = sys.stdin.read() if args.prompt == "-" else args.prompt
    wish = Wish(args.tokens, sampling, args.seed, None if args.past_end else tokenizer.end)
    by, reasons = reader(network, cached=args.cached, seeds=seeds_of(run, device), texts=args.samples)
    is_cached = not isinstance(by, Windows)
    for reason in reasons:
        status(f"{_WHAT_IS_SLOWER[is_cached]}: {reason}")
    asked = Asked(network, tokenizer, prompt, prompt_ids(tokenizer, prompt), wish, by)
    begun = time.perf_counter()
    texts = [_one(asked, args)] if args.samples == 1 else _several(asked, args)
    seconds, tokens = time.perf_counter() - begun, sum(len(text["ids"]) for text in texts)
    if wants_json(args):
        rate = round(tokens / seconds, 2)
        said = {"version": 1, "run": str(run.path), "prompt": prompt, **texts[0], "tokens_per_s": rate}
        print(json.dumps({**said, "cached": is_cached, "samples": texts}))
    else:
        status(f"{tokens} tokens in {seconds:.1f} s")
    return 0


class Asked(NamedTuple):
    """What is to be written, and by whom."""

    network: Network
    tokenizer: Tokenizer
    prompt: str
    ids: list[int]
    wish: Wish
    by: Reader


def _one(asked: Asked, args: Namespace) -> dict[str, Any]:
    """One text, shown as it comes."""
    from dnac.serve.generate import generate, pieces

    ids: list[int] = []
    made = generate(asked.network, asked.ids, asked.wish, asked.by)
    text = _show(asked.prompt, pieces(asked.tokenizer, _kept(made, ids)), is_shown=not wants_json(args))
    return _said(text, ids, asked.wish)


def _several(asked: Asked, args: Namespace) -> list[dict[str, Any]]:
    """All texts, shown when they are there, an empty line between them."""
    from dnac.serve.generate import pieces, samples

    found: list[dict[str, Any]] = []
    for n, ids in enumerate(samples(asked.network, asked.ids, asked.wish, args.samples, asked.by)):
        text = "".join(pieces(asked.tokenizer, iter(ids)))
        found.append(_said(text, ids, replace(asked.wish, seed=asked.wish.seed + n)))
    if not wants_json(args):
        print("\n\n".join(asked.prompt + each["text"] for each in found))
    return found


def _said(text: str, ids: list[int], wish: Wish) -> dict[str, Any]:
    """What JSON tells of one text."""
    ended = "end" if len(ids) < wish.tokens else "count"
    return {"text": text, "tokens": len(ids), "ids": ids, "stopped_by": ended, "seed": wish.seed}


def _sampling(args: Namespace) -> Sampling:
    from dnac.serve.sampling import Sampling as Rules

    try:
        return Rules(0.0 if args.greedy else args.temperature, args.top_k, args.top_p)
    except ValueError as fault:
        raise WrongUse(str(fault)) from fault


def _kept(made: Iterator[int], ids: list[int]) -> Iterator[int]:
    for token in made:
        ids.append(token)
        yield token


def _show(prompt: str, texts: Iterator[str], *, is_shown: bool) -> str:
    """Print as it comes, the prompt first; return what is new."""
    if is_shown:
        print(prompt, end="", flush=True)
    whole: list[str] = []
    for text in texts:
        whole.append(text)
        if is_shown:
            print(text, end="", flush=True)
    if is_shown:
        print()
    return "".join(whole)


COMMAND = Command("generate", "write text with a trained run", _add_arguments, _run)
