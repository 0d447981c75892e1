"""Held-out tokens or patches, coloured by the path they took."""

from __future__ import annotations

import base64
import struct
import zlib
from collections import Counter
from html import escape
from typing import Any

import numpy as np

from dnac.report.base import Material, View
from dnac.report.palette import hue
from dnac.report.record import Record
from dnac.report.words import percent

COLOURS = 12
WIDE = 112
"""Width of an image in pixels of the page."""
TOKENS = 700
"""Tokens of text shown at most: the page stays small."""


def _render(material: Material) -> str | None:
    record = material.record
    if record is None or not record.steps or not (record.pieces or record.images is not None):
        return None
    length = _prefix(record)
    width = sum(step.ids.shape[-1] for step in record.steps[:length])
    rows = record.path_rows()[:, :, :width]
    frequent = [p for p, _ in Counter(map(tuple, rows.reshape(-1, rows.shape[-1]).tolist())).most_common(COLOURS)]
    colour = {path: i for i, path in enumerate(frequent)}
    share = np.mean([tuple(p) in colour for p in rows.reshape(-1, rows.shape[-1]).tolist()])
    text = (
        f"Tokens of one colour share {_shared(length, len(record.steps))}; the {len(frequent)} colours cover "
        f"{percent(float(share))} of the tokens, "
    )
    text += "the rest is plain. The hint of each names the chosen candidates, step by step."
    styles = "".join(f".p{i}{{background:{hue(i)};fill:{hue(i)}}}" for i in range(len(frequent)))
    body = _text(record, rows, colour) if record.pieces else _images(material, record, rows, colour)
    return f"<style>{styles}</style><p>{escape(text)}</p>{body}"


def _shared(length: int, steps: int) -> str:
    """What tokens of one colour have in common, in words."""
    if length == steps:
        return "their whole path"
    return f"their modules in the first {length} of {steps} steps" if length > 1 else "their modules in the first step"


def _prefix(record: Record) -> int:
    """The longest prefix of steps whose most frequent paths still cover half of the tokens (at least one step)."""
    for length in range(len(record.steps), 1, -1):
        width = sum(step.ids.shape[-1] for step in record.steps[:length])
        rows = record.path_rows()[:, :, :width].reshape(record.tokens, -1)
        counts = np.unique(rows, axis=0, return_counts=True)[1]
        if np.sort(counts)[::-1][:COLOURS].sum() >= record.tokens / 2:
            return length
    return 1


def _text(record: Record, rows: Any, colour: dict[tuple[int, ...], int]) -> str:
    spans: list[str] = []
    left = TOKENS
    for n, pieces in enumerate(record.pieces):
        shown = [
            _span(piece, colour.get(tuple(rows[n, t].tolist())), _path(record, n, t))
            for t, piece in enumerate(pieces[: max(left, 0)])
        ]
        left -= len(shown)
        if shown:
            spans.append(f'<pre class="tokens">{"".join(shown)}</pre>')
    return "".join(spans)


def _span(piece: str, index: int | None, path: str) -> str:
    text = escape(piece.replace("\r", ""))
    mark = f' class="p{index}"' if index is not None else ""
    return f'<span{mark} title="{escape(path)}">{text}</span>'


def _path(record: Record, n: int, t: int) -> str:
    """`3 17 0+4`: chosen slots, one word per step."""
    return " ".join("+".join(str(i) for i in step.ids[n, t].tolist()) for step in record.steps)


def _images(material: Material, record: Record, rows: Any, colour: dict[tuple[int, ...], int]) -> str:
    images = record.images
    if images is None:
        return ""
    drawn = (_image(material, record, n, rows, colour) for n in range(min(8, len(images))))
    return f'<div class="row">{"".join(drawn)}</div>'


def _image(material: Material, record: Record, n: int, rows: Any, colour: dict[tuple[int, ...], int]) -> str:
    """The image as it is, and beside it the same with its patches coloured."""
    pixels = record.images[n]  # type: ignore[index]
    high, wide = pixels.shape[:2]
    patch = _patch_size(material, high, wide)
    extra = rows.shape[1] - (high // patch) * (wide // patch)
    side, tall = patch * WIDE / wide, high * WIDE / wide
    drawn: list[str] = []
    for t in range(extra, rows.shape[1]):
        y, x = divmod(t - extra, wide // patch)
        index = colour.get(tuple(rows[n, t].tolist()))
        mark = f'class="p{index}" fill-opacity="0.6"' if index is not None else 'fill="none"'
        drawn.append(
            f'<rect x="{WIDE + 6 + x * side:.1f}" y="{y * side:.1f}" width="{side:.1f}" height="{side:.1f}" {mark} '
            f'stroke="#fff" stroke-width="0.6"><title>{escape(_path(record, n, t))}</title></rect>'
        )
    data = base64.b64encode(_png(pixels)).decode()
    picture = (
        f'<image x="{{}}" width="{WIDE}" height="{tall:.0f}" preserveAspectRatio="none" '
        f'style="image-rendering:pixelated" href="data:image/png;base64,{data}"/>'
    )
    images = picture.format(0) + picture.format(WIDE + 6)
    return f'<svg width="{2 * WIDE + 6}" height="{tall:.0f}" role="img">{images}{"".join(drawn)}</svg>'


def _patch_size(material: Material, high: int, wide: int) -> int:
    """Side of a patch in pixels, from the embed's own parameter."""
    for entry in material.graph.shared:
        size = entry.kind.get("size")
        if entry.role == "embed" and isinstance(size, int):
            return size
    return max(1, round((high * wide / material.graph.tokens) ** 0.5))


def _png(pixels: Any) -> bytes:
    """The smallest PNG writer: 8 bits, grey or RGB, no filter."""
    high, wide, channels = pixels.shape
    rows = pixels if channels in (1, 3) else pixels[:, :, :1]
    raw = b"".join(b"\0" + row.tobytes() for row in np.ascontiguousarray(rows))

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    header = struct.pack(">IIBBBBB", wide, high, 8, 2 if channels == 3 else 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(raw)) + chunk(b"IEND", b"")


VIEW = View("tokens", "Tokens by path", 80, _render)
