"""Generating with a real small net: greedy equals the definition, the window slides, text comes whole."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
import torch

from dnac.data import load_tokenizer
from dnac.ir.form import form
from dnac.ir.graph import Graph
from dnac.lowering.network import Network
from dnac.semantics.result import Verdict
from dnac.serve.generate import Wish, generate, pieces, prompt_ids, reader, require_causal, samples, way_of
from dnac.serve.readers import Cached, Fixed, Windows
from dnac.serve.sampling import Sampling
from dnac.text.diagnostic import Faults
from graphs import tiny_text
from inputs import text_input

GREEDY = Sampling(temperature=0)


@pytest.fixture(scope="module")
def network() -> Network:
    """A small routed net with large weights, so that its choices differ."""
    net = Network(tiny_text(steps=2, blocks=3), dtype=torch.float64, seed=1)
    with torch.no_grad():
        for p in net.parameters():
            p.mul_(8)
    return net


@torch.no_grad()
def by_hand(network: Network, ids: list[int], count: int) -> list[int]:
    """Greedy, without padding: the window is as long as the text."""
    for _ in range(count):
        logits = network.eval()(torch.tensor([ids[-12:]])).logits
        ids = [*ids, int(logits[0, -1].argmax())]
    return ids[-count:]


def test_greedy_equals_unpadded_windows_and_slides_past_the_context(network: Network) -> None:
    assert list(generate(network, [65, 66, 67], Wish(20, GREEDY))) == by_hand(network, [65, 66, 67], 20)


def test_with_one_history_for_all_padding_behind_the_text_changes_nothing() -> None:
    net = Network(tiny_text(steps=2, blocks=3, sees=form("history")), dtype=torch.float64, seed=1)
    with torch.no_grad():
        for p in net.parameters():
            p.mul_(8)
    assert list(generate(net, [65, 66, 67], Wish(12, GREEDY))) == by_hand(net, [65, 66, 67], 12)


def test_a_prompt_longer_than_the_context_counts_by_its_end(network: Network) -> None:
    long = list(range(40))
    assert list(generate(network, long, Wish(3, GREEDY))) == list(generate(network, long[-12:], Wish(3, GREEDY)))


def test_seeds_repeat_and_differ(network: Network) -> None:
    texts = [list(generate(network, [65], Wish(12, Sampling(temperature=9.0), seed=s))) for s in (0, 0, 1)]
    assert texts[0] == texts[1] != texts[2]


def test_it_stops_at_the_end_token_and_does_not_give_it_out(network: Network) -> None:
    whole = by_hand(network, [65, 66, 67], 8)
    stop = next(t for t in whole[1:] if t != whole[0])
    found = list(generate(network, [65, 66, 67], Wish(8, GREEDY, stop_at=stop)))
    assert found == whole[: whole.index(stop)]


def test_what_is_not_proven_causal_is_refused(network: Network) -> None:
    require_causal(network, Verdict(True, True))
    with pytest.raises(Faults) as caught:
        require_causal(network, Verdict(False, True, ("depth, at mod.dna:7:3",)))
    (fault,) = caught.value.bag
    assert fault.code == "DNA641" and fault.notes == ("depth, at mod.dna:7:3",)


def test_an_image_net_is_refused() -> None:
    class Image:
        graph: Graph = replace(tiny_text(), input=form("image", size=(8, 8), channels=1, classes=10))

    with pytest.raises(Faults, match="takes images"):
        require_causal(Image(), Verdict(None, True))  # type: ignore[arg-type]


def test_text_comes_in_whole_characters() -> None:
    from pathlib import Path

    tokenizer = load_tokenizer(text_input(), Path())

    def spelled(raw: bytes) -> Iterator[int]:
        yield from raw

    assert list(pieces(tokenizer, spelled("aé🙂b".encode()))) == ["a", "é", "🙂", "b"]
    assert "".join(pieces(tokenizer, spelled(b"a\xff\xff\xff\xff\xffb"))) == "a" + "\ufffd" * 5 + "b"
    assert "".join(pieces(tokenizer, spelled(b"a\xc3"))) == "a\ufffd"


def test_an_empty_prompt_begins_a_document_or_is_refused() -> None:
    from pathlib import Path

    ended = load_tokenizer(text_input(tokenizer=form("bytes", end=0)), Path())
    assert prompt_ids(ended, "") == [0] and prompt_ids(ended, "a") == [97]
    with pytest.raises(Faults) as caught:
        prompt_ids(load_tokenizer(text_input(), Path()), "")
    assert [d.code for d in caught.value.bag] == ["DNA642"]


def test_a_network_of_nans_does_not_speak() -> None:
    broken = Network(tiny_text(steps=1, blocks=2), seed=1)
    with torch.no_grad():
        broken.get_parameter("lm.weight").fill_(float("nan"))
    with pytest.raises(Faults) as caught:
        list(generate(broken, [65], Wish(3)))
    assert [d.code for d in caught.value.bag] == ["DNA644"]


def test_a_predictor_chooses_while_generating() -> None:
    choose = form("top_tokens", share=0.25, member=None, per="sequence", takers=(0, 1, 2), rest=None)
    decode = form("predictor", score=form("linear", init=form("normal", std=0.02)), loss=0.01)
    net = Network(tiny_text(steps=2, blocks=3, skips=0, choose=choose, decode=decode), dtype=torch.float64, seed=1)
    with torch.no_grad():
        for p in net.parameters():
            p.mul_(8)
    assert net.decodes
    ids = [65, 66, 67]
    for token in generate(net, ids[:3], Wish(6, GREEDY)):
        logits = net.eval()(torch.tensor([ids]), decode=True).logits
        assert token == int(logits[0, -1].argmax())
        ids.append(token)
    leaky = net(torch.tensor([ids])).logits
    assert not torch.equal(leaky, net(torch.tensor([ids]), decode=True).logits)


def test_a_cache_gives_the_text_that_windows_give_and_computes_each_token_once(network: Network) -> None:
    by, reasons = reader(network)
    assert isinstance(by, Cached) and not reasons
    windows, _ = reader(network, cached=False)
    assert isinstance(windows, Windows)

    texts = [list(generate(network, [65, 66, 67], Wish(7, GREEDY), each)) for each in (by, windows)]
    assert texts[0] == texts[1]
    assert by.cache.tokens == 9, "the prompt and all new tokens but the last"


def test_a_text_that_does_not_go_on_from_the_one_before_is_read_as_a_window(network: Network) -> None:
    by, windows = (reader(network, cached=which)[0] for which in (True, False))
    for ids in ([1, 2, 3], [1, 2, 3, 4], [2, 3, 4, 5], [1, 2, 3, 4, 6]):
        assert torch.allclose(by.logits(ids), windows.logits(ids), atol=1e-9)


def test_a_net_that_decides_for_many_tokens_says_why_it_has_no_cache() -> None:
    net = Network(tiny_text(scope=form("sequence")), dtype=torch.float64)
    by, reasons = reader(net)
    assert isinstance(by, Windows) and "scope = sequence" in reasons[0]


LIMITED = form("capacity", factor=1.0, overflow="pass", order="position", per="sequence")


@pytest.mark.parametrize(
    ("on_gpu", "cached", "way"),
    [(True, None, Fixed), (True, True, Fixed), (True, False, Windows), (False, None, Cached), (False, False, Windows)],
)
def test_a_net_is_read_in_the_way_that_is_fastest_on_its_device(on_gpu: bool, cached: bool | None, way: type) -> None:
    assert way_of(tiny_text(), on_gpu=on_gpu, cached=cached) == (way, ())


@pytest.mark.parametrize(
    ("on_gpu", "cached", "way"), [(True, None, Windows), (True, True, Cached), (False, None, Cached)]
)
def test_a_net_that_static_shapes_do_not_serve(on_gpu: bool, cached: bool | None, way: type) -> None:
    found, reasons = way_of(tiny_text(limit=LIMITED), on_gpu=on_gpu, cached=cached)
    assert found is way
    assert bool(reasons) == on_gpu and all("limit = capacity" in why for why in reasons)


WILD = Sampling(temperature=5.0)


def alone(network: Network, prompt: list[int], wish: Wish) -> list[int]:
    """A text of a reader of its own, by windows."""
    return list(generate(network, prompt, wish, reader(network, cached=False)[0]))


@pytest.mark.parametrize("fixed", [False, True])
def test_one_reader_serves_prompts_of_any_length_without_a_window(network: Network, fixed: bool) -> None:
    by, _ = reader(network, fixed=fixed)
    assert isinstance(by, Fixed if fixed else Cached)
    by.windows = None  # type: ignore[assignment]
    for prompt in ([65, 66, 67], [70], [71, 72, 73, 74, 75, 76]):
        wish = Wish(6, WILD, seed=len(prompt))
        assert list(generate(network, prompt, wish, by)) == alone(network, prompt, wish)


@pytest.mark.parametrize("fixed", [False, True])
def test_samples_are_the_texts_of_the_next_seeds(network: Network, fixed: bool) -> None:
    by, _ = reader(network, fixed=fixed, texts=3)
    wanted = [alone(network, [65, 66], Wish(8, WILD, seed)) for seed in (4, 5, 6)]
    assert samples(network, [65, 66], Wish(8, WILD, 4), 3, by) == wanted
    assert len({tuple(text) for text in wanted}) == 3


def test_samples_are_read_at_once(network: Network) -> None:
    by, _ = reader(network, fixed=True, texts=3)
    assert isinstance(by, Fixed)
    shapes, read = [], by.stepper.read
    by.stepper.read = lambda new: shapes.append(tuple(new.shape)) or read(new)  # type: ignore[func-returns-value, method-assign]
    samples(network, [65, 66], Wish(4, WILD), 3, by)
    assert shapes == [(3, 2), (3, 1), (3, 1), (3, 1)]
    with pytest.raises(ValueError, match="for 3 texts at once, not 2"):
        samples(network, [65, 66], Wish(4, WILD), 2, by)


def test_samples_end_one_by_one_and_slide_past_the_context(network: Network) -> None:
    by, _ = reader(network, fixed=True, texts=3)
    texts = [alone(network, [65, 66], Wish(20, WILD, seed)) for seed in range(3)]
    assert samples(network, [65, 66], Wish(20, WILD), 3, by) == texts, "the context has 12 tokens"
    stop = next(token for token in texts[1][2:] if token not in texts[1][:2] and token not in texts[0][:9])
    wish = Wish(9, WILD, stop_at=stop)
    wanted = [alone(network, [65, 66], replace(wish, seed=seed)) for seed in range(3)]
    assert samples(network, [65, 66], wish, 3, by) == wanted
    assert len(wanted[1]) < 9 == len(wanted[0])
    ends_at_once = replace(wish, stop_at=texts[0][0])
    assert samples(network, [65, 66], ends_at_once, 1, reader(network, fixed=True)[0]) == [[]]
