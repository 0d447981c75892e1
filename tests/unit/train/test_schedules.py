"""The value of a schedule at a train step, and the numbers of a run."""

from __future__ import annotations

import pytest

from dnac.ir.form import Form, form
from dnac.kinds.train import TrainParams
from dnac.text.diagnostic import Faults
from dnac.train.schedules import value
from dnac.train.settings import Settings, resolve
from graphs import tiny_text


def schedule(start: float, *pieces: tuple[str, float, Form]) -> Form:
    return form("schedule", start=start, pieces=tuple(form(n, target=t, until=u) for n, t, u in pieces))


def share(x: float) -> Form:
    return form("share", n=x)


WARM = schedule(0.0, ("linear", 1e-3, share(0.1)), ("cosine", 1e-4, share(1.0)))


@pytest.mark.parametrize(
    ("step", "wanted"),
    [(0, 0.0), (1, 1e-4), (5, 5e-4), (10, 1e-3), (55, 5.5e-4), (100, 1e-4), (200, 1e-4)],
)
def test_a_warm_up_and_a_cosine_reach_their_targets_at_their_ends(step: int, wanted: float) -> None:
    assert value(WARM, step, 100, 512) == pytest.approx(wanted, abs=1e-12)


def test_durations_in_steps_tokens_and_shares_mean_the_same_place() -> None:
    ends = (form("steps", n=50), form("tokens", n=25600), share(0.5))
    pieces = [schedule(1.0, ("linear", 3.0, until)) for until in ends]
    assert [value(p, 25, 100, 512) for p in pieces] == [2.0, 2.0, 2.0]
    assert [value(p, 75, 100, 512) for p in pieces] == [3.0, 3.0, 3.0]


def test_a_step_of_no_length_jumps_where_a_hold_ends() -> None:
    held = schedule(1e-3, ("hold", 1e-3, share(0.95)), ("step", 0.0, share(0.95)))
    assert [value(held, s, 100, 1) for s in (1, 94, 95, 100)] == [1e-3, 1e-3, 0.0, 0.0]


def test_a_constant_is_itself() -> None:
    assert value(0.25, 7, 10, 1) == 0.25


def train(**changes: object) -> TrainParams:
    given: dict[str, object] = {
        "data": form("x"),
        "valid": form("y"),
        "batch": form("sequences", n=8),
        "length": form("steps", n=100),
        "lr": 1e-3,
    }
    return TrainParams(**{**given, **changes})  # type: ignore[arg-type]


def settings(**changes: object) -> Settings:
    return resolve(train(**changes), tiny_text(), samples=40)


def test_amounts_become_train_steps() -> None:
    assert settings().total_steps == 100
    assert settings(length=form("tokens", n=960)).total_steps == 10
    assert settings(length=form("epochs", n=2.0)).total_steps == 10
    assert settings(batch=form("tokens", n=48)).batch == 4
    assert settings().eval_every == settings().save_every == 10
    assert settings(eval_every=form("share", n=0.5), save_every=form("epochs", n=1.0)).eval_every == 50
    assert settings(save_every=form("epochs", n=1.0)).save_every == 5
    assert settings(accumulate=4).micro_batch == 2


def test_seeds_are_their_own_or_the_common_one() -> None:
    found = settings(seed=3, data_seed=9)
    assert (found.init_seed, found.data_seed, found.routing_seed) == (3, 9, 3)


@pytest.mark.parametrize(
    ("code", "changes"),
    [
        ("DNA651", {"accumulate": 3}),
        ("DNA652", {"length": form("tokens", n=5)}),
        ("DNA652", {"batch": form("tokens", n=2)}),
        ("DNA653", {"batch": form("epochs", n=1.0)}),
    ],
)
def test_amounts_that_make_no_run_are_refused(code: str, changes: dict[str, object]) -> None:
    with pytest.raises(Faults, match=code):
        settings(**changes)
