"""Open data from a local server that answers as gwosc.org does (API v2)."""

import csv
import json
import os
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from running import gspy
from strain_files import RATE, START, gwosc_file, noise

from gspy_cli.strain import opendata
from gspy_cli.strain.archive import Archive
from gspy_cli.strain.files import list_series
from gspy_cli.strain.series import Series

pytest.importorskip("gwosc")
tenacity = pytest.importorskip("tenacity")
RUN_START, RUN_S = START, 256


class Gwosc(ThreadingHTTPServer):
    """One run of H1 in files of 128 s, and one event with a file of 32 s."""

    daemon_threads = True

    def __init__(self, folder: Path) -> None:
        super().__init__(("127.0.0.1", 0), Answer)
        self.folder, self.asked = folder, list[str]()
        self.lacking, self.tells_sizes, self.status = 0, True, 200
        strain = noise(RUN_S, blips_s=(40.0, 128.0))
        for start in range(0, RUN_S, 128):
            part = strain[start * RATE : (start + 128) * RATE]
            gwosc_file(folder, part, ifo="H1", start=START + start)
        gwosc_file(folder, noise(32, blips_s=(16.0,)), ifo="H1", start=START + 1000)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def answer(self, path: str, query: dict[str, str]) -> object:
        if path == "/api/v2/event-versions":
            near = (
                int(query["min-gps-time"]) < START + 1016 < int(query["max-gps-time"])
            )
            return page([EVENT] if near else [])
        if path == "/api/v2/event-versions/GWTEST-v1/strain-files":
            (event,) = self.folder.glob("*-32.hdf5")
            return page([entry(event, "download_url", self.url)])
        if path == "/api/v2/runs":
            return page([RUN])
        if path == "/api/v2/runs/T1/strain-files":
            files = sorted(self.folder.glob("*-128.hdf5"))
            entries = [entry(file, "hdf5_url", self.url) for file in files]
            start, stop = int(query["start"]), int(query["stop"])
            return page(
                [e for e in entries if start - 128 < e["gps_start"] < stop]
                if query["detector"] == "H1"
                else []
            )
        return None


RUN = {
    "name": "T1",
    "gps_start": RUN_START,
    "gps_end": RUN_START + RUN_S,
    "detectors": ["H1"],
}
EVENT = {
    "name": "GWTEST",
    "shortName": "GWTEST-v1",
    "gps": START + 1016.0,
    "version": 1,
    "catalog": "GWTC-test",
    "detectors": ["H1"],
}


def page(results: list[dict[str, object]]) -> dict[str, object]:
    return {
        "results_count": len(results),
        "num_pages": 1,
        "next": None,
        "previous": None,
        "results": results,
    }


def entry(file: Path, link: str, server: str) -> dict[str, object]:
    start, duration = map(int, file.stem.split("-")[-2:])
    url = f"{server}/archive/{file.name}"
    return {"detector": "H1", "gps_start": start, "duration": duration, link: url}


class Answer(BaseHTTPRequestHandler):
    server: Gwosc

    def do_GET(self) -> None:
        asked = urlsplit(self.requestline.split()[1])  # self.path has // made one
        self.server.asked.append(asked.path)
        query = {name: values[0] for name, values in parse_qs(asked.query).items()}
        if asked.path.startswith("/archive/"):
            content = (self.server.folder / Path(asked.path).name).read_bytes()
            size = len(content)
            content = content[: size - self.server.lacking]
        else:
            content = json.dumps(self.server.answer(asked.path, query)).encode()
            size = len(content)
        is_file = asked.path.startswith("/archive/")
        self.send_response(self.server.status if is_file else 200)
        if self.server.tells_sizes:
            self.send_header("Content-Length", str(size))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def gwosc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Gwosc]:
    folder = tmp_path / "gwosc"
    folder.mkdir()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path / "cache"))
    with Gwosc(folder) as server:
        monkeypatch.setenv("GWOSC_SERVER_URL", f"{server.url}/")
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def classify(model: Path, *options: object) -> tuple[int, list[dict[str, str]], str]:
    code, out, err = gspy("classify", "--open-data", *options, "-m", model)
    return code, list(csv.DictReader(out.splitlines())), err


def cached(tmp_path: Path) -> list[str]:
    return sorted(path.name for path in tmp_path.glob("cache/**/*.hdf5"))


