"""The page about kinds of one's own shows the files of `examples/my_kind`, and they do what it says."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "examples" / "my_kind"
PAGE = (ROOT / "docs" / "add_a_kind.md").read_text(encoding="utf-8")
NET = """dna 1
net n {
  input text(context = 8, vocabulary = 16)
  embed tokens(16, positions = learned)
  pool p { a[4] = mlp(gelu, 1x) }
  route p by { score = constant([3.0, 1.0, 2.0, 0.0]); choose = top(2); weight = squared; balance = [] }
  head lm = unembed()
}
"""
SETUP = """
import torch, dnac
from pathlib import Path
from dnac import catalogue
from dnac.passes.pipeline import optimize
catalogue.add_folder(Path("examples/my_kind"))
spec, inputs = dnac.load({path!r}), torch.arange(8)[None]
"""


def run(tmp_path: Path, script: str) -> str:
    """What a script prints, with the folder added and the net above loaded, in a process of its own."""
    path = tmp_path / "n.dna"
    path.write_text(NET)
    code = SETUP.format(path=str(path)) + script
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_page_shows_the_files_as_they_stand():
    shown = re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    files = [path.read_text(encoding="utf-8") for path in FOLDER.rglob("*.py")]
    own = [block for block in shown if not any(block in text for text in files)]
    assert len(shown) >= 7
    assert [block.splitlines()[0][:30] for block in own] == ["reference, portable = (spec.bu"]


def test_the_page_names_every_file_of_the_folder():
    assert {p.relative_to(FOLDER).as_posix() for p in FOLDER.rglob("*.py")} <= set(re.findall(r"\w+/\w+\.py", PAGE))


def test_the_test_on_the_page_holds(tmp_path: Path):
    blocks = re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    run(tmp_path, blocks[-1])


def test_the_weight_is_the_square_of_the_gate(tmp_path: Path):
    script = """
step = spec.build(dtype="float64", seed=1)(inputs, record=True).record[0]
gates = torch.tensor([3.0, 1.0, 2.0, 0.0], dtype=torch.float64).softmax(-1)
assert step.ids.unique(dim=1).tolist() == [[[0, 2]]]
assert torch.allclose(step.weights, (gates[[0, 2]] ** 2).expand(1, 8, 2), atol=1e-12), step.weights
"""
    run(tmp_path, script)


def test_the_pass_drops_what_is_never_chosen_and_keeps_the_outputs(tmp_path: Path):
    script = """
(route,) = [node for node in optimize(spec.graph, "O1").nodes if hasattr(node, "runs")]
plain, better = (spec.build(dtype="float64", seed=1, level=level)(inputs).logits for level in ("O0", "O2"))
assert torch.allclose(plain, better, atol=1e-12) and plain.std() > 1e-4
moved = dnac.load(spec.source.path, settings=["route.balance=[load_bias(1e-3)]"])
(free,) = [node for node in optimize(moved.graph, "O1").nodes if hasattr(node, "runs")]
print(route.runs, free.runs)
"""
    assert run(tmp_path, script) == "(0, 2) (0, 1, 2, 3)\n"


def test_the_lowering_names_the_module_whose_output_is_no_number(tmp_path: Path):
    script = """
network, reference = (spec.build(lowering=name, seed=1) for name in ("watchful", "reference"))
assert torch.equal(network(inputs).logits, reference(inputs).logits)
with torch.no_grad():
    network.state_dict()["p.a.mlp.up"][2].fill_(float("nan"))
try:
    network(inputs)
except FloatingPointError as error:
    print(error)
"""
    assert run(tmp_path, script) == "p.a[2] gave a value that is no number, at route\n"
