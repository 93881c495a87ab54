"""From paths to an archive of the strain in them."""

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from gspy_cli.errors import GspyError
from gspy_cli.results import STRAIN_SUFFIXES
from gspy_cli.strain.archive import Archive
from gspy_cli.strain.files import choose_channels, list_series
from gspy_cli.strain.series import Series


@dataclass(frozen=True, slots=True)
class Collection:
    """The strain in some files, and what is wrong with those that have none."""

    archive: Archive
    unusable: Mapping[str, str]


def collect(
    paths: Iterable[str], *, channel: str | None = None, ifo: str | None = None
) -> Collection:
    """Look into files, and folders of files, for one channel of each detector.

    With an `ifo`, other detectors' files are left out, and files that do not name
    their detector count as this one's.

    Raises
    ------
    GspyError
        All files that can be read are of other detectors.
    """
    found: list[Series] = []
    unusable: dict[str, str] = {}
    others: set[str] = set()
    for path in _files(paths, unusable):
        try:
            held = list_series(path)
            ifos = {series.ifo for series in held}
            if ifo and not ifos & {"", ifo}:
                others |= ifos
                continue
            for series in choose_channels(held, channel=channel, ifo=ifo):
                found.append(replace(series, ifo=ifo or series.ifo))
        except GspyError as error:
            unusable[str(path)] = str(error)
    if others and not found:
        raise GspyError(f"no file is of {ifo}: all are of {', '.join(sorted(others))}")
    return Collection(Archive(found), unusable)


def _files(paths: Iterable[str], unusable: dict[str, str]) -> Iterator[Path]:
    """Name files, and what folders hold; note the folders that cannot be read."""

    def note(error: OSError) -> None:
        folder = str(error.filename)
        unusable[folder] = f"{folder} cannot be read: {error.strerror}"

    for path in map(Path, paths):
        if not os.path.isdir(path):  # noqa: PTH112, raises nothing
            yield path
            continue
        inside = sorted(
            Path(folder, name)
            for folder, _, names in os.walk(path, onerror=note)
            for name in names
            if name.lower().endswith(STRAIN_SUFFIXES)
        )
        if not (inside or str(path) in unusable):
            raise GspyError(
                f"no strain in {path}: it has no {', '.join(STRAIN_SUFFIXES)}"
            )
        yield from inside
