"""SVG as PNG, with the `draw` extra."""

from __future__ import annotations

from wirework.errors import NotSupportedError


def png(svg: str, scale: float = 2.0) -> bytes:
    """An SVG text as the bytes of a PNG file, with `scale` pixels for each of its units.

    Letters are outlines, so that no font is needed, but for letters that are neither Latin nor Greek: these are drawn
    if a font of the system has them.

    Raises:
        NotSupportedError: resvg-py is not installed.
    """
    try:
        import resvg_py
    except ImportError:
        raise NotSupportedError('PNG needs resvg-py: pip install "wirework[draw]"') from None
    return bytes(resvg_py.svg_to_bytes(svg_string=svg, zoom=scale))
