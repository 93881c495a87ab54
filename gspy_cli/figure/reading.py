"""Decode picture files, whatever they hold, to RGB pixels."""

import errno
import io
import os
import struct
import zlib
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image

from gspy_cli.errors import PictureError
from gspy_cli.figure import png

SUFFIXES = (
    *(".png", ".jpg", ".jpeg", ".jfif", ".jp2", ".gif", ".webp", ".bmp"),
    *(".avif", ".tif", ".tiff", ".ppm"),
)
"""What files are taken for pictures when a folder is searched."""

MEGAPIXELS = 50  # larger pictures are refused before they are decoded

MOST_BYTES = 8 * MEGAPIXELS * 1_000_000  # and a pipe is read no further

# all that Pillow's decoders raise on damaged files
_DAMAGE = (
    *(OSError, SyntaxError, ValueError, TypeError, LookupError, ArithmeticError),
    *(AttributeError, EOFError, MemoryError, RuntimeError, Warning, AssertionError),
    *(struct.error, zlib.error, Image.DecompressionBombError),
)


def read_figure(source: Path | BinaryIO) -> NDArray[np.uint8]:
    """Decode a picture to RGB pixels, shape (H, W, 3); clear parts become white.

    Raises
    ------
    PictureError
        The file can't be read, isn't a picture, is damaged or too large.
    """
    return np.ascontiguousarray(read_pixels(source)[..., :3])


def read_pixels(source: Path | BinaryIO) -> NDArray[np.uint8]:
    """Decode a picture as `read_figure` does, but leave a fourth byte where it is.

    The shape is (H, W, 3) or, with a byte that means nothing, (H, W, 4).
    """
    if not isinstance(source, Path):
        return _decode(source)
    try:
        stream = source.open("rb")
    except FileNotFoundError:
        raise PictureError("no such file") from None
    except OSError as error:
        reason = (error.strerror or "unknown reason").lower()
        if os.path.isdir(source):  # noqa: PTH112, Path's raises for names too long
            reason = "this is a folder; give it as an argument"
        raise PictureError(f"cannot be opened: {reason}") from None
    except ValueError:  # a null character
        raise PictureError("not a possible file name") from None
    with stream:
        if stream.seekable():
            return _decode(stream)
        return _decode(io.BytesIO(stream.read(MOST_BYTES)))  # of a pipe


def _decode(stream: BinaryIO) -> NDArray[np.uint8]:
    try:
        pixels = png.decode(stream, most_pixels=MEGAPIXELS * 1_000_000)
        if pixels is not None:
            return pixels
        stream.seek(0)
        picture = _open(stream)
        width, height = picture.size
        if width * height > MEGAPIXELS * 1_000_000:
            raise PictureError(
                f"too large: {width} x {height} pixels, limit {MEGAPIXELS} megapixels"
            )
        picture.load()
        if _is_turned(picture):
            from PIL import ImageOps

            picture = ImageOps.exif_transpose(picture)
        return _to_rgb(_in_srgb(picture))
    except _DAMAGE as error:
        raise PictureError(_reason(error)) from None


def _reason(error: Exception) -> str:
    """Tell a disk or a server that fails from a picture that is damaged."""
    number = error.errno if isinstance(error, OSError) else None
    if number in (None, errno.EINVAL):  # an offset before the file's beginning
        return "the picture is damaged or cut short"
    return f"cannot be read: {os.strerror(number).lower()}"


def _open(stream: BinaryIO) -> Image.Image:
    """Read a picture's header, as `Image.open` does.

    `Image.open` would warn of large pictures, and warnings are not thread-safe. It
    would also hand EPS to Ghostscript, and decode some formats before their size is
    known: only those of `SUFFIXES` are tried.
    """
    prefix = stream.read(16)
    if not prefix:
        raise PictureError("the file is empty")
    damaged = False
    for load_plugins in (Image.preinit, Image.init):  # the common ones first
        load_plugins()
        known = (Image.EXTENSION.get(suffix) for suffix in SUFFIXES)
        for name in filter(None, dict.fromkeys(known)):
            factory, accept = Image.OPEN[name]
            if accept and accept(prefix) is not True:
                continue
            stream.seek(0)
            try:
                return factory(stream, "")
            except (SyntaxError, IndexError, TypeError, struct.error):
                damaged |= accept is not None
    if damaged:
        raise PictureError("the picture is damaged or cut short")
    raise PictureError("not a picture in a format that can be read")


def _is_turned(picture: Image.Image) -> bool:
    """Tell whether EXIF data that can be read say that a picture lies otherwise."""
    try:
        return bool(picture.getexif().get(ExifTags.Base.Orientation, 1) != 1)
    except _DAMAGE:
        return False


def _in_srgb(picture: Image.Image) -> Image.Image:
    """Convert the colours of a picture that brings its own, as screenshots do."""
    content = picture.info.get("icc_profile")
    if not content or picture.mode not in ("P", "RGB", "RGBA"):
        return picture
    from PIL import ImageCms

    if picture.mode == "P":
        picture = picture.convert("RGBA" if picture.has_transparency_data else "RGB")
    try:
        profile = ImageCms.getOpenProfile(io.BytesIO(content))
        if "sRGB" in ImageCms.getProfileDescription(profile):
            return picture
        srgb = ImageCms.createProfile("sRGB")
        return ImageCms.profileToProfile(picture, profile, srgb) or picture
    except ImageCms.PyCMSError:
        return picture


def _to_rgb(picture: Image.Image) -> NDArray[np.uint8]:
    if picture.mode.startswith(("I", "F")):  # more than 8 bits a pixel
        return _deep_grey_to_rgb(picture)
    if picture.has_transparency_data:
        picture = picture.convert("RGBA")
        if picture.getchannel("A").getextrema() != (255, 255):
            white = Image.new("RGBA", picture.size, "white")
            picture = Image.alpha_composite(white, picture)
    return np.asarray(picture.convert("RGB"))


def _deep_grey_to_rgb(picture: Image.Image) -> NDArray[np.uint8]:
    """Scale grey levels of 16 bits, or of any range, to 8 bits."""
    levels = np.nan_to_num(np.asarray(picture, np.float32)).clip(0)
    white = 65535.0 if picture.mode.startswith("I;16") else float(levels.max())
    grey = (levels * (255 / max(white, 1.0))).astype(np.uint8)
    return np.repeat(grey[..., None], 3, axis=2)
