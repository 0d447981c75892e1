"""`dnac lsp` as an editor sees it: a process that speaks the protocol on its standard input and output."""

from __future__ import annotations

import asyncio
import builtins
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

pytest_lsp = pytest.importorskip("pytest_lsp")

from lsprotocol import types as lsp  # noqa: E402  (only where the extra is installed)

from dnac.cli.main import main  # noqa: E402
from editing import SPEC  # noqa: E402

TEXT = SPEC.replace("<here>", "# 𝒳\n")
BROKEN = TEXT.replace("choose = top(1);", "choose = topp(1);")


@pytest_lsp.fixture(config=pytest_lsp.ClientServerConfig(server_command=[sys.executable, "-m", "dnac", "lsp"]))
async def client(lsp_client: pytest_lsp.LanguageClient) -> AsyncIterator[None]:
    capabilities = pytest_lsp.client_capabilities("visual-studio-code")
    await lsp_client.initialize_session(lsp.InitializeParams(capabilities=capabilities))
    yield
    await lsp_client.shutdown_session()


def opened(client: Any, path: Path, text: str) -> str:
    """Open a text; its address."""
    uri = path.as_uri()
    client.text_document_did_open(lsp.DidOpenTextDocumentParams(lsp.TextDocumentItem(uri, "dna", 1, text)))
    return uri


def changed(client: Any, uri: str, version: int, text: str) -> None:
    """A new text."""
    client.text_document_did_change(
        lsp.DidChangeTextDocumentParams(
            lsp.VersionedTextDocumentIdentifier(version, uri), [lsp.TextDocumentContentChangeWholeDocument(text)]
        )
    )


async def published(client: Any, uri: str, count: int) -> list[lsp.Diagnostic]:
    """The diagnostics of a text, once there are so many."""
    for _ in range(400):
        found = client.diagnostics.get(uri)
        if found is not None and len(found) == count:
            return list(found)
        await asyncio.sleep(0.05)
    raise AssertionError(f"no {count} diagnostics came: {client.diagnostics}")


@pytest.mark.asyncio
async def test_diagnostics_follow_the_text(client: Any, tmp_path: Path):
    uri = opened(client, tmp_path / "a.dna", BROKEN)
    (fault,) = await published(client, uri, 1)
    assert fault.code
    assert fault.source == "dnac"
    assert "did you mean `top`?" in fault.message
    changed(client, uri, 2, TEXT)
    await published(client, uri, 0)
    changed(client, uri, 3, TEXT.replace("# 𝒳", "assert params < 10"))
    (fault,) = await published(client, uri, 1)
    assert "does not hold" in fault.message
    assert not client.log_messages


@pytest.mark.asyncio
async def test_places_are_counted_in_utf_16(client: Any, tmp_path: Path):
    line = 'param title = "𝒳𝒳"; param other = titel'
    uri = opened(client, tmp_path / "a.dna", f"dna 1\n{line}\n")
    (fault,) = await published(client, uri, 1)
    start = fault.range.start
    assert (start.line, start.character) == (1, len(line[: line.index("titel")]) + 2)


@pytest.mark.asyncio
async def test_hover_definition_completion_and_formatting(client: Any, tmp_path: Path):
    uri = opened(client, tmp_path / "a.dna", TEXT + "param   late=1\n")
    lines = TEXT.splitlines()
    row = next(n for n, line in enumerate(lines) if "hop: route" in line)
    here = lsp.TextDocumentIdentifier(uri)
    pool = lsp.Position(row, lines[row].index("nodes") + 1)
    hover = await client.text_document_hover_async(lsp.HoverParams(here, pool))
    assert "pool nodes" in hover.contents.value
    target = await client.text_document_definition_async(lsp.DefinitionParams(here, pool))
    assert (target.uri, lines[target.range.start.line].split()[:2]) == (uri, ["pool", "nodes"])
    word = lsp.Position(row, lines[row].index("top("))
    offered = await client.text_document_completion_async(lsp.CompletionParams(here, word))
    assert [item.label for item in offered][:3] == ["accumulate", "all", "by_chance"]
    options = lsp.FormattingOptions(tab_size=2, insert_spaces=True)
    (edit,) = await client.text_document_formatting_async(lsp.DocumentFormattingParams(here, options))
    assert edit.new_text.endswith("param late = 1\n")


@pytest.mark.asyncio
async def test_a_definition_in_the_standard_library_is_a_file(client: Any, tmp_path: Path):
    uri = opened(client, tmp_path / "a.dna", TEXT)
    lines = TEXT.splitlines()
    row = next(n for n, line in enumerate(lines) if "dna_eq1" in line)
    at = lsp.Position(row, lines[row].index("dna_eq1"))
    target = await client.text_document_definition_async(lsp.DefinitionParams(lsp.TextDocumentIdentifier(uri), at))
    assert target.uri.endswith("std/routers.dna")


def test_without_pygls_the_command_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    real = builtins.__import__

    def without(name: str, *args: Any, **kwargs: Any) -> Any:
        if name.split(".")[0] in ("pygls", "lsprotocol"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return real(name, *args, **kwargs)

    for module in [m for m in sys.modules if m.startswith(("dnac.lsp.server", "dnac.lsp.protocol"))]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setattr(builtins, "__import__", without)
    assert main(["lsp"]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert "the language server needs pygls" in said.err
    assert "pip install 'dnac-lang[lsp]'" in said.err


def test_the_server_leaves_quietly_when_the_editor_does():
    run = subprocess.run([sys.executable, "-m", "dnac", "lsp"], input=b"", capture_output=True, timeout=60, check=False)
    assert (run.returncode, run.stdout) == (0, b"")
    assert b"Traceback" not in run.stderr
