"""Three nets that differ in one field of their router: pictures, tokens that left before it, and a text."""

from __future__ import annotations

NETS = """dna 1
net pictures {{
  input image([6, 6], channels = 1, classes = 4)
  embed patches(16, size = 2, positions = learned)
  pool nodes {{ block[3] = transformer(heads = 2); skip = identity(); out = exit() }}
  repeat 3 {{ hop: route nodes by {{ {field}; choose = top(2); weight = raw; balance = [aux(0.1)] }} }}
  head cls = classify(pool = mean)
}}
net leaving {{
  input image([6, 6], channels = 1, classes = 4)
  embed patches(16, size = 2, positions = learned)
  pool ways {{ go = mlp(gelu, 1x); out = exit() }}
  way: route ways by {{ choose = top(1); weight = raw; balance = [] }}
  pool nodes {{ block[3] = transformer(heads = 2); skip = identity() }}
  hop: route nodes by {{ {field}; choose = top(2); weight = raw; balance = [] }}
  head cls = classify(pool = mean)
}}
net words {{
  input text(context = 12, vocabulary = 32, tokenizer = none)
  embed tokens(16, positions = learned)
  pool nodes {{ block[3] = mlp(gelu, 1x); out = exit() }}
  head lm = unembed()
  repeat 3 {{ hop: route nodes by {{ {field}; choose = top(1); weight = raw; balance = [] }} }}
  {admits}
}}
"""
"""`field`: such as `scope = sequence`; `admits`: an assertion of the text, or nothing."""
