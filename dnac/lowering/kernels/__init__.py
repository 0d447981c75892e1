"""Triton kernels over sorted rows, each an operator that torch can compile, with its reference beside it.

Rows are sorted by module; `ends[m]` is where module m's rows end, so rows from `ends[-1]` on are dead.
Programs that hold dead rows alone return at once: a skipped row costs neither reads nor writes, and
what stands in the dead rows of a result is undefined. Only kernels that know `ends` may read them.
"""
