"""Cells as Ray tasks: on the processors of this machine, or on a cluster.

Every node needs this package, the backend, and the study directory under one path (a shared file system): cells are
written where they are trained. Ray places the tasks, holds back what waits for a pre-training, and runs a cell again
whose process or node died.
"""

import os
from collections.abc import Mapping, Sequence
from typing import Any

from kerasmetricloss.studies.engines import (
    TRIES,
    Job,
    make_deterministic,
    refuse_failures,
    run_cell,
    without_pretraining,
)
from kerasmetricloss.studies.errors import StudyError, StudyStopped
from kerasmetricloss.studies.plan import Task
from kerasmetricloss.studies.progress import Clock, Observer
from kerasmetricloss.studies.provenance import COMMIT
from kerasmetricloss.studies.work import Worker

CRASHES = 3  # of the process that trains a cell, before it counts as failed
_GPU_MEMORY = ("TF_FORCE_GPU_ALLOW_GROWTH", "XLA_PYTHON_CLIENT_PREALLOCATE")
_COMPILED = "JAX_COMPILATION_CACHE_DIR"  # where processes find what another of them has compiled
_PASSED_ON = ("KERAS_BACKEND", "PYTHONPATH", "TF_CPP_MIN_LOG_LEVEL", "XLA_FLAGS", _COMPILED, *_GPU_MEMORY, COMMIT)


def run_ray(
    jobs: Sequence[Job],
    observer: Observer,
    *,
    address: str | None = None,
    cpus_per_cell: float = 1,
    gpus_per_cell: float = 0,
) -> None:
    """Run the cells that are not finished as Ray tasks.

    Args:
        jobs: Tasks with their workers.
        observer: Told when a cell ends.
        address: Of a Ray cluster; None takes the one that runs here, or starts one for this run.
        cpus_per_cell: Processors that a cell asks Ray for.
        gpus_per_cell: GPUs, or a share of one, that a cell asks Ray for.

    Raises:
        StudyError: Ray is not installed or not to be reached, or cells failed; those that finished are kept.
        StudyStopped: Nothing more can be done, such as on a full disk: the rest is not tried.
    """
    waiting = [(task, worker) for task, worker in jobs if not worker.store.has(task.cell)]
    observer.planned(len(jobs), len(jobs) - len(waiting))
    if not waiting:
        return
    _refuse_fewer_gpus_than_devices(waiting, gpus_per_cell)
    ray = _ray()
    started_here = not ray.is_initialized()
    _connect(ray, address)
    try:
        _refuse_impossible(ray, cpus_per_cell, gpus_per_cell)
        options = {"num_cpus": cpus_per_cell, "num_gpus": gpus_per_cell, "max_retries": CRASHES}
        slots = _slots(ray, cpus_per_cell, gpus_per_cell)
        failed = _wait(ray, _submit(ray, waiting, options), observer, slots)
    finally:
        if started_here:
            ray.shutdown()
    refuse_failures(failed, len(waiting))


def _submit(ray: Any, waiting: Sequence[Job], options: dict[str, Any]) -> dict[Any, Job]:
    """Hand all cells to Ray, each after the one whose weights it starts from."""
    remote = ray.remote(_cell).options(**options)
    shared: dict[int, Any] = {}
    before: dict[str, Any] = {}
    pending = {}
    for task, worker in waiting:
        if id(worker) not in shared:
            shared[id(worker)] = ray.put(worker)
        pretrained = before.get(task.pretrained.identity) if task.pretrained is not None else None
        reference = remote.remote(shared[id(worker)], task, pretrained)
        before[task.cell.identity] = reference
        pending[reference] = (task, worker)
    return pending


