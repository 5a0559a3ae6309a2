"""A study: from a folder and a recipe to one score table, in a directory that says how it was made.

    OUT/study.json           recipes and data sets with settings, versions, machine, commit, hashes of the files read
    OUT/cells/               one directory a finished training
    OUT/scores.parquet       scores of the post-trained networks
    OUT/pretraining.parquet  scores of the pre-trained networks
    OUT/curves.parquet       losses by epoch
    OUT/examples.npz         slices for Fig. 3
    OUT/rectangles.npz       rectangles for Fig. 5
    OUT/prepared/            the prepared cases, a cache that can be deleted
    OUT/tensorboard/         curves of each training, where they were asked for

A run that was stopped goes on where it was: cells are found by their full configuration, and the tables are put
together from cells alone. A training that lasts is kept each minute, at the end of an epoch, and goes on from there to
the weights that it would have had, bit by bit where a device gives the same numbers twice. While the study runs,
`OUT/running.json` stands for `study.json`. Several recipes share a directory: what one has trained, the others read.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from kerasmetricloss import datasets, files
from kerasmetricloss.studies import devices, directory, engines, plan, tables
from kerasmetricloss.studies.cells import CellStore
from kerasmetricloss.studies.data import StudyData, check, prepare, virtual_data
from kerasmetricloss.studies.errors import LossError, StudyError, StudyStopped
from kerasmetricloss.studies.folds import Fold, make_folds, only_folds, published_folds
from kerasmetricloss.studies.progress import Observer
from kerasmetricloss.studies.recipes import RECTANGLES, THEORY
from kerasmetricloss.studies.request import Request, trained_name
from kerasmetricloss.studies.work import FILES, Worker

_LEFT_BEHIND_S = 60  # a file that a `report` beside this run is writing is younger

Engine = Callable[[Sequence[tuple[plan.Task, Worker]], Observer], None]


def run(request: Request, *, observer: Observer | None = None, engine: Engine = engines.run_local) -> Path:
    """Run what is not finished of a recipe and put its tables together.

    A finished study in the same directory with the same settings keeps its losses; new ones are added to its table.

    Args:
        request: What to run.
        observer: Told of each step; None tells nobody.
        engine: Runs the trainings that are not finished.

    Returns:
        The directory of the study, with `scores.parquet` in it where the recipe trains networks.

    Raises:
        DataError: A file of the data set is missing or broken. Nothing was written.
        StudyError: The study cannot start or go on, or trainings failed; the message says why.
    """
    observer = observer or Observer()
    if engine is engines.run_local:
        devices.check_present(request.devices)
    if request.recipe.kind == THEORY:
        with files.lock(request.out, StudyError):
            directory.stand(request.out, _describe(request, {}, {}))
        return request.out
    if request.phantoms:
        _make_phantoms(request, observer)
    splits = None if request.splits is None else datasets.read_splits(request.splits)
    checked = check(request.setup, request.root, observer=observer)
    drawn = request.recipe.kind == RECTANGLES  # no network, so no folds
    cut = [] if drawn else _cut(request, checked.cases, splits)
    with files.lock(request.out, StudyError):
        store = CellStore(request.out, expected=FILES)
        store.sweep()
        files.sweep(request.out, older_s=_LEFT_BEHIND_S)
        data = prepare(checked, request.setup, cache=request.out / "prepared", observer=observer)
        sets, left_out = _sets(request, data)
        if drawn:
            pictures = {data.dataset: directory.describe_pictures(request, data)}
            description = _describe(request, pictures, left_out)
            tables.write_rectangles(request.out, data.dataset, sets)
            directory.stand(request.out, description)
        else:
            described = {one.dataset: directory.describe_data(request, one, cut) for one in sets}
            description = _describe(request, described, left_out)
            _train(request, data.dataset, sets, description, cut, store, observer, engine)
    return request.out


def _cut(request: Request, cases: Sequence[datasets.Case], splits: datasets.Splits | None) -> list[Fold]:
    """All folds, those too that are not trained."""
    groups = [case.group for case in cases]
    common = {"seed": request.seed, "inner_validation": request.inner_validation}
    if splits is not None:
        folds = published_folds(datasets.match_splits(splits, cases, partial=True), groups, **common)
    else:
        folds = make_folds(groups, folds=request.folds, by=request.setup.folds_by, **common)
    only_folds(folds, request.only_folds)  # one that there is not is refused before anything is written
    return folds


def _train(
    request: Request,
    dataset: str,
    sets: Sequence[StudyData],
    description: directory.Description,
    cut: Sequence[Fold],
    store: CellStore,
    observer: Observer,
    engine: Engine,
) -> None:
    folds = only_folds(cut, request.only_folds)
    parts, jobs = [], []
    for one in sets:
        part = _part(request, one, folds, store, directory.losses_of(description, one.dataset))
        parts.append(part)
        worker = Worker(
            one,
            request.setup.network,
            request.setup.patch,
            store,
            logs=request.out.resolve() / "tensorboard" if request.tensorboard else None,
            devices=request.devices,
            losses=list(dict.fromkeys(task.cell.loss for task in part.tasks if not store.has(task.cell))),
        )
        jobs += [(task, worker) for task in part.tasks]
    directory.begin(request.out, description, [task.cell for task, _ in jobs])
    try:
        engine(jobs, observer)
    except StudyStopped:
        raise
    except StudyError as error:
        if not _put_together_what_finished(request, description, parts, store):
            raise
        _rectangles(request, dataset, sets)
        raise StudyError(
            f"{error}\nThe tables hold the losses that finished in every fold: kerasmetricloss report {request.out}"
        ) from error
    observer.stage("putting the tables together")
    for name, facts in tables.put_together(request.out, store, parts).items():
        description["datasets"][name] |= facts
    _rectangles(request, dataset, sets)
    directory.finish(request.out, description)


def _rectangles(request: Request, dataset: str, sets: Sequence[StudyData]) -> None:
    """Draw the rectangles beside the scores that they masked."""
    if request.recipe.ratios:
        tables.write_rectangles(request.out, dataset, sets)


def _part(request: Request, data: StudyData, folds: Sequence[Fold], store: CellStore, losses: list[str]) -> tables.Part:
    """The trainings of a data set: the losses asked for, and those of other recipes whose trainings are at hand."""
    own = list(request.names)
    others = [name for name in losses if name not in own]
    at_hand = [name for name in others if _at_hand(request, data, folds, store, name)]
    shown = [name for name in losses if name in own or name in at_hand]
    tasks = plan.tasks(request, data, folds, shown)
    return tables.Part(data, tasks, shown, standing=[name for name in others if name not in at_hand])


def _at_hand(request: Request, data: StudyData, folds: Sequence[Fold], store: CellStore, loss: str) -> bool:
    try:
        return all(store.has(task.cell) for task in plan.tasks(request, data, folds, [loss]))
    except LossError:  # a module of the user's own that is not found from here
        return False


def _put_together_what_finished(
    request: Request, description: directory.Description, parts: Sequence[tables.Part], store: CellStore
) -> bool:
    """Put together the tables of the losses whose trainings all finished; say whether there are any."""
    whole = [_finished(part, store) for part in parts]
    found = [part for part in whole if part.losses]
    if not found:
        return False
    kept = {part.data.dataset: [*part.losses, *part.standing] for part in whole}
    standing = directory.only(description, kept)
    for name, facts in tables.put_together(request.out, store, found).items():
        standing["datasets"][name] |= facts
    directory.stand(request.out, standing)
    return True


def _finished(part: tables.Part, store: CellStore) -> tables.Part:
    lacking = {task.cell.loss for task in part.tasks if not store.has(task.cell)}
    if any(task.cell.phase == "pre" and not store.has(task.cell) for task in part.tasks):
        return replace(part, tasks=[], losses=[])
    losses = [name for name in part.losses if trained_name(name) not in lacking]
    tasks = [task for task in part.tasks if task.cell.phase == "pre" or task.cell.loss not in lacking]
    return replace(part, tasks=tasks, losses=losses)


def _describe(
    request: Request, datasets: dict[str, directory.Description], left_out: dict[str, str]
) -> directory.Description:
    described = directory.describe_recipe(request, list(datasets), left_out)
    return directory.join(request.out, request.recipe.name, described, datasets)


def _sets(request: Request, data: StudyData) -> tuple[list[StudyData], dict[str, str]]:
    """The data sets that the recipe trains on, and why a virtual one is left out."""
    if not request.recipe.ratios:
        return [data], {}
    sets, left_out, problem = [], {}, None
    for ratio in request.recipe.ratios:
        try:
            sets.append(virtual_data(data, ratio))
        except StudyError as error:
            problem = left_out[f"{data.dataset}-{ratio:g}"] = str(error)
    if not sets:
        raise StudyError(f"{request.recipe.name}: no virtual data set can be made. {problem}")
    return sets, left_out


def _make_phantoms(request: Request, observer: Observer) -> None:
    with files.lock(request.out, StudyError):
        directory.sweep(request.root)
        datasets.ensure_phantom(
            request.setup.reader,
            request.root,
            cases=request.phantoms,
            seed=request.seed,
            progress=lambda done, total, _: observer.stage("making phantoms", done, total),
        )
