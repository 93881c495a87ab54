"""Two decoders, one answer: the quick one must not be told from Pillow."""

import io
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from conftest import SHARED, viridis_like
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms, PngImagePlugin

from gspy_cli.errors import PictureError
from gspy_cli.figure import png, read_figure, read_pixels

SIGNATURE = b"\x89PNG\r\n\x1a\n"
ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4),
         (1, 0, 2, 2), (0, 1, 1, 2))  # fmt: skip


def saved(picture: Image.Image, **options) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, "PNG", **options)
    return stream.getvalue()


def chunk(kind: bytes, data: bytes) -> bytes:
    check = struct.pack(">I", zlib.crc32(kind + data))
    return struct.pack(">I", len(data)) + kind + data + check


def chunks(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    place = len(SIGNATURE)
    while place < len(content):
        (length,) = struct.unpack_from(">I", content, place)
        yield content[place + 4 : place + 8], content[place + 8 :][:length]
        place += 12 + length


def built(parts: list[tuple[bytes, bytes]]) -> bytes:
    return SIGNATURE + b"".join(chunk(kind, data) for kind, data in parts)


def with_chunk(content: bytes, kind: bytes, data: bytes, *, at: int = 1) -> bytes:
    parts = list(chunks(content))
    return built([*parts[:at], (kind, data), *parts[at:]])


def interlaced(pixels: np.ndarray) -> bytes:
    rows = [
        b"\0" + line.tobytes()
        for x, y, dx, dy in ADAM7
        for line in pixels[y::dy, x::dx]
        if line.size
    ]
    height, width, channels = pixels.shape
    kind = {3: 2, 4: 6}[channels]
    header = struct.pack(">IIBBBBB", width, height, 8, kind, 0, 0, 1)
    data = zlib.compress(b"".join(rows))
    return built([(b"IHDR", header), (b"IDAT", data), (b"IEND", b"")])


RGB = viridis_like(40, 50)
FIRST = tuple(RGB[0, 0].tolist())
OPAQUE = np.dstack([RGB, np.full(RGB.shape[:2], 255, np.uint8)])
CLEAR = np.dstack([RGB, RGB[..., 0]])
PLAIN = saved(Image.fromarray(OPAQUE))
FRAMES = [Image.fromarray(viridis_like(40, 50, seed=i)) for i in range(3)]
TEXT = PngImagePlugin.PngInfo()
TEXT.add_text("Software", "matplotlib")
TEXT.add_itxt("Comment", "x" * 5000, zip=True)
PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()

KINDS = {
    "RGB": saved(Image.fromarray(RGB)),
    "opaque RGBA": PLAIN,
    "clear RGBA": saved(Image.fromarray(CLEAR)),
    "grey": saved(Image.fromarray(RGB).convert("L")),
    "grey with alpha": saved(Image.fromarray(CLEAR).convert("LA")),
    "palette": saved(Image.fromarray(RGB).convert("P")),
    "clear palette colour": saved(Image.fromarray(RGB).convert("P"), transparency=3),
    "clear RGB colour": saved(Image.fromarray(RGB), transparency=FIRST),
    "one bit": saved(Image.fromarray(RGB).convert("1")),
    "16-bit grey": saved(Image.fromarray(RGB[..., 0].astype(np.uint16) * 257)),
    "16-bit RGB": built(
        [
            (b"IHDR", struct.pack(">IIBBBBB", 50, 40, 16, 2, 0, 0, 0)),
            (
                b"IDAT",
                zlib.compress(
                    b"".join(
                        b"\0" + row.astype(">u2").tobytes()
                        for row in RGB.astype(int) * 251
                    )
                ),
            ),
            (b"IEND", b""),
        ]
    ),
    "interlaced RGB": interlaced(RGB),
    "interlaced RGBA": interlaced(OPAQUE),
    "animated": saved(FRAMES[0], save_all=True, append_images=FRAMES[1:]),
    "text": saved(Image.fromarray(RGB), pnginfo=TEXT),
    "profile": saved(Image.fromarray(RGB), icc_profile=PROFILE),
    "turned by EXIF": saved(
        Image.fromarray(RGB),
        exif=b"Exif\0\0MM\0*\0\0\0\b\0\1\1\22\0\3\0\0\0\1\0\6\0\0\0\0\0\0",
    ),
    "turned by EXIF in text": with_chunk(
        PLAIN,
        b"tEXt",
        b"Raw profile type exif\0\nexif\n      26\n"
        b"4d4d002a00000008000101120003000000010006000000000000\n",
    ),
    "turned by XMP in text": with_chunk(
        PLAIN, b"tEXt", b"XML:com.adobe.xmp\0<tiff:Orientation>6</tiff:Orientation>"
    ),
    "gamma": with_chunk(PLAIN, b"gAMA", struct.pack(">I", 100_000)),
    "short gamma": with_chunk(PLAIN, b"gAMA", b"\0"),
    "short resolution": with_chunk(PLAIN, b"pHYs", b"\0\0\0\1"),
    "significant bits": with_chunk(PLAIN, b"sBIT", b"\b\b\b\b"),
    "few significant bits": with_chunk(PLAIN, b"sBIT", b"\5\5\5\5"),
    "short significant bits": with_chunk(PLAIN, b"sBIT", b"\b"),
    "background": with_chunk(PLAIN, b"bKGD", b"\0\1\0\2\0\3"),
    "late clear colour": with_chunk(
        saved(Image.fromarray(RGB)), b"tRNS", struct.pack(">HHH", *FIRST), at=2
    ),
    "unknown critical chunk": with_chunk(PLAIN, b"ABCD", b"x"),
    "no end": built(list(chunks(PLAIN))[:-1]),
    "more after the end": PLAIN + b"more",
    "cut": PLAIN[: len(PLAIN) // 2],
    "cut in the last chunk": PLAIN[:-6],
    "wrong checksum": PLAIN[:-20] + b"\0\0\0\0" + PLAIN[-16:],
    "nothing but a header": built(list(chunks(PLAIN))[:1]),
}


def outcome(content: bytes) -> np.ndarray | str:
    try:
        return read_figure(io.BytesIO(content))
    except PictureError as error:
        return str(error)


def by_pillow(content: bytes) -> np.ndarray | str:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(png, "decode", lambda *_, **__: None)
        return outcome(content)


@pytest.mark.parametrize("kind", KINDS)
def test_both_decoders_give_the_same(kind):
    np.testing.assert_array_equal(outcome(KINDS[kind]), by_pillow(KINDS[kind]))


def test_plain_pictures_take_the_quick_way():
    for kind in ("RGB", "opaque RGBA", "gamma", "significant bits"):
        assert png.decode(io.BytesIO(KINDS[kind]), most_pixels=9999) is not None, kind
        assert png.decode(io.BytesIO(KINDS[kind]), most_pixels=100) is None, kind
    for kind in ("clear RGBA", "16-bit RGB", "interlaced RGBA", "clear RGB colour"):
        assert png.decode(io.BytesIO(KINDS[kind]), most_pixels=9999) is None, kind


def test_a_fourth_byte_is_left_only_where_all_is_opaque():
    assert read_pixels(io.BytesIO(KINDS["opaque RGBA"])).shape == (40, 50, 4)
    assert read_pixels(io.BytesIO(KINDS["clear RGBA"])).shape == (40, 50, 3)


@settings(max_examples=100)
@given(st.lists(st.tuples(st.floats(0, 0.999), st.integers(0, 255)), max_size=4))
def test_changed_bytes_give_the_same_with_both_decoders(changes):
    content = bytearray(PLAIN)
    for place, value in changes:
        content[int(place * len(content))] = value
    np.testing.assert_array_equal(outcome(bytes(content)), by_pillow(bytes(content)))


@settings(max_examples=100)
@given(st.lists(st.tuples(st.floats(0, 0.999), st.integers(0, 255)), max_size=3))
def test_what_pillow_reads_of_changed_data_is_the_same(changes):
    """The chunks' checksums are right here, so the quick way doubts the data less."""
    parts = list(chunks(PLAIN))
    data = bytearray(parts[1][1])
    for place, value in changes:
        data[int(place * len(data))] = value
    content = built([parts[0], (b"IDAT", bytes(data)), parts[2]])
    expected = by_pillow(content)
    if not isinstance(expected, str):
        np.testing.assert_array_equal(outcome(content), expected)


@pytest.mark.skipif(not SHARED.exists(), reason="no real figures here")
def test_gravity_spys_own_figures_take_the_quick_way():
    path = next((SHARED / "real" / "Blip").glob("*_spectrogram_1.0.png"))
    with path.open("rb") as stream:
        assert png.decode(stream, most_pixels=800 * 600) is not None


@pytest.mark.skipif(not SHARED.exists(), reason="no real figures here")
def test_real_figures_are_the_same_by_both_decoders():
    paths = sorted((SHARED / "real").rglob("*.png"))
    for path in paths[:: max(len(paths) // 40, 1)]:
        content = Path(path).read_bytes()
        np.testing.assert_array_equal(outcome(content), by_pillow(content))
