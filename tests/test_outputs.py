"""Several outputs, compressed ones and Parquet: each whole after any stop."""

import csv
import errno
import gzip
import io
import json
import os
import random
import signal
import subprocess
import sys
from contextlib import nullcontext, suppress
from dataclasses import replace
from itertools import islice
from pathlib import Path
from types import SimpleNamespace

import pytest
from conftest import ODD, tiny_card
from hypothesis import given
from hypothesis import strategies as st
from running import GSPY, gspy, killing, line_count, rows, until

from gspy_cli.cli.inputs import Given
from gspy_cli.cli.output import OutputFile, Outputs, outputs_of
from gspy_cli.cli.strain import Events
from gspy_cli.cli.wanted import Format, Wanted, format_of
from gspy_cli.done import Done
from gspy_cli.errors import ChangedError, GspyError
from gspy_cli.results import Failure, Origin, Trigger
from gspy_cli.samples import unusable
from gspy_cli.writers import Columns
from gspy_cli.writers import parquet as parquet_form
from gspy_cli.writers.file_formats import csv_format, gzipped
from gspy_cli.writers.gallery import gallery_format

pytestmark = pytest.mark.usefixtures("use_tiny_model")


@pytest.fixture(scope="module")
def expected(odd_folder: Path, tmp_path_factory) -> list[dict]:
    """Give the rows that every format must hold."""
    from conftest import write_tiny_model

    model = write_tiny_model(tmp_path_factory.mktemp("model"))
    _, out, _ = gspy("classify", odd_folder, "-f", "jsonl", "-m", model)
    return [json.loads(line) for line in out.splitlines()]


def read(path: Path) -> list[dict]:
    if path.suffix == ".parquet":
        from pyarrow import parquet

        return parquet.read_table(path).to_pylist()
    content = path.read_bytes()
    text = (gzip.decompress(content) if path.suffix == ".gz" else content).decode()
    if ".jsonl" in path.name:
        return [json.loads(line) for line in text.splitlines()]
    found = list(csv.DictReader(io.StringIO(text, newline="")))
    assert all(row["status"] in ("ok", "failed") for row in found)
    return found


def paths(found: list[dict]) -> list[str]:
    return [row["path"] for row in found]


@pytest.mark.usefixtures("no_readers")
@pytest.mark.parametrize("name", ["out.csv.gz", "out.jsonl.gz", "out.parquet"])
def test_a_torn_output_is_completed(odd_folder, expected, tmp_path, name):
    output = tmp_path / name
    assert gspy("classify", odd_folder, "-o", output)[0] == 1
    found, content = read(output), output.read_bytes()
    assert paths(found) == paths(expected)
    if "csv" not in name:
        assert found == expected
    rng = random.Random(0)
    ends = [1, *rng.sample(range(len(content)), 6), len(content) - 1]
    for end in ends if name != "out.parquet" else ():
        output.write_bytes(content[:end] + rng.choice([b"", b"\0" * 99]))
        gspy("classify", odd_folder, "-o", output)
        assert output.read_bytes() == content
    code, _, err = gspy("classify", odd_folder, "-o", output)
    assert (code, f"; {ODD} done before, 1 failed before" in err) == (1, True)


def test_a_compressed_file_that_is_damaged_before_its_end_is_refused(
    odd_folder, tmp_path
):
    output = tmp_path / "out.csv.gz"
    gspy("classify", odd_folder, "-o", output)
    content = bytearray(output.read_bytes())
    content[200:300] = bytes(100)
    output.write_bytes(content)
    code, _, err = gspy("classify", odd_folder, "-o", output)
    assert (code, output.read_bytes()) == (2, content)
    assert "changed by another program: it is damaged before its end" in err


