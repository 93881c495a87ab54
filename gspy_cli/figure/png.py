"""Plain PNG pictures, decoded several times faster than Pillow does it.

Most figures are PNG files of 8-bit RGB or opaque RGBA, which both decoders read alike.
Everything else is left to Pillow, and so is what looks damaged: here that is a wrong
checksum of a chunk, there one of zlib's, which only a faulty program writes alone.
Layout: W3C, Portable Network Graphics, section 5.
"""

import struct
import sys
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

_HEADER = struct.Struct(">8sI4sIIBBBBB4x")
_START = b"\x89PNG\r\n\x1a\n", 13, b"IHDR"
_MODES = {2: "rgb", 6: "rgba"}  # by colour type
_HARMLESS = {b"IDAT", b"tEXt", b"gAMA", b"sBIT"}  # they change no pixel for Pillow
# How texts begin in which Pillow finds that a picture is turned
_TURNING = b"Raw profile", b"XML:com.adobe.xmp"
_SLACK = 1 << 20  # bytes that a file may hold besides its pixels


def decode(stream: BinaryIO, *, most_pixels: int) -> NDArray[np.uint8] | None:
    """Decode a file to (H, W, 3), or (H, W, 4) where all is opaque.

    Gives None where Pillow has to decode it.
    """
    head = stream.read(_HEADER.size)
    if len(head) < _HEADER.size:
        return None
    *start, width, height, bits, colour, _, _, interlace = _HEADER.unpack(head)
    whole = tuple(start) == _START and bits == 8 and colour in _MODES and not interlace
    if not whole or not 0 < width * height <= most_pixels:
        return None
    stream.seek(0)
    content = stream.read(height * (4 * width + 1) + _SLACK)
    if not _is_plain(content):
        return None
    pixels = _decode(content, height, width, mode=_MODES[colour])
    return pixels if pixels is not None and _is_opaque(pixels) else None


def _is_plain(content: bytes) -> bool:
    """Tell whether nothing in the file changes the pixels as they are stored."""
    place = _HEADER.size
    while place + 12 <= len(content):
        length, kind = struct.unpack_from(">I4s", content, place)
        if kind == b"IEND":
            return True
        known = kind in _HARMLESS or (kind == b"pHYs" and length == 9)
        short = kind == b"gAMA" and length < 4
        turning = kind == b"tEXt" and content.startswith(_TURNING, place + 8)
        if not known or short or turning:
            return False
        place += 12 + length
    return False


def _decode(
    content: bytes, height: int, width: int, *, mode: str
) -> NDArray[np.uint8] | None:
    from kornia_rs import io

    try:
        pixels: NDArray[np.uint8] = io.decode_image_png_u8(
            content, (height, width), mode
        )
    except Exception:  # noqa: BLE001, it raises nothing finer
        return None
    return pixels


def _is_opaque(pixels: NDArray[np.uint8]) -> bool:
    if pixels.shape[2] == 3:
        return True
    whole = np.bitwise_and.reduce(pixels.view(np.uint32), axis=None)
    return int(whole).to_bytes(4, sys.byteorder)[3] == 255