def fetched(model: Path, tmp_path: Path) -> tuple[list[object], Path, Path]:
    """Classify a time; give the options, and the file and the note that are kept."""
    run: list[object] = ["-i", "H1", "-t", START + 40]
    classify(model, *run)
    (file,) = tmp_path.glob("cache/**/*.hdf5")
    (note,) = tmp_path.glob("cache/**/*.json")
    return run, file, note


def test_strain_is_fetched_once_and_then_needs_no_network(
    gwosc: Gwosc, tmp_path: Path, tiny_model: Path
) -> None:
    code, rows, err = classify(tiny_model, "-i", "H1", "-t", START + 40)
    assert code == 0
    assert [row["ifo"] for row in rows] == ["H1"] * 4
    assert all(float(row["snr"]) > 30 for row in rows)
    assert cached(tmp_path) == [f"H-H1_GWOSC_4KHZ_R1-{START}-128.hdf5"]
    assert "fetching http://" in err
    gwosc.asked.clear()
    both = ["-t", START + 40, "-t", START + 41]  # the same file holds a later event
    again, same, err = classify(tiny_model, "-i", "H1", *both)
    assert (again, same[:4], len(same), gwosc.asked) == (0, rows, 8, [])
    assert "fetching" not in err


def test_an_event_between_two_files_takes_both(
    gwosc: Gwosc, tmp_path: Path, tiny_model: Path
) -> None:
    code, rows, _ = classify(tiny_model, "-i", "H1", "-t", START + 128)
    assert code == 0
    assert all(float(row["snr"]) > 30 for row in rows)
    assert len(cached(tmp_path)) == 2


def test_where_there_is_only_an_events_file_that_is_used_and_remembered(
    gwosc: Gwosc, tmp_path: Path, tiny_model: Path
) -> None:
    for _ in range(2):
        code, rows, _ = classify(tiny_model, "-i", "H1", "-t", START + 1016)
        assert (code, len(rows)) == (0, 4)
        assert cached(tmp_path) == [f"H-H1_GWOSC_4KHZ_R1-{START + 1000}-32.hdf5"]
        asked = list(gwosc.asked)
        gwosc.asked.clear()
    assert asked == []


def test_a_time_that_is_not_open_is_a_failed_row(
    gwosc: Gwosc, tmp_path: Path, tiny_model: Path
) -> None:
    table = tmp_path / "t.csv"
    table.write_text(
        f"event_time,ifo\n{START + 5000},H1\n{START + 40},V1\n{START + 40},\n"
    )
    code, rows, _ = classify(tiny_model, "--triggers", table)
    assert code == 1
    assert [row["error"] for row in rows] == [
        f"GWOSC has no strain of H1 at GPS {START + 5000}",
        f"GWOSC has no strain of V1 at GPS {START + 40}",
        "--open-data needs a detector: give --ifo",
    ]
    assert not list(tmp_path.glob("cache/**/*.json"))  # it may be open tomorrow


@pytest.mark.parametrize("command", ["classify", "qscan"])
def test_open_data_without_a_detector_are_refused_at_the_start(command, tmp_path):
    output = tmp_path / "out.csv"
    code, out, err = gspy(command, "--open-data", "-t", START + 40, "-o", output)
    said = "gspy: --open-data needs a detector: give --ifo\n"
    assert (code, out, err) == (2, "", said)
    assert not output.exists()


@pytest.mark.parametrize("lacking", [1, 1_000_000])  # of 4 MB
@pytest.mark.parametrize("tells_sizes", [True, False])
def test_a_download_that_breaks_off_leaves_nothing_behind(
    gwosc: Gwosc, tmp_path: Path, tiny_model: Path, lacking: int, *, tells_sizes: bool
) -> None:
    gwosc.lacking, gwosc.tells_sizes = lacking, tells_sizes
    code, _, err = classify(tiny_model, "-i", "H1", "-t", START + 40)
    assert code == 2
    assert "cannot fetch from http://127.0.0.1" in err
    assert cached(tmp_path) == []
    assert not list(tmp_path.glob("cache/**/*.part"))
    gwosc.lacking = 0
    code, rows, _ = classify(tiny_model, "-i", "H1", "-t", START + 40)
    assert (code, len(rows)) == (0, 4)


