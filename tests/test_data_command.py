"""`gspy data get`: what is fetched, where to, and how far it is."""

from contextlib import contextmanager
from pathlib import Path

import pytest
from running import gspy

from gspy_cli.cli import progress

pytest.importorskip("torch")

from gspy_cli.training import download


@pytest.fixture
def fetched(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Fetch nothing; give the folders that would be filled."""
    folders: list[Path] = []

    def fetch(folder: Path, *, on_progress) -> Path:
        folders.append(folder)
        on_progress("pictures", 5_000_000, 9_000_000)
        return folder / "table.csv"

    monkeypatch.setattr(download, "get_gravity_spy", fetch)
    monkeypatch.setattr(download, "data_folder", lambda: Path("data"))
    return folders


@pytest.mark.parametrize(
    ("options", "folder"), [((), "data/gravity-spy"), (("-o", "here"), "here")]
)
def test_the_training_set_goes_where_it_is_asked_to(fetched, options, folder):
    code, out, err = gspy("data", "get", "gravity-spy", *options)
    table = Path(folder) / "table.csv"
    assert (code, err, fetched) == (0, "", [Path(folder)])
    assert out == f"next: gspy train --data {table}\n"


def test_who_asks_for_quiet_is_told_nothing_of_a_download(fetched):
    assert gspy("data", "get", "gravity-spy", "-q") == (0, "", "")


def test_a_download_is_shown_in_megabytes(fetched, monkeypatch):
    shown = []

    @contextmanager
    def bar(*_, **__):
        yield lambda *numbers: shown.append(numbers)

    monkeypatch.setattr(progress, "bar", bar)
    gspy("data", "get", "gravity-spy")
    assert shown == [(5, 9)]