def _wait(ray: Any, pending: dict[Any, Job], observer: Observer, slots: int) -> list[str]:
    """Wait for every cell and return what went wrong.

    Args:
        ray: The module.
        pending: What was submitted.
        observer: Told when a cell ends.
        slots: Cells that run at a time.

    Raises:
        StudyStopped: A cell found that no other can go on either; the rest is cancelled.
    """
    clock, failed = Clock(), dict[str, str]()
    try:
        while pending:
            ready, _ = ray.wait(list(pending), num_returns=1)
            for reference in ready:
                task, worker = pending.pop(reference)
                try:
                    problem, seconds = ray.get(reference)
                except ray.exceptions.RayError as error:
                    problem, seconds = _reason(task, error, failed), 0.0
                    if problem != without_pretraining(task):
                        worker.store.note_failure(task.cell, problem)
                if problem is not None:
                    failed[task.cell.identity] = problem
                    observer.cell_failed(task.cell, problem, TRIES)
                if seconds:
                    clock.add(task.cell.phase, seconds)
                left = clock.left(later.cell.phase for later, _ in pending.values())
                observer.cell_finished(task.cell, seconds, left / slots)
    except BaseException:
        for reference in pending:
            ray.cancel(reference, force=True)
        raise
    return list(failed.values())


def _reason(task: Task, error: Exception, failed: Mapping[str, str]) -> str:
    """Why a cell failed, in the words of what was raised in its process, where it lived long enough to raise.

    Raises:
        StudyStopped: That is what was raised there.
    """
    cause = getattr(error, "cause", None)
    if isinstance(cause, StudyStopped):
        raise StudyStopped(str(cause)) from error
    if task.pretrained is not None and task.pretrained.identity in failed:
        return without_pretraining(task)
    if isinstance(cause, StudyError):
        return str(cause)
    said = str(error).partition("\n")[0] if cause is None else f"{type(cause).__name__}: {cause}"
    return f"{task.cell.title}: {said}"


def _slots(ray: Any, cpus: float, gpus: float) -> int:
    """How many cells run at a time: as many as the scarcer of processors and GPUs has room for, at least one."""
    there = ray.cluster_resources()
    room = [there.get(name, 0) / wanted for name, wanted in (("CPU", cpus), ("GPU", gpus)) if wanted]
    return max(1, int(min(room, default=1)))


def _cell(worker: Worker, task: Task, pretrained: tuple[str | None, float] | None) -> tuple[str | None, float]:
    """Run one cell in a process of Ray; returns what went wrong, and the seconds."""
    if pretrained is not None and pretrained[0] is not None:
        return without_pretraining(task), 0.0
    make_deterministic()
    clock = Clock()
    clock.start()
    # The process that had the cell before may have died after it wrote it.
    problem = None if worker.store.has(task.cell) else run_cell(task, worker, Observer())
    return problem, clock.stop(task.cell.phase)


def _connect(ray: Any, address: str | None) -> None:
    variables = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    try:
        ray.init(
            address=address,
            ignore_reinit_error=True,
            include_dashboard=False,
            log_to_driver=False,
            logging_level="error",
            runtime_env={"env_vars": variables},
        )
    except (ConnectionError, RuntimeError, ValueError) as error:
        raise StudyError(f"Ray at {address or 'this machine'} does not answer ({error}). Look at --address.") from error


def _refuse_fewer_gpus_than_devices(waiting: Sequence[Job], gpus: float) -> None:
    devices = max(worker.devices for _, worker in waiting)
    if 0 < gpus < devices:
        raise StudyError(
            f"--devices {devices}: a cell asks Ray for {gpus:g} GPU and sees no others. Take --gpus-per-cell {devices}."
        )


def _refuse_impossible(ray: Any, cpus: float, gpus: float) -> None:
    there = ray.cluster_resources()
    for name, wanted in (("CPU", cpus), ("GPU", gpus)):
        if wanted > there.get(name, 0):
            raise StudyError(
                f"A cell asks for {wanted:g} {name}, but Ray has {there.get(name, 0):g} in all. "
                f"Lower --{name.lower()}s-per-cell, or add nodes."
            )


def _ray() -> Any:
    try:
        import ray
    except ImportError as error:
        raise StudyError("--engine ray needs Ray: pip install ray.") from error
    return ray