def test_a_parquet_file_has_typed_columns_and_nothing_beside_it(odd_folder, tmp_path):
    from pyarrow import parquet

    output = tmp_path / "out.parquet"
    gspy("classify", odd_folder, "-o", output)
    schema = parquet.read_schema(output)
    kinds = {name: str(schema.field(name).type) for name in schema.names}
    assert (kinds["path"], kinds["window"], kinds["Blip"], kinds["error"]) == (
        "string", "double", "double", "string",
    )  # fmt: skip
    assert [path.name for path in tmp_path.glob("out*")] == ["out.parquet"]


def test_counts_and_truths_are_typed_in_parquet():
    columns = Columns(("Blip",), "tiny", triggers=True, time_shifts=True)
    columns = replace(columns, per_glitch=True)
    kinds = {field.name: str(field.type) for field in parquet_form._schema(columns)}
    assert (kinds["n_views"], kinds["time_shift_stable"], kinds["snr"]) == (
        "int64", "bool", "double",
    )  # fmt: skip


def test_a_parquet_file_has_groups_of_rows(figures, tmp_path, monkeypatch):
    from pyarrow import parquet

    assert parquet_form.GROUP == 10_000
    monkeypatch.setattr(parquet_form, "GROUP", 2)
    gspy("classify", figures, "-o", tmp_path / "out.parquet")
    metadata = parquet.read_metadata(tmp_path / "out.parquet")
    groups = range(metadata.num_row_groups)
    assert [metadata.row_group(n).num_rows for n in groups] == [2, 1]


def test_a_part_that_cannot_be_read_is_named(figures, tmp_path, monkeypatch):
    def fail(_):
        raise OSError(errno.EIO, "Input/output error")

    output = tmp_path / "out.parquet"
    monkeypatch.setattr(parquet_form, "_first_line", fail)
    code, _, err = gspy("classify", figures, "-o", output)
    assert (code, err) == (2, f"gspy: cannot write {output}: Input/output error\n")


def test_a_parquet_file_that_was_killed_goes_on_from_its_part(
    odd_folder, expected, tmp_path
):
    whole, output = tmp_path / "whole.parquet", tmp_path / "out.parquet"
    gspy("classify", odd_folder, "-o", whole)
    part = tmp_path / "out.parquet.part"
    command = [sys.executable, "-m", "gspy_cli", "classify", str(odd_folder), "-b", "1"]
    with subprocess.Popen([*command, "-o", str(output)], stderr=-3) as run:
        until(run, lambda: line_count(part) >= 5)
        run.send_signal(signal.SIGKILL)
    assert (output.exists(), Wanted((output,)).begun()) == (False, True)
    gspy("classify", odd_folder, "-o", output)
    assert read(output) == expected
    assert output.read_bytes() == whole.read_bytes()


def test_a_parquet_file_that_was_killed_while_it_was_joined_leaves_nothing(
    figures, tmp_path
):
    folder, output = tmp_path / "new", tmp_path / "new" / "out.parquet"
    folder.mkdir()
    (tmp_path / "sitecustomize.py").write_text(killing("os.rename", ".part"))
    command = [*GSPY, "classify", figures, "-o", output]
    with_kill = os.environ | {"PYTHONPATH": str(tmp_path)}
    assert subprocess.run(command, env=with_kill, check=False).returncode == -9
    assert len(list(folder.iterdir())) == 3
    assert gspy("classify", figures, "-o", output)[0] == 0
    assert list(folder.iterdir()) == [output]


def test_a_part_that_the_parquet_file_holds_already_is_not_added_twice(
    odd_folder, expected, tmp_path, monkeypatch
):
    output = tmp_path / "out.parquet"

    def die(_path):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("gspy_cli.journal.forget", die)
        assert gspy("classify", odd_folder, "-o", output)[0] == 130
    assert (tmp_path / "out.parquet.part").exists()
    gspy("classify", odd_folder, "-o", output)
    assert read(output) == expected


