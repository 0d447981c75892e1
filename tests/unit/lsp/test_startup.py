"""An editor's server starts quickly and stays small: it never loads torch or numpy, whatever it is asked."""

from __future__ import annotations

import subprocess
import sys

from editing import ROOT

SCRIPT = """
import sys
from dnac.lsp.completion import complete
from dnac.lsp.document import Document
from dnac.lsp.findings import findings, slow_findings
from dnac.lsp.formatting import formatted
from dnac.lsp.hover import hover
text = open("examples/04_skip_and_train.dna").read()
document = Document("examples/04_skip_and_train.dna", text)
findings(document), slow_findings(document), formatted(document)
for offset in range(0, len(text), 3):
    hover(document, offset), complete(document, offset)
print(*sorted(m for m in ("torch", "numpy", "networkx", "rich", "pygls") if m in sys.modules))
"""


def test_nothing_heavy_is_loaded():
    run = subprocess.run([sys.executable, "-c", SCRIPT], cwd=ROOT, capture_output=True, text=True, check=True)
    assert run.stdout.strip() == ""
