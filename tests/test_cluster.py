"""A run on a real Dask cluster: scheduler and workers are processes of this machine."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from types import SimpleNamespace

import pytest
from conftest import draw_figure, tiny_card
from PIL import Image
from running import GSPY, gspy, killing, line_count, rows, until

pytest.importorskip("distributed", reason="the cluster extra is not here")

from distributed import KilledWorker

from gspy_cli import cluster, schedulers
from gspy_cli.errors import GspyError
from gspy_cli.model import Model
from gspy_cli.results import Failure
from gspy_cli.samples import sample_of
from gspy_cli.schedulers import scheduler_of

GONE = SimpleNamespace(address="tcp://10.0.0.2:40000")  # a worker
COUNT = 260  # five tasks
DASK = [sys.executable, "-m", "dask"]


@contextmanager
def process(*command: str, **options) -> Iterator[subprocess.Popen]:
    with subprocess.Popen(command, **options) as run:
        try:
            yield run
        finally:
            run.terminate()


def worker(scheduler_file: Path) -> "contextmanager":
    asked = ["--nthreads", "1", "--no-nanny", "--no-dashboard"]
    where = ["--scheduler-file", str(scheduler_file)]
    return process(*DASK, "worker", *where, *asked, stderr=subprocess.DEVNULL)


@pytest.fixture(scope="module")
def scheduler(tmp_path_factory) -> Iterator[Path]:
    """Give the file of a running scheduler."""
    path = tmp_path_factory.mktemp("dask") / "scheduler.json"
    asked = ["--host", "127.0.0.1", "--port", "0", "--no-dashboard"]
    command = [*DASK, "scheduler", *asked, "--scheduler-file", str(path)]
    with process(*command, stderr=subprocess.DEVNULL) as run:
        until(run, lambda: path.exists() and path.read_text().endswith("}"))
        yield path


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Give many pictures, one of them broken."""
    folder = tmp_path_factory.mktemp("many")
    for number in range(8):
        figure = draw_figure(300, 400, seed=number)
        Image.fromarray(figure).save(folder / f"{number}.png")
    for number in range(8, COUNT):
        (folder / f"{number}.png").hardlink_to(folder / f"{number % 8}.png")
    (folder / "100.png").unlink()
    (folder / "100.png").write_bytes(b"no picture")
    return folder


def test_jobs_that_dask_jobqueue_submits_give_the_rows_of_a_local_run(
    figures, tiny_model, tmp_path, monkeypatch
):
    pytest.importorskip("dask_jobqueue", reason="the cluster extra is not here")
    for name, value in (("CORES", "1"), ("MEMORY", "1GB"), ("INTERFACE", "lo")):
        monkeypatch.setenv(f"DASK_JOBQUEUE__LOCAL__{name}", value)
    outputs = [tmp_path / "here.csv", tmp_path / "jobs.csv"]
    ask = ["classify", str(figures), "-m", str(tiny_model), "-o"]
    assert gspy(*ask, outputs[0])[0] == 0
    subprocess.run(
        [*GSPY, *ask, outputs[1], "--cluster", "local:2"], check=True, timeout=300
    )
    assert outputs[1].read_bytes() == outputs[0].read_bytes()


def test_a_name_of_dasks_configuration_stands_for_its_value():
    import dask

    with dask.config.set({"ligo": {"scheduler": "tcp://10.0.0.1:8786"}}):
        with scheduler_of("ligo.scheduler") as address:
            assert address == "tcp://10.0.0.1:8786"
        with (
            pytest.raises(GspyError, match="'ligo' of Dask's configuration is no"),
            scheduler_of("ligo"),
        ):
            pass
    with scheduler_of("cluster.json") as path:
        assert path == "cluster.json"


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("slurm", "needs a number of jobs, for example slurm:20"),
        ("local:0", "needs a number of jobs, for example local:20"),
        ("slurm:2", "this machine cannot submit to slurm: it has no sbatch"),
        ("local:2", "Set jobqueue.local.cores in Dask's configuration"),
    ],
)
def test_jobs_that_cannot_be_submitted_are_one_clear_line(name, reason, monkeypatch):
    pytest.importorskip("dask_jobqueue", reason="the cluster extra is not here")
    monkeypatch.setenv("PATH", "")
    with pytest.raises(GspyError, match=reason), scheduler_of(name):
        pass


def test_as_many_jobs_are_submitted_as_asked_and_they_are_ended(monkeypatch):
    done = []

    class Batch(nullcontext):
        scheduler_address = "tcp://10.0.0.1:8786"

        def scale(self, *, jobs):
            done.append(jobs)

        def __exit__(self, *_):
            done.append("ended")

    monkeypatch.setattr(schedulers, "_maker", lambda _queue: Batch)
    monkeypatch.setattr(schedulers, "_check_configuration", lambda _queue: None)
    with scheduler_of("slurm:20") as address:
        assert (address, done) == ("tcp://10.0.0.1:8786", [20])
    assert done == [20, "ended"]


def test_a_worker_killed_and_one_added_leave_no_trace(
    scheduler, folder, tmp_path, tiny_model
):
    local, output = tmp_path / "local.csv", tmp_path / "out.csv"
    gspy("classify", folder, "-m", tiny_model, "-o", local)
    command = [*GSPY, "classify", str(folder), "-m", str(tiny_model)]
    command += ["--cluster", str(scheduler), "-o", str(output)]
    with (
        worker(scheduler) as first,
        worker(scheduler),
        subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as run,
    ):
        until(run, lambda: line_count(output) >= 65)
        first.kill()
        with worker(scheduler):
            _, err = run.communicate()
    assert run.returncode == 1
    lines = err.splitlines()
    assert lines[-1].startswith(f"{COUNT - 1} classified, 1 failed, ")
    assert "Traceback" not in err
    assert output.read_bytes() == local.read_bytes()
    assert gspy("classify", folder, "-m", tiny_model, "-o", output)[2].startswith(
        f"0 classified, 0 failed, 0/s; {COUNT} done before"
    )


