"""What to classify: from the command's arguments to names of pictures."""

import os
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain, groupby
from pathlib import Path
from typing import TYPE_CHECKING

from gspy_cli.cli import strain
from gspy_cli.cli.strain import Events
from gspy_cli.errors import GspyError

if TYPE_CHECKING:
    from gspy_cli.glitches import Group
    from gspy_cli.readers import Readers
    from gspy_cli.samples import Name


@dataclass(frozen=True, slots=True)
class Given:
    """The pictures, folders, lists or strain that a command was given."""

    paths: tuple[str, ...]
    files_from: Path | None = None
    recursive: bool = False
    events: Events = field(default_factory=Events)
    sort_into: Path | None = None  # `recursive` leaves it out

    def names(self) -> "Iterator[Name]":
        """Name all inputs, in order."""
        if self.events:
            return strain.samples(list(self._listed()), self.events)
        from gspy_cli import sources

        if not self.paths and self.files_from is None:
            raise GspyError(
                "nothing to classify; give pictures, folders or --files-from"
            )
        strain.refuse_without_times(self.paths)
        return sources.names(
            self._listed(),
            recursive=self.recursive,
            apart=self.sort_into,
            alone=frozenset(self.paths),
        )

    def _listed(self) -> Iterator[str]:
        """Give the paths, those of lists in their places, and --files-from's last."""
        from gspy_cli import sources

        lists: list[Iterable[str]] = [
            sources.listed(sys.stdin) if path == "-" else [path] for path in self.paths
        ]
        if self.files_from is not None:
            lists.append(sources.listed(sources.read_list(self.files_from)))
        return chain.from_iterable(lists)

    def rounds(
        self, *, watch: bool, per_glitch: bool, ahead: bool
    ) -> "Iterator[Iterable[Group]]":
        """Give the inputs by row, all in a round; `watch`, what arrives in the next."""
        if watch:
            return self._arrivals(per_glitch=per_glitch)
        return iter([self.groups(per_glitch=per_glitch, ahead=ahead)])

    def groups(self, *, per_glitch: bool, ahead: bool) -> "Iterator[Group]":
        """Give the inputs by row; with `ahead`, the first is read now."""
        from gspy_cli import glitches
        from gspy_cli.samples import read_first, sample_of

        if per_glitch and self.events:
            return self._groups_of_events()
        if per_glitch:
            return glitches.group(self.names())
        every = map(sample_of, self.names())
        samples = read_first(every) if ahead else every
        return ((sample,) for sample in samples)

    def _groups_of_events(self) -> "Iterator[Group]":
        """Give the windows of each event, which come together, without the others'."""
        from gspy_cli import glitches, timeshift
        from gspy_cli.samples import sample_of

        samples = map(sample_of, self.names())
        events = groupby(samples, key=lambda sample: timeshift.event_of(sample.origin))
        return chain.from_iterable(glitches.group(windows) for _, windows in events)

    def begin_reading(self, workers: int | None, *, least: int) -> "Readers | None":
        """Start processes to read pictures, `least` where there are only a few."""
        paths = self.paths
        alone = len(paths) == 1 and not os.path.isdir(paths[0])  # noqa: PTH112, any name
        if self.events or (alone and not least):  # so one starts quickly
            return None
        from gspy_cli import sources
        from gspy_cli.predict import FEW
        from gspy_cli.readers import Readers
        from gspy_cli.workers import available_cores

        many = sources.at_least(FEW, paths, recursive=self.recursive)
        return Readers((workers or available_cores()) if many else least)

    def again(self, *, per_glitch: bool) -> "Iterator[object] | None":
        """Give the inputs by row once more; None where they cannot be had twice."""
        from gspy_cli import glitches, sources

        file = self.files_from
        pipe = file is not None and (file == sources.STDIN or not file.is_file())
        if self.events or pipe or "-" in self.paths:
            return None
        return glitches.group(self.names()) if per_glitch else self.names()

    def _arrivals(self, *, per_glitch: bool) -> "Iterator[list[Group]]":
        """Give what is in the folders and what arrives there, without end."""
        from gspy_cli import watching

        if self.events:
            raise GspyError("--watch takes pictures; leave --gps and --triggers out")
        strange = [path for path in self.paths if not Path(path).is_dir()]
        if self.files_from or strange or not self.paths:
            which = f"; {strange[0]} is none" if strange else ""
            raise GspyError(f"--watch takes folders{which}")
        return watching.arrivals(
            self.paths,
            recursive=self.recursive,
            per_glitch=per_glitch,
            apart=self.sort_into,
        )

    def refuse_among(self, outputs: Iterable[Path]) -> None:
        """Refuse to write over a file that is read."""
        read = (*self.paths, self.files_from or "", self.events.table or "")
        there = [path for path in read if os.path.exists(path)]  # noqa: PTH110, any name
        for output in outputs:
            if output.exists() and any(output.samefile(path) for path in there):
                raise GspyError(f"{output} is an input; name another output")

    def check_outside(self, folder: Path) -> None:
        """Refuse to sort pictures into a folder that is itself searched."""
        for path in self.paths if self.recursive else ():
            if folder.resolve().is_relative_to(Path(path).resolve()):
                raise GspyError(
                    f"{folder} lies in {path}, which is searched; give --sort-into a "
                    "folder elsewhere"
                )
