"""A run that is stopped, killed and resumed, each time in a new process, is the run that never stopped."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from dnac.cli.main import main
from dnac.train import checkpoint
from training import trace, write_spec

HERE = Path(__file__).parent


def segment(name: str, place: str, at: int, *words: str) -> subprocess.CompletedProcess[str]:
    """One process of `dnac`, ended by a signal."""
    paths = os.pathsep.join([str(HERE), str(HERE.parents[1])])
    return subprocess.run(
        [sys.executable, str(HERE / "worker.py"), name, place, str(at), *words],
        capture_output=True,
        text=True,
        check=False,
        timeout=280,
        env={**os.environ, "PYTHONPATH": paths, "OMP_NUM_THREADS": "1"},
    )


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, object]]:
    """The spec, and the trace of the run that never stopped."""
    folder = tmp_path_factory.mktemp("whole")
    spec = write_spec(folder)
    assert main(["train", str(spec), "--out", str(folder / "run"), "--no-compile"]) == 0
    return spec, trace(folder / "run", 12)


def test_stopped_interrupted_killed_within_a_save_and_resumed_it_ends_in_the_same_bits(
    whole: tuple[Path, dict[str, object]], tmp_path: Path
) -> None:
    spec, wanted = whole
    words = ("train", str(spec), "--out", str(tmp_path / "run"), "--no-compile")
    first = segment("SIGTERM", "step", 3, *words)
    assert first.returncode == 143, first.stderr
    assert "stopped after step 3" in first.stderr
    assert checkpoint.published(tmp_path / "run" / "checkpoints")[-1].name == "step_3"
    second = segment("SIGINT", "step", 7, *words, "--resume")
    assert second.returncode == 130, second.stderr
    assert "going on from step_3" in second.stderr
    third = segment("SIGKILL", "save", 20, *words, "--resume")
    assert third.returncode == -9, third.stderr
    fourth = segment("none", "", 0, *words, "--resume")
    assert fourth.returncode == 0, fourth.stderr
    assert trace(tmp_path / "run", 12) == wanted


def test_a_second_signal_ends_at_once_and_leaves_good_checkpoints(
    whole: tuple[Path, dict[str, object]], tmp_path: Path
) -> None:
    words = ("train", str(whole[0]), "--out", str(tmp_path / "run"), "--no-compile")
    code = (
        "import os, signal, sys; from dnac.train import session; from dnac.cli.main import main\n"
        "def step(run, batch, real=session.train_step):\n"
        "    update = real(run, batch)\n"
        "    if update.step == 6:\n"
        "        os.kill(os.getpid(), signal.SIGTERM); os.kill(os.getpid(), signal.SIGTERM)\n"
        "    return update\n"
        "session.train_step = step\n"
        "sys.exit(main(sys.argv[1:]))\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code, *words],
        capture_output=True,
        text=True,
        check=False,
        timeout=280,
        env={**os.environ, "PYTHONPATH": str(HERE.parents[1]), "OMP_NUM_THREADS": "1"},
    )
    assert ended.returncode == -15, "ended by the signal itself, before step 6 was saved"
    folder = tmp_path / "run" / "checkpoints"
    assert checkpoint.load_latest(folder, lambda d: pytest.fail(d.message)).step == 5


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_killed_at_random_places_again_and_again_it_ends_in_the_same_bits(
    whole: tuple[Path, dict[str, object]], tmp_path: Path, seed: int
) -> None:
    spec, wanted = whole
    draw = random.Random(seed)
    words = ["train", str(spec), "--out", str(tmp_path / "run"), "--no-compile"]
    for _ in range(30):
        place = draw.choice(["step", "save"])
        at = draw.randrange(1, 13) if place == "step" else draw.randrange(1, 70)
        resume = ["--resume"] if (tmp_path / "run").exists() else []
        ended = segment("SIGKILL", place, at, *words, *resume)
        assert ended.returncode in (0, -9), ended.stderr
        if ended.returncode == 0:
            break
    else:
        assert segment("none", "", 0, *words, "--resume").returncode == 0
    assert trace(tmp_path / "run", 12) == wanted
