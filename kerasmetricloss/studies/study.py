"""A study: from a folder and a recipe to one score table, in a directory that says how it was made.

    OUT/study.json           settings, versions, machine, commit, hashes of the files read
    OUT/cells/               one directory a finished training
    OUT/scores.parquet       scores of the post-trained networks
    OUT/pretraining.parquet  scores of the pre-trained networks
    OUT/curves.parquet       losses by epoch
    OUT/examples.npz         slices for Fig. 3
    OUT/prepared/            the prepared cases, a cache that can be deleted

A run that was stopped goes on where it was: cells are found by their full configuration, and the tables are put
together from cells alone. While it runs, `OUT/running.json` stands for `study.json`.
"""

from pathlib import Path

from kerasmetricloss import datasets
from kerasmetricloss.studies import directory, engines, plan
from kerasmetricloss.studies.cells import CellStore, lock
from kerasmetricloss.studies.data import check, prepare
from kerasmetricloss.studies.folds import make_folds
from kerasmetricloss.studies.progress import Observer
from kerasmetricloss.studies.request import Request
from kerasmetricloss.studies.work import FILES, Worker


def run(request: Request, *, observer: Observer | None = None) -> Path:
    """Run what is not finished of a study and put its tables together.

    A finished study in the same directory with the same settings keeps its losses; new ones are added to its table.

    Args:
        request: What to run.
        observer: Told of each step; None tells nobody.

    Returns:
        The directory of the study, with `scores.parquet` in it.

    Raises:
        DataError: A file of the data set is missing or broken. Nothing was written.
        StudyError: The study cannot start or go on; the message says why.
    """
    observer = observer or Observer()
    if request.phantoms:
        _make_phantoms(request, observer)
    checked = check(request.setup, request.root, observer=observer)
    folds = make_folds(
        [case.group for case in checked.cases],
        folds=request.folds,
        seed=request.seed,
        by=request.setup.folds_by,
        inner_validation=request.inner_validation,
    )
    with lock(request.out):
        store = CellStore(request.out, expected=FILES)
        store.sweep()
        data = prepare(checked, request.setup, cache=request.out / "prepared", observer=observer)
        description = directory.describe(request, data, folds)
        names = directory.join(request.out, description)
        tasks = plan.tasks(request, data, folds, names)
        directory.begin(request.out, description)
        engines.run_local(tasks, Worker(data, request.setup.network, store), observer)
        observer.stage("putting the tables together")
        directory.finish(request.out, description, store, tasks, data)
    return request.out


def _make_phantoms(request: Request, observer: Observer) -> None:
    with lock(request.out):
        directory.sweep(request.root)
        datasets.ensure_phantom(
            request.setup.dataset,
            request.root,
            cases=request.phantoms,
            seed=request.seed,
            progress=lambda done, total, _: observer.stage("making phantoms", done, total),
        )
