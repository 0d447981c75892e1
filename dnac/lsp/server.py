"""The language server: pygls speaks the protocol, the other files of this folder know the language.

A change of the text is answered by diagnostics once no newer text is waiting; asserts on costs, which
take longer, follow when typing pauses.
"""

from __future__ import annotations

import asyncio
import gc
from pathlib import Path

from lsprotocol import types as lsp
from pygls import uris
from pygls.lsp.server import LanguageServer

from dnac import __version__
from dnac.lsp import protocol
from dnac.lsp.completion import complete
from dnac.lsp.definition import definition
from dnac.lsp.document import Document
from dnac.lsp.findings import findings, has_slow_checks, slow_findings
from dnac.lsp.formatting import formatted
from dnac.lsp.hover import hover
from dnac.lsp.places import offset_of

PAUSE = 0.005
"""Seconds to wait for a newer text before checking."""
LONG_PAUSE = 0.3
"""Seconds without typing before asserts on costs are computed."""
TRIGGERS = [".", "=", "(", "[", '"']
"""Characters after which an editor asks for completion by itself."""


class DnaServer(LanguageServer):
    """pygls's server with the texts that are open."""

    def __init__(self) -> None:
        super().__init__("dnac", __version__, text_document_sync_kind=lsp.TextDocumentSyncKind.Full)
        self.known: dict[str, tuple[int | None, Document]] = {}

    def document(self, uri: str) -> Document:
        """The present state of a text; what is known of it is kept until it changes."""
        text = self.workspace.get_text_document(uri)
        kept = self.known.get(uri)
        if kept is not None and kept[0] == text.version and text.version is not None:
            return kept[1]
        document = Document(uris.to_fs_path(uri) or text.path, text.source)
        self.known[uri] = (text.version, document)
        return document

    def version_of(self, uri: str) -> int | None:
        """The version of a text that is open, else None."""
        text = self.workspace.text_documents.get(uri)
        return text.version if text is not None else None

    @property
    def encoding(self) -> str:
        """In which units the editor counts characters."""
        return str(getattr(self.workspace.position_encoding, "value", self.workspace.position_encoding))

    def offset(self, at: lsp.HoverParams | lsp.DefinitionParams | lsp.CompletionParams) -> tuple[Document, int]:
        """The document and place that a request is about."""
        document = self.document(at.text_document.uri)
        return document, offset_of(document.source, protocol.place(at.position), self.encoding)

    async def publish(self, uri: str) -> None:
        """Send the faults of a text, unless a newer one comes meanwhile."""
        version = self.version_of(uri)
        await asyncio.sleep(PAUSE)
        if version is None or self.version_of(uri) != version:
            return
        document = self.document(uri)
        found = findings(document)
        self.send(uri, version, found)
        await asyncio.sleep(LONG_PAUSE)
        if self.version_of(uri) != version:
            return
        if has_slow_checks(document) and (more := slow_findings(document)):
            self.send(uri, version, sorted([*found, *more], key=lambda f: f.at.start))
        gc.collect()  # here, where nobody waits: `make_server` keeps it out of the way otherwise

    def send(self, uri: str, version: int, found: list[protocol.Finding]) -> None:
        """Publish diagnostics."""
        items = [protocol.diagnostic(f, uri, self.encoding) for f in found]
        self.text_document_publish_diagnostics(lsp.PublishDiagnosticsParams(uri, items, version))


def make_server() -> DnaServer:
    """A server with all that it can do."""
    gc.freeze()  # all that is imported stays
    gc.set_threshold(1_000_000, 20, 20)
    server = DnaServer()
    _synchronize(server)
    _answer(server)
    return server


def _synchronize(server: DnaServer) -> None:
    """Texts that open, change, are saved and close."""

    @server.feature(lsp.TEXT_DOCUMENT_DID_OPEN)
    async def opened(ls: DnaServer, params: lsp.DidOpenTextDocumentParams) -> None:
        await ls.publish(params.text_document.uri)

    @server.feature(lsp.TEXT_DOCUMENT_DID_CHANGE)
    async def changed(ls: DnaServer, params: lsp.DidChangeTextDocumentParams) -> None:
        await ls.publish(params.text_document.uri)

    @server.feature(lsp.TEXT_DOCUMENT_DID_SAVE)
    async def saved(ls: DnaServer, params: lsp.DidSaveTextDocumentParams) -> None:
        """Other open texts may use the file, which they read from the disk."""
        path = Path(uris.to_fs_path(params.text_document.uri) or "")
        for uri in [u for u in ls.known if ls.version_of(u) is not None]:
            if uri != params.text_document.uri and Path(uris.to_fs_path(uri) or "").parent in path.parents:
                ls.known.pop(uri)
                await ls.publish(uri)

    @server.feature(lsp.TEXT_DOCUMENT_DID_CLOSE)
    def closed(ls: DnaServer, params: lsp.DidCloseTextDocumentParams) -> None:
        ls.known.pop(params.text_document.uri, None)
        ls.text_document_publish_diagnostics(lsp.PublishDiagnosticsParams(params.text_document.uri, []))


def _answer(server: DnaServer) -> None:
    """Requests about a place, and formatting."""

    @server.feature(lsp.TEXT_DOCUMENT_HOVER)
    def hovered(ls: DnaServer, params: lsp.HoverParams) -> lsp.Hover | None:
        found = hover(*ls.offset(params))
        return protocol.hover(found, ls.encoding) if found is not None else None

    @server.feature(lsp.TEXT_DOCUMENT_DEFINITION)
    def defined(ls: DnaServer, params: lsp.DefinitionParams) -> lsp.Location | None:
        found = definition(*ls.offset(params))
        return protocol.location(found.path, found.at, ls.encoding) if found is not None else None

    @server.feature(lsp.TEXT_DOCUMENT_COMPLETION, lsp.CompletionOptions(trigger_characters=TRIGGERS))
    def completed(ls: DnaServer, params: lsp.CompletionParams) -> list[lsp.CompletionItem]:
        found = complete(*ls.offset(params))
        return [protocol.completion(item, place, ls.encoding) for place, item in enumerate(found)]

    @server.feature(lsp.TEXT_DOCUMENT_FORMATTING)
    def format_(ls: DnaServer, params: lsp.DocumentFormattingParams) -> list[lsp.TextEdit]:
        document = ls.document(params.text_document.uri)
        text = formatted(document)
        return [protocol.whole(document.source, text, ls.encoding)] if text is not None else []
