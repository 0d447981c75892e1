"""`init NAME = checkpoint(...)`: checked by headers alone, and exactly the model that was trained elsewhere."""

from __future__ import annotations

import json
from pathlib import Path
from shutil import rmtree

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

import dnac
import llamas
from dnac.cli.main import main
from dnac.driver import check
from dnac.ir.printer import print_graph
from dnac.ir.reader import read_graph
from dnac.text.files import read_source
from dnac.text.weight_files import Unreadable, read_header
from dnac.train.run import Run

BASE = 100.0
CONFIG = {
    "model_type": "llama", "hidden_size": llamas.D, "intermediate_size": llamas.HIDDEN,
    "num_hidden_layers": llamas.LAYERS, "num_attention_heads": llamas.H, "num_key_value_heads": llamas.G,
    "vocab_size": llamas.V, "rms_norm_eps": 1e-5, "rope_theta": BASE, "tie_word_embeddings": True,
}  # fmt: skip
BLOCK = f"transformer(heads = {llamas.H}, kv_heads = {llamas.G}, norm = rms, mlp = swiglu({llamas.HIDDEN}))"
L = llamas.LAYERS


def spec(body: str, inits: str) -> str:
    return f"""dna 1
net n {{
  input text(context = {llamas.T}, vocabulary = {llamas.V})
  embed tokens({llamas.D}, positions = rope({BASE:g}))
{body}
  head lm = unembed(tied = true, norm = rms)
{inits}
}}
"""


WHOLE = 'init embed = checkpoint("m"); init lm = checkpoint("m")'
DENSE = spec(f"  repeat {L} {{ {BLOCK} }}", f'{WHOLE}; init transformer = checkpoint("m", layers = range(0, {L}))')
POOL = spec(
    f"""  pool layers {{ block[{L}] = {BLOCK}; skip = identity() }}
  repeat {L} as i {{
    hop: route layers by {{ choose = fixed(i); weight = one; balance = []; sees = module; score = random }}
  }}""",
    f'{WHOLE}; init layers.block = checkpoint("m", layers = range(0, {L}))',
)
COPIES = spec(
    f"""  repeat {L} {{
    attention(heads = {llamas.H}, kv_heads = {llamas.G}, norm = rms)
    pool experts(norm = rms) {{ e[3] = mlp(swiglu, {llamas.HIDDEN}) }}
    moe: route experts by {{ read = normed; choose = top(1); weight = renormalised; grad = ste; balance = [] }}
  }}""",
    f'{WHOLE}; init attention = checkpoint("m", layers = range(0, {L}))\n'
    f'  init experts.e = checkpoint("m", layers = range(0, {L}))',
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "config.json").write_text(json.dumps(CONFIG))
    save_file(
        {name: t.float().contiguous() for name, t in llamas.llama().items()}, tmp_path / "m" / "model.safetensors"
    )
    return tmp_path


def written(folder: Path, text: str) -> Path:
    (folder / "n.dna").write_text(text)
    return folder / "n.dna"


def codes(path: Path) -> list[tuple[str, str]]:
    return [(d.code, d.message) for d in check(read_source(path)).bag]


@pytest.mark.parametrize("text", [DENSE, POOL, COPIES], ids=["steps", "a pool", "copies of each mlp"])
def test_the_net_is_the_model_that_was_trained_elsewhere(folder: Path, text: str) -> None:
    """Equal copies under weights that sum to one are the layer itself, whichever is chosen."""
    network = dnac.load(written(folder, text)).build(seed=7)
    ids = torch.randint(0, llamas.V, (2, llamas.T))
    state = {name: t.float() for name, t in llamas.llama().items()}
    with torch.no_grad():
        assert (network(ids).logits - llamas.logits(state, ids, BASE)).abs().max() < 1e-4


def test_what_starts_elsewhere_is_part_of_the_graph(folder: Path) -> None:
    graph = dnac.load(written(folder, POOL)).graph
    assert [(p.set, p.layers) for p in graph.pretrained] == [
        ("embed", ()),
        ("lm", ()),
        ("layers.block", tuple(range(L))),
    ]
    assert read_graph(print_graph(graph)) == graph


def test_a_missing_checkpoint_is_a_fault_at_its_place(folder: Path) -> None:
    path = written(folder, DENSE.replace('embed = checkpoint("m")', 'embed = checkpoint("elsewhere")'))
    ((code, message),) = codes(path)
    assert code == "DNA754" and "no such file" in message
    (found,) = check(read_source(path)).bag
    assert found.span is not None and found.span.text == 'checkpoint("elsewhere")'
    assert codes(path) and not check(read_source(path), pretrained=False).bag.has_errors


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"rope_theta": 10_000.0}, "rope_theta"), ({"num_key_value_heads": llamas.H}, "num_key_value_heads"),
        ({"hidden_act": "gelu"}, "hidden_act"), ({"rms_norm_eps": 1e-6}, "norm"), ({"model_type": "gpt2"}, "gpt2"),
        ({"num_hidden_layers": 1}, "1 layers"), ({"tie_word_embeddings": False}, "tie_word_embeddings"),
    ],
)  # fmt: skip
def test_another_model_is_refused_before_torch(folder: Path, change: dict[str, object], says: str) -> None:
    (folder / "m" / "config.json").write_text(json.dumps({**CONFIG, **change}))
    found = codes(written(folder, DENSE))
    assert {code for code, _ in found} == {"DNA755"} and any(says in message for _, message in found)