def test_a_parquet_file_is_kept_until_the_one_that_replaces_it_is_whole(
    odd_folder, expected, tmp_path, monkeypatch
):
    output = tmp_path / "out.parquet"
    picture = min(odd_folder.iterdir())
    gspy("classify", picture, "-o", output)
    old = output.read_bytes()

    def die(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("gspy_cli.writers.parquet._join", die)
        again = ["classify", odd_folder, "-o", output, "--top-k", 1, "--overwrite"]
        assert gspy(*again)[0] == 130
    assert output.read_bytes() == old
    _, _, err = gspy(*again[:-1])
    assert err.startswith(f"0 classified, 0 failed, 0/s; {ODD} done before")
    assert read(output) == expected


@pytest.mark.parametrize("torn", [None, 5])
def test_rows_of_a_part_whose_parquet_file_went_are_made_anew(
    figures, tmp_path, monkeypatch, torn
):
    output = tmp_path / "out.parquet"
    gspy("classify", min(figures.iterdir()), "-o", output)

    def die(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("gspy_cli.writers.parquet._join", die)
        assert gspy("classify", figures, "-o", output)[0] == 130
    output.write_bytes(b"another program's")
    assert gspy("classify", figures, "-o", output)[0] == 2
    part = tmp_path / "out.parquet.part"
    assert line_count(part) == 3
    part.write_bytes(part.read_bytes()[:torn])
    output.unlink()
    gspy("classify", figures, "-o", output)
    assert paths(read(output)) == sorted(map(str, figures.iterdir()))


def test_new_pictures_are_added_to_a_parquet_file(
    odd_folder, expected, figures, tmp_path
):
    output = tmp_path / "out.parquet"
    gspy("classify", odd_folder, "-o", output)
    gspy("classify", figures, odd_folder, "-o", output)
    assert read(output)[:ODD] == expected
    assert paths(read(output)[ODD:]) == sorted(map(str, figures.iterdir()))


def test_a_name_that_is_not_utf8_is_escaped_alike_in_every_form(figures, tmp_path):
    odd = os.fsdecode(b"\xff.png")
    min(figures.iterdir()).rename(figures / odd)
    outputs = [tmp_path / f"out.{form}" for form in ("csv", "jsonl", "parquet")]
    ask = ["classify", figures, *(f"-o{output}" for output in outputs)]
    for done in ("", "; 3 done before"):
        _, _, err = gspy(*ask)
        assert done in err
    for output in outputs:
        assert paths(read(output))[-1] == f"{figures}/\\udcff.png"
    assert b"\\\\udcff" in outputs[1].read_bytes()


def test_a_parquet_rerun_with_nothing_to_do_leaves_the_file(figures, tmp_path):
    output = tmp_path / "out.parquet"
    gspy("classify", figures, "-o", output)
    before = output.stat()
    gspy("classify", figures, "-o", output)
    assert (output.stat().st_ino, [p.name for p in tmp_path.glob("out*")]) == (
        before.st_ino, ["out.parquet"],
    )  # fmt: skip


@pytest.mark.parametrize(
    "change",
    [
        lambda table: table.drop_columns(["Blip"]),
        lambda table: table.append_column("seen", table["Blip"]),
        lambda table: table.select(table.column_names[::-1]),
    ],
)
def test_a_parquet_file_with_other_columns_is_refused_before_any_work(
    figures, tmp_path, change
):
    from pyarrow import parquet

    output = tmp_path / "out.parquet"
    gspy("classify", min(figures.iterdir()), "-o", output)
    parquet.write_table(change(parquet.read_table(output)), output)
    before = output.read_bytes()
    code, out, err = gspy("classify", figures, "-o", output)
    assert (code, out, err.count("\n"), output.read_bytes()) == (2, "", 1, before)
    assert f"{output} was changed by another program: its columns are others" in err


def test_a_parquet_file_that_cannot_be_joined_leaves_its_part_alone(
    figures, tmp_path, monkeypatch
):
    output = tmp_path / "out.parquet"
    min(figures.iterdir()).write_bytes(b"no picture")

    def fail(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("pyarrow.parquet.ParquetWriter.write_table", fail)
        code, _, err = gspy("classify", figures, "-o", output)
    assert (code, err) == (2, f"gspy: cannot write {output}: No space left on device\n")
    assert sorted(p.name for p in tmp_path.glob("*out*")) == [
        "out.parquet.part", "out.parquet.part.journal",
    ]  # fmt: skip
    assert gspy("classify", figures, "-o", output)[0] == 1  # it failed before
    assert len(read(output)) == 3


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_an_output_that_is_a_link_stays_one_and_its_file_has_the_journal(
    figures, tmp_path, form
):
    (tmp_path / "there").mkdir()
    output, link = tmp_path / "there" / f"real.{form}", tmp_path / f"link.{form}"
    link.symlink_to(output)
    for done in ("", "; 3 done before"):
        code, _, err = gspy("classify", figures, "-o", link)
        assert (code, done in err) == (0, True)
    assert Wanted((link,)).begun() == (form == "csv")
    assert link.is_symlink()
    assert len(read(output)) == 3
    assert not list(tmp_path.glob("link.*.*"))


def test_no_output_is_emptied_where_another_is_refused(figures, tmp_path):
    output, other = tmp_path / "a.csv", tmp_path / "none" / "b.csv"
    gspy("classify", figures, "-o", output)
    before = output.read_bytes()
    ask = ["classify", figures, "-o", output, "-o", other, "--overwrite"]
    code, _, err = gspy(*ask)
    assert (code, output.read_bytes()) == (2, before)
    assert err.startswith(f"gspy: cannot write {other}: ")


@pytest.mark.parametrize("name", ["out.csv", "out.jsonl", "out.parquet.part"])
def test_rows_that_are_finished_are_kept_where_the_run_is_stopped(
    figures, tmp_path, monkeypatch, name
):
    output = tmp_path / name.removesuffix(".part")
    save = Outputs._save

    def stopped(self, rows):
        yield from islice(save(self, rows), 2)
        raise KeyboardInterrupt

    monkeypatch.setattr(Outputs, "_save", stopped)
    assert gspy("classify", figures, "-o", output)[0] == 130
    assert (tmp_path / name).read_text().count(".png") == 2


def test_a_refused_run_leaves_no_header_behind(figures, tmp_path):
    new, old = tmp_path / "new.csv", tmp_path / "old.csv"
    gspy("classify", figures, "-o", old)
    assert gspy("classify", figures, "-o", new, "-o", old, "--top-k", 2)[0] == 2
    assert gspy("classify", figures, "-o", new)[0] == 0
    assert new.read_bytes() == old.read_bytes()


def test_rows_are_written_before_the_next_input_is_waited_for(
    figures, tmp_path, monkeypatch
):
    output, names, found = tmp_path / "out.csv", Given.names, []

    def slow(self):
        for name in names(self):
            found.append(output.read_text().count(".png") if output.exists() else 0)
            yield name
        found.append(output.read_text().count(".png"))

    monkeypatch.setattr(Given, "names", slow)
    ask = ["classify", *[figures] * 3, "-b", 1, "--workers", 1, "-o", output]
    assert gspy(*ask)[0] == 0
    assert all(written >= asked - 2 for asked, written in enumerate(found))


def test_a_foreign_parquet_file_is_not_replaced_unasked(figures, tmp_path):
    output = tmp_path / "out.parquet"
    output.write_bytes(b"precious")
    code, _, err = gspy("classify", figures, "-o", output)
    assert (code, output.read_bytes()) == (2, b"precious")
    assert [path.name for path in tmp_path.glob("out*")] == ["out.parquet"]
    assert "was not made by gspy classify; --overwrite replaces it" in err
    assert gspy("classify", figures, "-o", output, "--overwrite")[0] == 0
    assert len(read(output)) == 3


def test_a_parquet_file_of_another_run_is_refused(figures, tmp_path):
    output = tmp_path / "out.parquet"
    gspy("classify", figures, "-o", output)
    code, _, err = gspy("classify", figures, "-o", output, "--top-k", "2")
    assert code == 2
    assert f"{output} was made with other columns" in err


def test_each_output_gets_what_it_lacks(odd_folder, expected, tmp_path):
    first, second = tmp_path / "a.csv", tmp_path / "b.jsonl.gz"
    gspy("classify", odd_folder, "-o", first)
    whole = first.read_bytes()
    first.write_bytes(whole[: len(whole) // 2])
    code, _, err = gspy("classify", odd_folder, "-o", first, "-o", second)
    assert (code, "done before" in err) == (1, False)
    assert first.read_bytes() == whole
    assert read(second) == expected


def test_what_is_counted_down_is_what_there_is_and_what_is_done(
    figures, tmp_path, monkeypatch
):
    def note(inputs, already, *, quiet):
        counted.append((inputs, already))
        return nullcontext(iter)

    counted: list[tuple] = []
    monkeypatch.setattr("gspy_cli.cli.running.countdown", note)
    gspy("classify", min(figures.iterdir()), "-o", tmp_path / "a.csv")
    gspy("classify", figures, "-o", tmp_path / "a.csv")
    gspy("classify", figures, "--per-glitch")
    numbers = [(len(list(inputs())), already()) for inputs, already in counted]
    assert numbers == [(1, 0), (3, 1), (1, 0)]


def test_failures_done_before_count_once_with_several_outputs(odd_folder, tmp_path):
    outputs = ["-o", tmp_path / "a.csv", "-o", tmp_path / "b.jsonl"]
    gspy("classify", odd_folder, *outputs)
    code, _, err = gspy("classify", odd_folder, *outputs)
    assert code == 1
    assert f"; {ODD} done before, 1 failed before; --overwrite" in err


@pytest.mark.parametrize(
    ("option", "name"),
    [("-o", f"out.{form}") for form in ("csv", "jsonl", "parquet")]
    + [("--gallery", "out.html")],
)
def test_a_window_that_failed_counts_in_the_next_run_too(
    figures, tmp_path, option, name
):
    min(figures.iterdir()).write_bytes(b"no picture")
    ask = "classify", figures, "--per-glitch", option, tmp_path / name
    assert gspy(*ask)[0] == 1
    code, _, err = gspy(*ask)
    assert code == 1
    assert "; 1 done before, 1 with failures before; --overwrite" in err


@pytest.mark.parametrize(
    ("events", "said"),
    [
        ({"open_data": True}, "without --open-data"),
        ({"channel": "L1:DARM"}, "without --channel"),
        ({"ifo": "L1"}, "without --ifo"),
    ],
)
def test_other_strain_is_another_run(tmp_path, events, said):
    wanted = Wanted(files=(tmp_path / "out.csv",))
    with outputs_of(wanted, COLUMNS, tiny_card(), Events()):
        pass
    with (
        pytest.raises(GspyError, match=f"was made {said}; --overwrite"),
        outputs_of(wanted, COLUMNS, tiny_card(), Events(**events)),
    ):
        pass


def test_events_in_a_parquet_file_are_told_apart_by_their_times(tmp_path):
    columns = Columns(("Blip", "Whistle"), "tiny", triggers=True)
    origins = [Origin("a.gwf", "L1", trigger=Trigger(time)) for time in (1.0, 2.0)]
    groups = [(unusable(origin, "broken"),) for origin in origins]
    for left in (groups, []):
        wanted = Wanted(files=(tmp_path / "out.parquet",))
        with outputs_of(wanted, columns, tiny_card(), Events()) as outputs:
            assert list(outputs.left(groups)) == left
            failures = [(group, Failure(group[0].origin, "broken")) for group in left]
            outputs.write(failures, counted=iter, watched=iter, live=False)


@pytest.mark.parametrize(
    ("now", "said"),
    [
        ({"columns": {"min_confidence": 0.9}}, "with min_confidence 0.5, this run"),
        ({"card": {"unfamiliar_below": 0.5}}, "with unfamiliar_below 0.0, this run"),
        ({"card": {"sha256": "b" * 64}}, "with checksum , this run"),
    ],
)
def test_another_limit_or_graph_is_another_run(tmp_path, now, said):
    wanted = Wanted(files=(tmp_path / "out.csv",))
    columns = replace(COLUMNS, min_confidence=0.5)
    with outputs_of(wanted, columns, tiny_card(), Events()):
        pass
    columns = replace(columns, **now.get("columns", {}))
    card = tiny_card(**now.get("card", {}))
    with (
        pytest.raises(GspyError, match=f"was made {said} has"),
        outputs_of(wanted, columns, card, Events()),
    ):
        pass


def test_failures_that_one_output_holds_count_while_another_is_written(
    figures, tmp_path
):
    ask = ["classify", figures, "-o", tmp_path / "a.csv"]
    picture, table = min(figures.iterdir()), tmp_path / "b.csv"
    content = picture.read_bytes()
    picture.write_bytes(b"")
    assert gspy(*ask)[0] == 1
    picture.write_bytes(content)
    code, _, err = gspy(*ask, "-o", table)
    assert (code, {row["status"] for row in rows(table.read_text())}) == (1, {"ok"})
    assert "3 classified, 0 failed" in err
    assert "/s; 1 failed before; --overwrite reads all anew" in err


def test_one_output_given_twice_is_refused(figures, tmp_path):
    output = tmp_path / "a.csv"
    code, _, err = gspy("classify", figures, "-o", output, "-o", output)
    assert (code, output.exists()) == (2, False)
    assert err == f"gspy: {output} is given twice; name each output once\n"


@pytest.mark.parametrize("link", [Path.symlink_to, Path.hardlink_to])
def test_one_output_under_two_names_is_refused(figures, tmp_path, link):
    output, other = tmp_path / "a.csv", tmp_path / "b.csv"
    if link is Path.hardlink_to:
        output.touch()
    link(other, output)
    ask = "classify", figures, "-o", output, "-o", other, "--overwrite"
    code, _, err = gspy(*ask)
    assert (code, err) == (2, f"gspy: {other} is given twice; name each output once\n")
    assert not list(tmp_path.glob("*.journal"))


@pytest.mark.parametrize("option", ["--explain", "-o", "--gallery"])
def test_a_picture_is_not_written_over(figures, option):
    picture = min(figures.iterdir())
    before = picture.read_bytes()
    given = ["classify", picture, option, picture, "-f", "csv", "--overwrite"]
    code, out, err = gspy(*given)
    assert (code, out) == (2, "")
    assert err == f"gspy: {picture} is an input; name another output\n"
    assert picture.read_bytes() == before


def test_a_table_that_was_moved_is_told_to_lack_its_journal(figures, tmp_path):
    assert gspy("classify", figures, "-o", tmp_path / "a.csv")[0] == 0
    (tmp_path / "a.csv").rename(tmp_path / "b.csv")
    code, _, err = gspy("classify", figures, "-o", tmp_path / "b.csv")
    assert code == 2
    assert "b.csv was not made by gspy classify, or moved without its b.csv.j" in err


def test_the_suffix_of_an_output_may_be_in_capitals():
    assert format_of(Path("labels.CSV"), None) is Format.CSV
    assert format_of(Path("labels.JSONL.GZ"), None) is Format.JSONL


def test_a_gallery_is_a_page_by_its_name(figures, tmp_path):
    code, out, err = gspy("classify", figures, "--gallery", tmp_path / "a.csv")
    assert (code, out) == (2, "")
    assert err == f"gspy: {tmp_path / 'a.csv'} is no page's name; end it in .html\n"


@pytest.mark.parametrize("option", ["--files-from", "--triggers"])
def test_a_list_of_inputs_is_not_written_over(figures, tmp_path, option):
    listed = tmp_path / "list.csv"
    listed.write_text(f"{min(figures.iterdir())}\n")
    before = listed.read_bytes()
    code, _, err = gspy("classify", option, listed, "-o", listed, "--overwrite")
    assert (code, listed.read_bytes()) == (2, before)
    assert err == f"gspy: {listed} is an input; name another output\n"


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["-f", "parquet"], "parquet is no text to print; give -o a .parquet"),
        (["-o", "x.parquet.gz"], "Parquet is compressed already"),
        (["-o", "x.gz"], "cannot tell the format of x.gz"),
        (["-o", "x.csv", "-f", "table"], "a table is for the terminal"),
    ],
)
def test_what_cannot_be_written_is_refused_in_one_line(figures, arguments, reason):
    code, out, err = gspy("classify", figures, *arguments)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert reason in err


def test_with_a_format_rows_are_printed_beside_a_gallery(figures, tmp_path):
    page = tmp_path / "page.html"
    _, out, _ = gspy("classify", figures, "--gallery", page, "-f", "csv")
    assert len(rows(out)) == page.read_text().count("<figure ") == 3


def test_with_a_format_an_output_of_any_name_prints_nothing(figures, tmp_path):
    ask = "classify", figures, "-o", tmp_path / "labels", "-f", "csv"
    assert gspy(*ask)[:2] == (0, "")


def test_what_was_written_in_part_is_not_written_again(tmp_path):
    def fail(content: bytes) -> None:
        written.append(content)
        raise GspyError("no room")

    written: list[bytes] = []
    saved = SimpleNamespace(file=io.BytesIO(), done=Done(), write=fail)
    file = OutputFile(csv_format(COLUMNS), saved)
    with pytest.raises(GspyError, match="no room"):
        file.flush()
    file.flush()
    assert len(written) == 1


COLUMNS = Columns(("Blip", "Whistle"), "tiny")
PAGE = gallery_format(COLUMNS, Path("page.html"))
KEYS = st.sampled_from(["[]", "1", "[[1]]", '["a"]', "[" * 9999, "&#9999999999;"])


@given(st.binary(max_size=200) | KEYS.map(str.encode))
def test_no_bytes_crash_the_recovery_of_a_page_or_a_compressed_file(content: bytes):
    figure = b'<figure data-key="' + content + b'" data-status="ok"></figure>\n'
    for text in (content, figure):
        page = PAGE.header.encode() + text
        with suppress(ChangedError):
            for record in PAGE.records(io.BytesIO(page)):
                assert 0 < record.end <= len(page)
    with suppress(ChangedError):
        for record in gzipped(csv_format(COLUMNS)).records(io.BytesIO(content)):
            assert 0 < record.end <= len(content)


def test_a_row_without_its_end_in_a_whole_member_is_refused():
    form = gzipped(csv_format(COLUMNS))
    content = form.pack(f"{form.header}a.png,".encode())
    with pytest.raises(ChangedError, match="a row in it has no end"):
        list(form.records(io.BytesIO(content)))


PATHS = st.lists(st.text(min_size=1, max_size=20), min_size=1, max_size=5)


@given(st.lists(PATHS, max_size=4), st.binary(max_size=30))
def test_whole_members_are_read_back_and_torn_ones_are_not(members, torn):
    form = gzipped(csv_format(COLUMNS))
    content, last = b"", 0
    for number, member in enumerate(members):
        lines = [form.line(Failure(Origin(path), "broken"), ()) for path in member]
        text = "".join(lines if number else [form.header, *lines])
        content += form.pack(text.encode("utf-8", "backslashreplace"))
        last = len(content)
    found = list(form.records(io.BytesIO(content + torn)))
    assert len(found) == sum(map(len, members)) + bool(members)
    assert not found or found[-1].end == last