def test_a_server_that_refuses_is_told_with_its_status(
    gwosc: Gwosc, tmp_path: Path, tiny_model: Path
) -> None:
    gwosc.status = 503
    code, _, err = classify(tiny_model, "-i", "H1", "-t", START + 40)
    assert (code, cached(tmp_path)) == (2, [])
    assert "503 Server Error" in err


def test_a_page_in_place_of_strain_is_not_kept(
    gwosc: Gwosc, tmp_path: Path, tiny_model: Path
) -> None:
    for file in gwosc.folder.glob("*-128.hdf5"):
        file.write_text("<html>Log in</html>")
    code, _, err = classify(tiny_model, "-i", "H1", "-t", START + 40)
    assert (code, cached(tmp_path)) == (2, [])
    assert "is not an HDF5 file, or is damaged); try again" in err


def test_a_server_that_fails_again_and_again_is_told(
    gwosc: Gwosc, tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def get_urls(*_: object, **__: object) -> list[str]:
        raise tenacity.RetryError(tenacity.Future(10))

    monkeypatch.setattr("gwosc.locate.get_urls", get_urls)
    code, _, err = classify(tiny_model, "-i", "H1", "-t", START + 40)
    assert (code, "(it fails again and again); try again" in err) == (2, True)


def test_what_a_killed_download_has_left_goes(
    gwosc: Gwosc, tmp_path: Path, tiny_model: Path
) -> None:
    args = (tiny_model, "-i", "H1", "-t")
    classify(*args, START + 40)
    (kept,) = tmp_path.glob("cache/**/*.hdf5")
    left = kept.with_name(f".{kept.name}.0a1b2c3d.part")
    left.touch()
    os.utime(left, (0, 0))
    classify(*args, START + 200)
    assert not left.exists()


def test_a_damaged_file_in_the_cache_is_fetched_again(
    gwosc: Gwosc, tmp_path: Path, tiny_model: Path
) -> None:
    run, file, note = fetched(tiny_model, tmp_path)
    whole = file.read_bytes()
    file.write_bytes(whole[:1000])
    note.write_text("")
    code, rows, err = classify(tiny_model, *run)
    assert (code, len(rows), "fetching http://" in err) == (0, 4, True)
    assert file.read_bytes() == whole
    assert json.loads(note.read_text())[0].endswith(file.name)


def test_a_file_that_is_not_here_is_asked_for_anew(
    gwosc: Gwosc, tmp_path: Path, tiny_model: Path
) -> None:
    run, file, note = fetched(tiny_model, tmp_path)
    file.unlink()
    note.write_text(note.read_text().replace("_R1-", "_R0-"))  # since then it has moved
    code, rows, _ = classify(tiny_model, *run)
    assert (code, len(rows), cached(tmp_path)) == (0, 4, [file.name])


def test_strain_of_another_detector_in_the_cache_is_left_alone(
    gwosc: Gwosc, tmp_path: Path, tiny_model: Path
) -> None:
    cache = tmp_path / "cache" / "gspy" / "gwosc"
    cache.mkdir(parents=True)
    other = gwosc_file(cache, noise(128), ifo="L1", start=START)
    assert classify(tiny_model, "-i", "H1", "-t", START + 40)[0] == 0
    assert cached(tmp_path) == [f"H-H1_GWOSC_4KHZ_R1-{START}-128.hdf5", other.name]


@pytest.mark.parametrize("first", [40, 1013])  # a run's file, an event's short one
def test_a_file_is_opened_once_for_all_its_events(
    gwosc: Gwosc, tiny_model: Path, monkeypatch: pytest.MonkeyPatch, first: int
) -> None:
    classify(tiny_model, "-i", "H1", "-t", START + first)
    opened: list[Path] = []

    def spy(path: Path) -> list[Series]:
        opened.append(path)
        return list_series(path)

    monkeypatch.setattr(opendata, "list_series", spy)
    times = [word for second in (0, 1, 2) for word in ("-t", START + first + second)]
    _, rows, _ = classify(tiny_model, "-i", "H1", *times)
    assert (len(rows), len(opened)) == (12, 1)


def test_a_cache_that_cannot_be_written_is_named(
    gwosc: Gwosc, tmp_path: Path, tiny_model: Path
) -> None:
    (tmp_path / "cache").write_text("a file")
    code, _, err = classify(tiny_model, "-i", "H1", "-t", START + 40)
    where = tmp_path / "cache" / "gspy" / "gwosc"
    remedy = "set XDG_CACHE_HOME to a folder that you can write"
    assert (code, err) == (
        2, f"gspy: cannot keep strain in {where}: Not a directory; {remedy}\n"
    )  # fmt: skip


def test_an_event_of_a_detector_left_out_is_a_failed_row(
    gwosc: Gwosc, tmp_path: Path, tiny_model: Path
) -> None:
    table = tmp_path / "t.csv"
    table.write_text(f"event_time,ifo\n{START + 40},H1\n{START + 40},L1\n")
    code, rows, _ = classify(tiny_model, "-i", "L1", "--triggers", table)
    assert code == 1
    assert [row["error"] for row in rows] == [
        "--ifo L1 leaves out H1",
        f"GWOSC has no strain of L1 at GPS {START + 40}",
    ]


def test_without_a_network_the_error_says_what_else_to_do(
    gwosc: Gwosc, tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GWOSC_SERVER_URL", "http://127.0.0.1:9")
    code, _, err = classify(tiny_model, "-i", "H1", "-t", START + 41)
    assert code == 2
    assert err.count("\n") == 1
    assert "give files of strain instead of --open-data" in err


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (requests.ConnectionError("Failed to establish"), "no connection"),
        (requests.exceptions.SSLError("certificate expired"), "certificate expired"),
        (requests.ReadTimeout(), "ReadTimeout"),
    ],
)
def test_what_stands_between_is_not_called_no_connection(
    error: Exception, reason: str
) -> None:
    data = opendata.OpenData(Archive([]))
    assert f"({reason});" in str(data._unreachable(error))


