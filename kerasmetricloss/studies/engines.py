"""Where cells run: on this machine, one after the other."""

from collections.abc import Sequence

import keras

from kerasmetricloss.studies.errors import StudyError, StudyStopped
from kerasmetricloss.studies.plan import Task
from kerasmetricloss.studies.progress import Clock, Observer
from kerasmetricloss.studies.work import Worker

Job = tuple[Task, Worker]
TRIES = 2


def run_local(jobs: Sequence[Job], observer: Observer) -> None:
    """Run the cells that are not finished, in order, in this process.

    A cell that fails is tried once more; if it fails again the rest goes on, but for what starts from its weights.
    The same seeds give the same weights on the same machine: TensorFlow is told to keep to deterministic kernels,
    and keeps to them in this process from then on.

    Raises:
        StudyError: Some cells failed; the message names each with its error. What finished is kept.
    """
    waiting = [(task, worker) for task, worker in jobs if not worker.store.has(task.cell)]
    observer.planned(len(jobs), len(jobs) - len(waiting))
    if not waiting:
        return
    make_deterministic()
    clock, failed = Clock(), dict[str, str]()
    for position, (task, worker) in enumerate(waiting):
        if task.pretrained is not None and task.pretrained.identity in failed:
            problem, seconds = without_pretraining(task), 0.0
            observer.cell_failed(task.cell, problem, TRIES)
        else:
            clock.start()
            problem = run_cell(task, worker, observer)
            seconds = clock.stop(task.cell.phase)
        if problem is not None:
            failed[task.cell.identity] = problem
        left = clock.left(later.cell.phase for later, _ in waiting[position + 1 :])
        observer.cell_finished(task.cell, seconds, left)
    refuse_failures(list(failed.values()), len(waiting))


def run_cell(task: Task, worker: Worker, observer: Observer) -> str | None:
    """Run one cell, twice if need be, and return what went wrong."""
    cell = task.cell
    for attempt in range(TRIES):
        observer.cell_started(cell, cell.configuration["training"]["epochs"])
        try:
            worker.run(cell, task.fold, task.pretrained, lambda epoch, value: observer.epoch(cell, epoch, value))
        except StudyStopped:
            raise
        except StudyError as error:
            problem = str(error)
            worker.store.note_failure(cell, problem)
            observer.cell_failed(cell, problem, attempt + 1)
        else:
            return None
    return problem


def without_pretraining(task: Task) -> str:
    """What is said of a cell whose pre-training failed."""
    return f"{task.cell.title}: its pre-training failed."


def refuse_failures(failed: Sequence[str], cells: int) -> None:
    """Raise where cells failed.

    Raises:
        StudyError: Naming each with its error.
    """
    if not failed:
        return
    listed = "\n".join(f"  {problem}" for problem in failed)
    raise StudyError(
        f"{len(failed)} of {cells} trainings failed; those that finished are kept.\n"
        f"{listed}\nMend the cause and run the same command again."
    )


def make_deterministic() -> None:
    """Have TensorFlow give the same numbers in every run; JAX and PyTorch do on the CPU without being told."""
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        tf.config.experimental.enable_op_determinism()
