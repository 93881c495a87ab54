"""Plain PNG pictures, decoded several times faster than Pillow does it.

Most figures are PNG files of 8-bit RGB or opaque RGBA, which both decoders read alike.
Everything else is left to Pillow, and so is what looks damaged: here that is a wrong
checksum of a chunk, there one of zlib's, which only a faulty program writes alone.
"""

import sys

import numpy as np
from numpy.typing import NDArray
from PIL import ImageFile
from PIL.PngImagePlugin import PngImageFile

_SLACK = 1 << 20  # bytes that a file may hold besides its pixels


def decode(picture: ImageFile.ImageFile) -> NDArray[np.uint8] | None:
    """Decode an opened picture to (H, W, 3), or (H, W, 4) where all is opaque.

    Gives None where Pillow has to decode it.
    """
    if not (isinstance(picture, PngImageFile) and _is_plain(picture)):
        return None
    width, height = picture.size
    assert picture.fp is not None
    picture.fp.seek(0)
    content = picture.fp.read(height * (4 * width + 1) + _SLACK)
    pixels = _decode(content, height, width, mode=picture.mode.lower())
    return pixels if pixels is not None and _is_opaque(pixels) else None


def _is_plain(picture: PngImageFile) -> bool:
    """Tell whether the file holds the pixels as they are shown, 8 bits a channel."""
    whole = (0, 0, *picture.size)
    return (
        picture.mode in ("RGB", "RGBA")
        and [(tile.extents, tile.args) for tile in picture.tile]
        == [(whole, picture.mode)]
        and not picture.info.keys() & {"interlace", "transparency"}
        and not picture.is_animated
    )


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
