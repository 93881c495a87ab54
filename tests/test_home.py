"""The user's own folders, and what goes on without them."""

import errno
import os
import re
import sys
from collections.abc import Callable
from pathlib import Path

import platformdirs
import pytest
from running import gspy

from gspy_cli import home, registry
from gspy_cli.errors import GspyError
from gspy_cli.registry import DEFAULT_MODEL
from gspy_cli.strain.archive import Archive
from gspy_cli.strain.opendata import OpenData
from gspy_cli.training import cache, download

NO_HOME = "no home folder: set HOME or {} to a folder that you can write"


@pytest.fixture
def homeless(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take the home folder away, and the user's entry in the system's list."""
    pwd = pytest.importorskip("pwd")

    def nobody(number: int) -> None:
        raise KeyError(number)

    monkeypatch.setattr(pwd, "getpwuid", nobody)
    for name in ("HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME", "GSPY_MODEL"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def no_way_home(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the home be a folder of which the system tells nothing."""
    if sys.platform != "linux":
        pytest.skip("XDG_DATA_HOME and names of 255 bytes are Linux's")
    monkeypatch.setenv("XDG_DATA_HOME", "/" + "a" * 300)
    monkeypatch.delenv("GSPY_MODEL", raising=False)


@pytest.mark.parametrize("lack", ["homeless", "no_way_home"])
def test_the_shipped_model_needs_no_home(lack, request):
    request.getfixturevalue(lack)
    shipped = registry.shipped_models() / DEFAULT_MODEL / "model.onnx"
    assert registry.find(None) == registry.find(DEFAULT_MODEL) == shipped
    code, out, err = gspy("models")
    assert (code, DEFAULT_MODEL in out, err) == (0, True, "")
    assert gspy("--version")[0] == 0


@pytest.fixture
def close(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[Path], None]:
    """Give a function that closes a folder to all, in a home of the user's models."""
    for name in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(name, str(tmp_path))
    monkeypatch.setattr(registry, "user_models", lambda: tmp_path / "models")
    monkeypatch.delenv("GSPY_MODEL", raising=False)
    read, access = Path.read_text, os.access

    def close(folder: Path) -> None:
        def read_text(path: Path, **options: str) -> str:
            if path.is_relative_to(folder):
                raise PermissionError(errno.EACCES, "Permission denied")
            return read(path, **options)

        def may(path: Path, mode: int) -> bool:
            return not path.is_relative_to(folder) and access(path, mode)

        monkeypatch.setattr(Path, "read_text", read_text)
        monkeypatch.setattr(os, "access", may)

    return close


def test_a_choice_that_may_not_be_read_is_not_taken_for_none(tmp_path, close):
    close(tmp_path / "models")
    note = tmp_path / "models" / "default"
    error = f"cannot read {note}: Permission denied; name a model with -m"
    with pytest.raises(GspyError, match=f"^{re.escape(error)}$"):
        registry.find(None)
    assert registry.find(DEFAULT_MODEL).parent.name == DEFAULT_MODEL
    assert gspy("models")[::2] == (2, f"gspy: {error}\n")
    code, out, err = gspy("--version")
    assert (code, error in out, err) == (0, True, "")


def test_in_a_closed_home_the_shipped_model_is_the_default(tmp_path, close):
    close(tmp_path)
    assert registry.find(None).parent.name == DEFAULT_MODEL


@pytest.mark.usefixtures("homeless")
def test_what_would_be_kept_needs_a_home(tiny_model: Path):
    code, _, err = gspy("models", "add", tiny_model)
    assert (code, err) == (2, f"gspy: {NO_HOME.format('XDG_DATA_HOME')}\n")
    with pytest.raises(GspyError, match=NO_HOME.format("XDG_DATA_HOME")):
        download.data_folder()
    for needs_cache in (
        lambda: cache.shard_folder(None, size=16),
        lambda: OpenData(Archive([])),
    ):
        with pytest.raises(GspyError, match=NO_HOME.format("XDG_CACHE_HOME")):
            needs_cache()


def test_the_folders_are_gspys_own_on_windows_too(monkeypatch: pytest.MonkeyPatch):
    for kind in ("data", "cache"):
        monkeypatch.setattr(
            platformdirs,
            f"user_{kind}_path",
            lambda name, appauthor=None: Path(f"{appauthor}", name),
        )
    assert home.data_home() == home.cache_home() == Path("False", "gspy")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no XDG folders")
def test_tests_keep_nothing_in_the_users_own_folders(tmp_path_factory):
    for folder in (home.data_home(), home.cache_home()):
        assert folder.is_relative_to(tmp_path_factory.getbasetemp())


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such shells")
def test_a_completion_that_cannot_be_written_names_what_shows_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / "home").write_text("a file")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setattr("shellingham.detect_shell", lambda: ("bash", "/bin/bash"))
    code, _, err = gspy("--install-completion")
    assert (code, err.startswith(f"gspy: cannot write {tmp_path / 'home'}: ")) == (2, 1)
    assert "gspy --show-completion" in err
    assert err.count("\n") == 1


@pytest.mark.usefixtures("homeless")
def test_a_completion_without_a_home_names_what_shows_it(
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr("shellingham.detect_shell", lambda: ("bash", "/bin/bash"))
    remedy = "gspy --show-completion shows what your shell must read"
    code, _, err = gspy("--install-completion")
    assert (code, err) == (2, f"gspy: no home folder; {remedy}\n")
