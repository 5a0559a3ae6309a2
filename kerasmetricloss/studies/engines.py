"""Where cells run: on this machine, one after the other."""

from collections.abc import Sequence

import keras

from kerasmetricloss.studies.plan import Task
from kerasmetricloss.studies.progress import Clock, Observer
from kerasmetricloss.studies.work import Worker


def run_local(tasks: Sequence[Task], worker: Worker, observer: Observer) -> None:
    """Run the tasks that are not finished, in order, in this process.

    The same seeds give the same weights on the same machine: TensorFlow is told to keep to deterministic kernels,
    and keeps to them in this process from then on.
    """
    waiting = [task for task in tasks if not worker.store.has(task.cell)]
    observer.planned(len(tasks), len(tasks) - len(waiting))
    if not waiting:
        return
    _make_deterministic()
    clock = Clock()
    for position, task in enumerate(waiting):
        cell = task.cell
        observer.cell_started(cell, cell.configuration["training"]["epochs"])
        clock.start()
        worker.run(cell, task.fold, task.pretrained, lambda epoch, value, cell=cell: observer.epoch(cell, epoch, value))
        seconds = clock.stop(cell.phase)
        observer.cell_finished(cell, seconds, clock.left([later.cell for later in waiting[position + 1 :]]))


def _make_deterministic() -> None:
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        tf.config.experimental.enable_op_determinism()
