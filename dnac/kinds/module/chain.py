"""`chain(a, b)`: declared modules in sequence as one module, with the weights of these modules.

For a router that shall choose several modules at once, or nothing of them: `body = chain(a, b)`. Each part reads the
stream as the parts before it left it, as if the modules stood one after the other. A `def module` makes fresh ones.
"""

from __future__ import annotations

from dnac.kinds.base import ModuleKind

KIND = ModuleKind(
    name="chain",
    summary="Declared modules in sequence as one, with their weights: `chain(a, b)`.",
)
