"""What `dnac train` says of a loss before the first train step."""

from __future__ import annotations

from pathlib import Path

import pytest

from dnac.cli.main import main

SPEC = """dna 1
net n {
  input text(context = 8, vocabulary = 256)
  embed tokens(8, positions = learned)
  head lm = unembed()
  mlp(gelu, 2x)
  TAP
  mlp(gelu, 2x)
}
train n {
  data = text("a.txt", split = train); valid = text("a.txt", split = valid)
  batch = sequences(2); length = steps(1); lr = 1e-3
}
"""


@pytest.mark.parametrize(("tap", "is_said"), [("tap lm(loss = 0.5)", True), ("", False)])
def test_a_loss_that_counts_taps_is_said_to(
    tap: str, is_said: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DNAC_CACHE", str(tmp_path / "cache"))
    (tmp_path / "net.dna").write_text(SPEC.replace("TAP", tap))
    (tmp_path / "a.txt").write_text("the quick brown fox jumps over the lazy dog, again and again.\n" * 9)
    words = [str(tmp_path / "net.dna"), "--out", str(tmp_path / "run"), "--plain", "--no-compile", "--device", "cpu"]
    assert main(["train", *words]) == 0
    assert ("counts the losses of taps" in capsys.readouterr().err) is is_said
