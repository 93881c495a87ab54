"""Open strain from GWOSC (gwosc.org), kept in the user's cache directory."""

import json
import os
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import replace
from decimal import Decimal
from math import floor
from pathlib import Path

from gspy_cli.callbacks import ignore
from gspy_cli.errors import GspyError
from gspy_cli.home import cache_home
from gspy_cli.strain.archive import BLOCK_S, Archive
from gspy_cli.strain.checks import MIN_DURATION_S
from gspy_cli.strain.files import choose_channels, list_series
from gspy_cli.strain.triggers import EventTime
from gspy_cli.whole import remove_left, whole_file

SERVER = "https://gwosc.org"
TIMEOUT_S = 60.0
PIECE = 1 << 20  # bytes

Span = tuple[int, int]  # GPS seconds


class OpenData:
    """Brings files from GWOSC into an archive, as events ask for them.

    `GWOSC_SERVER_URL` names another server, as it does for the gwosc package.
    """

    def __init__(
        self, archive: Archive, *, on_download: Callable[[str], None] = ignore
    ) -> None:
        self._folder = cache_home() / "gwosc"
        self._server = os.environ.get("GWOSC_SERVER_URL", SERVER).rstrip("/")
        self._archive, self._on_download = archive, on_download
        self._held: dict[str, list[Span]] = defaultdict(list)  # of each detector
        self._taken: set[Path] = set()

    def fetch(
        self, wanted: Iterable[EventTime], ifo: str | None
    ) -> Iterator[EventTime]:
        """Pass events on, once their strain is in the archive.

        Raises
        ------
        GspyError
            GWOSC cannot be reached, a download broke off, or the cache cannot be
            written.
        """
        for one in wanted:
            detector = one.ifo or ifo
            if one.gps is None or one.problem:
                yield one
            elif not detector:
                yield replace(one, problem="--open-data needs a detector: give --ifo")
            elif self._bring(one.gps, detector):
                yield replace(one, ifo=detector)
            else:
                lack = f"GWOSC has no strain of {detector} at GPS {one.gps:f}"
                yield replace(one, ifo=detector, problem=lack)

    def _bring(self, gps: Decimal, ifo: str) -> bool:
        start = round(gps - BLOCK_S // 2)
        block = (start, start + BLOCK_S)
        try:
            if not covers(self._held[ifo], block):
                self._take_cached(ifo, block)
            if not covers(self._held[ifo], block):
                self._folder.mkdir(parents=True, exist_ok=True)
                remove_left(self._folder)
                for url in self._urls(gps, ifo, block):
                    self._take(self._file(url), ifo)
        except OSError as error:
            reason = error.strerror or error
            raise GspyError(
                f"cannot keep strain in {self._folder}: {reason}; set XDG_CACHE_HOME "
                "to a folder that you can write"
            ) from None
        return bool(self._archive.at(gps, ifo))

    def _take_cached(self, ifo: str, block: Span) -> None:
        """Take what is here of a block; damaged files are removed, to come anew."""
        for path in sorted(self._folder.glob(f"{ifo[0]}-{ifo}_*.hdf5")):
            start, end = _span(path.name)
            if start < block[1] and end > block[0]:
                try:
                    self._take(path, ifo)
                except GspyError:
                    path.unlink()

    def _take(self, path: Path, ifo: str) -> None:
        if path not in self._taken:
            self._archive.add(choose_channels(list_series(path), ifo=ifo))
            self._taken.add(path)
            self._held[ifo].append(_span(path.name))

    def _urls(self, gps: Decimal, ifo: str, block: Span) -> list[str]:
        """Ask which files hold a block, or at least what a scan needs of it.

        The answer is kept, so that the same question needs no network again; without
        its files it is asked anew, for they may have moved.
        """
        note = self._folder / f"{ifo}-{block[0]}-{block[1]}.json"
        with suppress(FileNotFoundError, ValueError):  # not asked yet, or damaged
            kept: list[str] = json.loads(note.read_text(encoding="utf-8"))
            if all(self._place(url).exists() for url in kept):
                return kept
        half = round(MIN_DURATION_S / 2)
        least = (floor(gps) - half, floor(gps) + half + 1)
        found = self._ask(ifo, block) or self._ask(ifo, least)
        urls = _best(found, block)
        if urls:  # what is not open today may be tomorrow
            with whole_file(note) as part:
                part.write_text(json.dumps(urls), encoding="utf-8")
        return urls

    def _ask(self, ifo: str, span: Span) -> list[str]:
        import requests
        import tenacity
        from gwosc.locate import get_urls

        try:
            urls: list[str] = get_urls(ifo, *span, host=self._server)
        except (requests.JSONDecodeError, KeyError, TypeError):
            raise GspyError(
                f"{self._server} does not answer as GWOSC does; see GWOSC_SERVER_URL"
            ) from None
        except (tenacity.RetryError, requests.RequestException) as error:
            raise self._unreachable(error) from None
        except ValueError:  # gwosc knows no data set that covers the span
            return []
        return urls

    def _place(self, url: str) -> Path:
        return self._folder / _name(url)

    def _file(self, url: str) -> Path:
        path = self._place(url)
        if not path.exists():
            self._on_download(url)
            self._download(url, path)
        return path

    def _download(self, url: str, path: Path) -> None:
        """Fetch a file; it gets its name when it is whole and holds strain."""
        import requests

        try:
            with (
                requests.get(url, stream=True, timeout=TIMEOUT_S) as answer,
                whole_file(path) as part,
                part.open("wb") as file,
            ):
                answer.raise_for_status()
                for piece in answer.iter_content(PIECE):
                    file.write(piece)
                file.flush()
                list_series(part)  # HDF5 knows its length
        except (requests.RequestException, GspyError) as error:
            raise self._unreachable(error) from None

    def _unreachable(self, error: Exception) -> GspyError:
        import requests
        import tenacity

        known = {
            requests.ConnectionError: "no connection",
            tenacity.RetryError: "it fails again and again",
        }
        reason = known.get(type(error)) or str(error) or type(error).__name__
        reason = reason.partition(";")[0][:100]
        return GspyError(
            f"cannot fetch from {self._server} ({reason}); try again with a "
            "network, or give files of strain instead of --open-data"
        )


def _span(name: str) -> Span:
    """Read GPS start and end from a name as H-H1_GWOSC_4KHZ_R1-1126257415-4096.hdf5."""
    try:
        start, duration = map(int, name.rpartition(".")[0].split("-")[-2:])
    except ValueError:
        return 0, 0
    return start, start + duration


def covers(spans: Iterable[Span], block: Span) -> bool:
    """Tell whether spans hold all of a block."""
    reached, end = block
    for span in sorted(spans):
        if span[0] <= reached:
            reached = max(reached, span[1])
    return reached >= end


def _best(urls: list[str], block: Span) -> list[str]:
    """Choose the shortest file that holds all of a block, else all, ordered by name."""
    whole = [url for url in urls if covers([_span(url)], block)]
    return sorted(whole, key=_duration)[:1] or sorted(urls, key=_name)


def _duration(url: str) -> int:
    start, end = _span(url)
    return end - start


def _name(url: str) -> str:
    return url.rpartition("/")[2]
