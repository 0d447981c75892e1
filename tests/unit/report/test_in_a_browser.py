"""Pages made from hostile names, in a real browser: no script runs, and nothing is asked of any server.

All pages stand in frames of one page on a server of this process, so that one start of the browser is enough. A script
that ran would change its page's title or ask for `/ran`; what the browser asks for is written down.
"""

from __future__ import annotations

import http.server
import re
import shutil
import subprocess
import threading
from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import Any

import pytest

from dnac.cli.main import main
from dnac.report import html
from dnac.report.sketch import sketch
from dnac.report.write import diagram_of
from hostile import FRAMES, material

BROWSER = next(
    (found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), ""
)
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not BROWSER, reason="no chromium on this machine"),
]
CALL = "document.title='ran';fetch('/ran')"
LOADS = (
    "<img src=/ran>",
    "<link rel=stylesheet href=/ran>",
    "<iframe src=/ran></iframe>",
    "<style>@import '/ran'</style>",
)
PAYLOADS = [frame.replace("{}", CALL) for frame in FRAMES] + [f'">{load}' for load in LOADS] + list(LOADS)
LOOK = """<!doctype html><title>look</title><body><script>
onload = () => setTimeout(() => {
  const ran = [...document.querySelectorAll('iframe')].filter(f => {
    try { return f.contentDocument.title === 'ran' } catch (e) { return false } });
  document.title = 'ran in ' + ran.length + ': ' + ran.map(f => f.getAttribute('src')).join(' ');
}, 1500);
</script>
"""


class Server(http.server.ThreadingHTTPServer):
    """Serves what it is given, and notes what is asked for."""

    def __init__(self, pages: dict[str, tuple[str, str]]) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.pages = pages
        self.asked: list[str] = []


class Handler(http.server.BaseHTTPRequestHandler):
    """One request."""

    def do_GET(self) -> None:
        self.server.asked.append(self.path)  # type: ignore[attr-defined]
        kind, text = self.server.pages.get(self.path, ("text/html", ""))  # type: ignore[attr-defined]
        body = text.encode("utf-8", "replace")
        self.send_response(200 if text else 404)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: Any) -> None:
        """Stay quiet."""


def seen(pages: dict[str, tuple[str, str]], folder: Path) -> tuple[str, set[str]]:
    """Where a script ran, by the title of the page that holds all of them; and what was asked for beside them."""
    frames = "".join(f'<iframe src="{escape(name)}"></iframe>' for name in pages)
    with Server({"/": ("text/html", LOOK + frames), **pages}) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        command = [
            BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", f"--user-data-dir={folder}",
            "--disable-background-networking", "--virtual-time-budget=30000", "--dump-dom",
            f"http://127.0.0.1:{server.server_port}/",
        ]  # fmt: skip
        done = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)
        server.shutdown()
    title = re.search(r"<title>(.*?)</title>", done.stdout, re.DOTALL)
    assert title, done.stderr[-1000:]
    return title[1], set(server.asked) - {"/", "/favicon.ico", *pages}


@pytest.fixture(scope="module")
def hostile() -> Iterator[dict[str, tuple[str, str]]]:
    """A page and a picture for each payload."""
    made = dict[str, tuple[str, str]]()
    for number, payload in enumerate(PAYLOADS):
        each = material(payload)
        made[f"/page{number}"] = ("text/html", html.page(each, diagram_of(each)))
        made[f"/picture{number}"] = ("image/svg+xml", sketch(diagram_of(each)))
    yield made


def test_the_browser_runs_what_is_not_escaped(tmp_path: Path) -> None:
    bad = f"<!doctype html><title>x</title><script>{CALL}</script>"
    title, asked = seen({"/bad": ("text/html", bad), "/good": ("text/html", "<title>x</title>")}, tmp_path)
    assert title == "ran in 1: /bad"
    assert asked == {"/ran"}


def test_no_page_of_hostile_names_runs_or_loads_anything(hostile: dict[str, tuple[str, str]], tmp_path: Path) -> None:
    assert len(hostile) >= 140
    title, asked = seen(hostile, tmp_path)
    assert title == "ran in 0: "
    assert asked == set()


def test_without_its_policy_a_page_is_inert_as_well(hostile: dict[str, tuple[str, str]], tmp_path: Path) -> None:
    bare = {
        name: (kind, re.sub(r"<meta[^>]*Content-Security-Policy[^>]*>", "", text))
        for name, (kind, text) in hostile.items()
        if name.startswith("/page")
    }
    assert all("Content-Security-Policy" in hostile[name][1] for name in bare)
    assert seen(bare, tmp_path) == ("ran in 0: ", set())


def test_a_page_of_a_hostile_file_runs_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / f"<img src=x onerror={CALL.split(';')[0]}>"
    folder.mkdir()
    spec = folder / "<svg onload=document.title='ran'>.dna"
    spec.write_text(
        f"# <script>{CALL}</script>\ndna 1\nnet n {{\n"
        "  input text(context = 8, vocabulary = 16)\n  embed tokens(16, positions = learned)\n"
        f"  pool nodes {{ block[2] = mlp(gelu, 2x); skip = identity() }}  # </style><script>{CALL}</script>\n"
        "  hop: route nodes by { choose = top(1); weight = raw; balance = [] }\n  head lm = unembed()\n}\n"
        'train n {\n  data = text("<script>document.title=\'ran\'</script>"); valid = text("x")\n'
        "  batch = sequences(2); length = steps(2); lr = 1e-3\n}\n"
    )
    monkeypatch.chdir(folder)
    assert main(["viz", str(spec), "-o", str(tmp_path / "page.html")]) == 0
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert seen({"/page": ("text/html", page)}, tmp_path / "browser") == ("ran in 0: ", set())