def test_a_picture_that_crashes_its_decoder_costs_its_own_row(
    scheduler, figures, tmp_path, tiny_model, monkeypatch
):
    (figures / "A crash.png").write_bytes(b"")
    (tmp_path / "sitecustomize.py").write_text(killing("open", "crash.png"))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with worker(scheduler):
        ask = ["classify", figures, "-m", tiny_model, "--cluster", scheduler]
        code, out, _ = gspy(*ask, "-f", "csv")
    first, *rest = rows(out)
    assert (code, first["status"]) == (1, "failed")
    assert first["error"] == "the picture crashes the program that decodes it"
    assert [row["status"] for row in rest] == ["ok"] * 3


class Instant:
    """A cluster that does each task when its result is asked for."""

    def __init__(self, threads: int) -> None:
        self.threads, self.submitted, self.asked = threads, 0, 0
        self.most = 0

    def nthreads(self) -> dict[str, int]:
        return {"worker": self.threads}

    def submit(self, work, task, job, pure) -> "Instant.Future":
        self.submitted += 1
        self.most = max(self.most, self.submitted - self.asked)
        assert not pure
        return Instant.Future(self, task)

    def cancel(self, futures) -> None:
        self.cancelled = len(futures)

    class Future:
        def __init__(self, cluster: "Instant", task) -> None:
            self.cluster, self.task = cluster, task

        def result(self):
            self.cluster.asked += 1
            return [Failure(sample.origin, "x") for sample in self.task]


@pytest.mark.parametrize("count", [0, 1, 64, 65, 1000])
def test_results_come_in_the_order_of_the_samples(count):
    given = [sample_of(f"{n}.png") for n in range(count)]
    found = list(cluster.classify(given, Instant(2), cluster.Job(None, "")))
    assert [result.origin for result in found] == [sample.origin for sample in given]


def test_tasks_in_flight_are_bounded_and_cancelled_in_the_end():
    endless, fake = (sample_of(f"{n}.png") for n in iter(int, 1)), Instant(3)
    results = cluster.classify(endless, fake, cluster.Job(None, ""))
    for _ in range(5_000):
        next(results)
    results.close()
    assert fake.most == 3 * cluster.AHEAD
    assert 0 < fake.cancelled <= fake.most


def test_more_workers_get_more_tasks():
    endless, fake = (sample_of(f"{n}.png") for n in iter(int, 1)), Instant(1)
    results = cluster.classify(endless, fake, cluster.Job(None, ""))
    next(results)
    fake.threads = 10
    for _ in range(5_000):
        next(results)
    assert fake.most == 10 * cluster.AHEAD


def test_a_worker_with_another_model_is_refused(tiny_model):
    job = cluster.Job(str(tiny_model), "another checksum")
    with pytest.raises(GspyError, match="worker's model tiny has another checksum"):
        cluster._work([], job)


def test_a_worker_with_another_version_is_refused(tiny_model):
    job = cluster.Job(str(tiny_model), tiny_card().sha256, version="0.0")
    with pytest.raises(GspyError, match=r"a worker has gspy-cli .*, this is 0\.0"):
        cluster._work([], job)


def test_a_worker_computes_on_the_device_that_was_asked_for(monkeypatch):
    asked = []

    def spy(name, **how):
        asked.append((name, how))
        return Model(tiny_card(), lambda pictures: pictures, "cuda:1")

    monkeypatch.setattr(cluster, "load_model", spy)
    cluster._model(cluster.Job("tiny", tiny_card().sha256, device="cuda:1"))
    assert asked == [("tiny", {"device": "cuda:1"})]


@pytest.mark.parametrize(
    "error",
    [ImportError("no gspy"), OSError("gone"), KilledWorker("work", GONE, 3)],
)
def test_what_ends_a_cluster_is_one_line(error):
    class Lost:
        def result(self):
            raise error

    with pytest.raises(GspyError) as raised:
        cluster._result(Lost())
    assert str(error) in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_model_given_by_its_path_has_one_everywhere(tiny_model, monkeypatch):
    monkeypatch.chdir(tiny_model.parent)
    assert cluster.same_everywhere("model.onnx") == str(tiny_model)
    assert cluster.same_everywhere("efficientnet_lite0") == "efficientnet_lite0"
    assert cluster.same_everywhere(None) is None


@pytest.mark.parametrize(
    ("address", "reason"),
    [("none.json", "no such file"), ("host", "missing port number")],
)
def test_an_address_where_no_scheduler_is_is_one_line(
    folder, tiny_model, address, reason
):
    code, _, err = gspy("classify", folder, "-m", tiny_model, "--cluster", address)
    assert code == 2
    assert err.startswith(f"gspy: no Dask scheduler answers at {address} ({reason}")
    assert err.endswith("start one with 'dask scheduler' or correct --cluster\n")


def test_strain_is_not_sent_to_a_cluster():
    code, _, err = gspy("classify", "x.hdf5", "-t", "1", "--cluster", "tcp://x:1")
    assert code == 2
    assert err == "gspy: --cluster takes pictures; strain is scanned here\n"