def test_without_a_network_no_output_is_emptied(
    gwosc: Gwosc, tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    output, table = tmp_path / "out.csv", tmp_path / "triggers.csv"
    table.write_text(f"event_time,ifo\nnonsense,L1\n{START + 42},H1\n{START + 43},L1")
    ask = ["-i", "L1", "--triggers", table, "-o", output]
    assert classify(tiny_model, *ask)[0] == 1  # there is none of this detector
    before = output.read_bytes()
    monkeypatch.setenv("GWOSC_SERVER_URL", "http://127.0.0.1:9")
    assert classify(tiny_model, *ask, "--overwrite")[0] == 2
    assert output.read_bytes() == before


def test_a_server_that_is_not_gwoscs_is_named(
    gwosc: Gwosc, tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Gwosc, "answer", lambda *_: {"hello": 1})
    code, _, err = classify(tiny_model, "-i", "H1", "-t", START + 42)
    assert code == 2
    assert "does not answer as GWOSC does" in err


@pytest.mark.parametrize(
    ("spans", "holds"),
    [
        ([(0, 64)], True),
        ([(32, 64), (0, 32)], True),
        ([(0, 31), (32, 64)], False),
        ([(0, 63)], False),
        ([(1, 64)], False),
        ([], False),
    ],
)
def test_spans_hold_a_block_where_they_leave_no_gap(
    spans: list[opendata.Span], holds: bool
) -> None:
    assert opendata.covers(spans, (0, 64)) is holds


@pytest.mark.parametrize(
    ("spans", "best"),
    [
        ([(0, 4096), (100, 64), (90, 128)], [(100, 64)]),  # the shortest that holds it
        ([(110, 40), (150, 32), (0, 110)], [(0, 110), (110, 40), (150, 32)]),
    ],
)
def test_one_file_that_holds_a_block_is_enough(
    spans: list[opendata.Span], best: list[opendata.Span]
) -> None:
    """Each span is start and length, as in the names of files."""
    names = [[f"H-H1_R1-{a}-{b}.hdf5" for a, b in part] for part in (spans, best)]
    assert opendata._best(names[0], (100, 164)) == names[1]


def test_scans_can_be_drawn_of_open_data(gwosc: Gwosc, tmp_path: Path) -> None:
    run = ["qscan", "--open-data", "-i", "H1", "-t", START + 40, "--window", "1.0"]
    code, out, _ = gspy(*run, "-o", tmp_path)
    assert code == 0
    assert Path(out.strip()).name.startswith(f"H1_{START + 40}.000000000_")
