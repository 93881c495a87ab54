"""What `--cluster` names: a Dask scheduler that runs, or a batch system to start one.

What a job asks for (cores, memory, queue, account) stands in Dask's configuration, as
dask-jobqueue has it: `jobqueue.slurm`, `jobqueue.htcondor` and so on.
"""

import importlib.util
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from gspy_cli.errors import GspyError
from gspy_cli.wording import reason

QUEUES = ("htcondor", "local", "lsf", "oar", "pbs", "sge", "slurm")


@contextmanager
def scheduler_of(text: str) -> Iterator[str]:
    """Give the address, or the scheduler file, that a text stands for.

    `slurm:20` submits twenty jobs and ends them afterwards; a name in Dask's
    configuration stands for its value; anything else is itself.
    """
    import dask

    queue, _, jobs = text.partition(":")
    if queue in QUEUES:
        with _submitted(queue, jobs) as cluster:
            yield cluster.scheduler_address
        return
    found = dask.config.get(text, text)
    if not isinstance(found, str):
        raise GspyError(f"'{text}' of Dask's configuration is no scheduler's address")
    yield found


@contextmanager
def _submitted(queue: str, jobs: str) -> Iterator[Any]:
    if not (jobs.isdecimal() and int(jobs)):
        raise GspyError(
            f"--cluster {queue} needs a number of jobs, for example {queue}:20"
        )
    make = _maker(queue)
    _check_configuration(queue)
    try:
        cluster = make()
    except (OSError, ValueError) as error:
        raise GspyError(
            f"cannot submit jobs to {queue} ({reason(error)}); correct "
            f"jobqueue.{queue} in Dask's configuration"
        ) from None
    with cluster:
        cluster.scale(jobs=int(jobs))
        yield cluster


def _check_configuration(queue: str) -> None:
    import dask

    for name in (f"jobqueue.{queue}.cores", f"jobqueue.{queue}.memory"):
        if dask.config.get(name, None) is None:
            raise GspyError(
                f"what shall a job get? Set {name} in Dask's configuration, for "
                "example in ~/.config/dask/jobqueue.yaml"
            )


def _maker(queue: str) -> Any:  # noqa: ANN401
    """Find the class of clusters that a batch system has."""
    if importlib.util.find_spec("dask_jobqueue") is None:
        raise GspyError(
            f"--cluster {queue} needs dask-jobqueue: pip install 'gspy-cli[cluster]'"
        )
    from dask_jobqueue import local  # noqa: F401, not loaded otherwise
    from dask_jobqueue.core import JobQueueCluster

    every: list[Any] = JobQueueCluster.__subclasses__()
    (make,) = (one for one in every if one.job_cls.config_name == queue)
    command = getattr(make.job_cls, "submit_command", None)
    if command and not shutil.which(command):
        raise GspyError(f"this machine cannot submit to {queue}: it has no {command}")
    return make