def test_shapes_are_compared_by_the_header(folder: Path) -> None:
    found = codes(written(folder, DENSE.replace(f"swiglu({llamas.HIDDEN})", f"swiglu({llamas.HIDDEN + 1})")))
    assert found[0][0] == "DNA755" and "intermediate_size" in found[0][1]


@pytest.mark.parametrize("data", [b"", b"GGUF", b"GGUF" + b"\xff" * 40, b"\x01" * 27, b"\x01\0\0\0" * 9])
def test_damaged_files_are_said_to_be_so(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "x").write_bytes(data)
    with pytest.raises(Unreadable):
        read_header(tmp_path / "x")


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("config.json", '{"hidden_size": "wide"}'), ("config.json", '{"num_attention_heads": 0}'),
        ("config.json", '{"rms_norm_eps": "small"}'), ("config.json", "["), ("config.json", '{"rope_scaling": 3}'),
        ("model.safetensors.index.json", '{"weight_map": {"a": ["b"]}}'),
        ("model.safetensors", "\x02\0\0\0\0\0\0\0[]"),
        ("model.safetensors", "\x12\0\0\0\0\0\0\0" + '{"a":{"shape":[3]}}'),
    ],
)  # fmt: skip
def test_hostile_headers_are_faults_and_never_crashes(folder: Path, file: str, text: str) -> None:
    if file.endswith("index.json"):
        (folder / "m" / "model.safetensors").unlink()
    (folder / "m" / file).write_text(text)
    assert {code for code, _ in codes(written(folder, DENSE))} <= {"DNA754", "DNA755"}
    assert codes(written(folder, DENSE))


def test_a_gguf_file_is_the_same_model_with_its_rotary_rows_put_back(folder: Path) -> None:
    gguf = pytest.importorskip("gguf")
    theirs = {v: k for k, v in __import__("dnac.text.weight_files", fromlist=["x"]).GGUF_NAMES.items()}
    writer = gguf.GGUFWriter(folder / "m.gguf", "llama")
    writer.add_embedding_length(llamas.D)
    writer.add_block_count(L)
    writer.add_feed_forward_length(llamas.HIDDEN)
    writer.add_head_count(llamas.H)
    writer.add_head_count_kv(llamas.G)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_freq_base(BASE)
    for name, tensor in llamas.llama().items():
        parts = name.removesuffix(".weight").split(".")
        if parts[1] == "layers":
            short = f"blk.{parts[2]}.{theirs['.'.join(parts[3:])]}.weight"
        else:
            short = f"{theirs[name.removesuffix('.weight')]}.weight"
        for end, heads in (("q_proj", llamas.H), ("k_proj", llamas.G)):
            if parts[-1] == end:  # halves to neighbours, as the converter of llama.cpp does
                tensor = tensor.unflatten(0, (heads, 2, -1)).transpose(1, 2).flatten(0, 2)
        writer.add_tensor(short, np.ascontiguousarray(tensor.float().numpy()))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    network = dnac.load(written(folder, DENSE.replace('"m"', '"m.gguf"'))).build()
    ids = torch.randint(0, llamas.V, (2, llamas.T))
    state = {name: t.float() for name, t in llamas.llama().items()}
    with torch.no_grad():
        assert (network(ids).logits - llamas.logits(state, ids, BASE)).abs().max() < 1e-4


def test_a_run_starts_from_the_checkpoint_and_needs_it_no_more(folder: Path) -> None:
    """Trained for one step at rate 0, the run holds the checkpoint's weights; then the checkpoint goes."""
    for name, step in (("train", 1), ("valid", 3)):
        (folder / f"{name}.bin").write_bytes((np.arange(600) * step % llamas.V).astype(np.uint16).tobytes())
    train = """train n {
  data = tokens("train.bin"); valid = tokens("valid.bin"); batch = sequences(2); length = steps(1); lr = 0.0
}
"""
    path = written(folder, DENSE + train)
    out = folder / "run"
    assert main(["train", str(path), "--out", str(out), "--device", "cpu", "--plain"]) == 0
    wanted = dnac.load(path).build().state_dict()
    rmtree(folder / "m")
    found = Run.open(out).network(lambda diagnostic: None).state_dict()
    assert all(torch.equal(wanted[name], tensor) for name, tensor in found.items())
    assert main(["check", str(path)]) == 1 and main(["eval", str(out), "--batches", "1"]) == 0
