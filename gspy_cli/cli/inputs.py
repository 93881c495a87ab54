"""What to classify: from the command's arguments to names of pictures."""

import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from gspy_cli.cli.options import need_strain
from gspy_cli.errors import GspyError

if TYPE_CHECKING:
    from gspy_cli.glitches import Group
    from gspy_cli.sources import Name, Sample


@dataclass(frozen=True, slots=True)
class Given:
    """The pictures, folders, lists or strain that a command was given."""

    paths: tuple[str, ...]
    files_from: Path | None = None
    recursive: bool = False
    times: tuple[str, ...] = ()
    channel: str | None = None
    ifo: str | None = None

    def names(self) -> "Iterator[Name]":
        """Name all inputs, in order."""
        if self.times:
            return self._scans()
        from gspy_cli import sources

        if not self.paths and self.files_from is None:
            raise GspyError(
                "nothing to classify; give pictures, folders or --files-from"
            )
        lists: list[Iterable[str]] = [
            sources.listed(sys.stdin) if path == "-" else [path] for path in self.paths
        ]
        if self.files_from is not None:
            lists.append(sources.listed(sources.read_list(self.files_from)))
        return sources.names(chain.from_iterable(lists), recursive=self.recursive)

    def groups(self, *, per_glitch: bool, ahead: bool) -> "Iterator[Group]":
        """Give the inputs by row; with `ahead`, begin to read the first now."""
        from gspy_cli import glitches, sources

        if per_glitch:
            return glitches.group(self.names())
        every = map(sources.sample_of, self.names())
        samples = sources.read_ahead(every) if ahead else every
        return ((sample,) for sample in samples)

    def arrivals(self, *, per_glitch: bool) -> "Iterator[list[Group]]":
        """Give what is in the folders and what arrives there, without end."""
        from gspy_cli import watching

        strange = [path for path in self.paths if not Path(path).is_dir()]
        if self.times or self.files_from or strange or not self.paths:
            raise GspyError(f"--watch takes folders{_such_as(strange)}")
        return watching.arrivals(
            self.paths, recursive=self.recursive, per_glitch=per_glitch
        )

    def check_outside(self, folder: Path) -> None:
        """Refuse to sort pictures into a folder that is itself searched."""
        for path in self.paths if self.recursive else ():
            if folder.resolve().is_relative_to(Path(path).resolve()):
                raise GspyError(
                    f"{folder} lies in {path}, which is searched; give --sort-into a "
                    "folder elsewhere"
                )

    def _scans(self) -> "Iterator[Sample]":
        need_strain("classifying strain")
        from gspy_cli import sources
        from gspy_cli.strain.times import gps_time

        if len(self.paths) != 1:
            raise GspyError("--gps takes one file of strain: .hdf5, .h5 or .gwf")
        parsed = [gps_time(text) for text in self.times]
        return sources.from_strain(
            self.paths[0], parsed, channel=self.channel, ifo=self.ifo
        )


def _such_as(strange: list[str]) -> str:
    return f"; {strange[0]} is none" if strange else ""
