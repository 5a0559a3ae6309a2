"""What the engine makes of Ray's answers; Ray itself is not needed."""

from types import SimpleNamespace

import pytest

from kerasmetricloss import studies
from kerasmetricloss.studies import engine_ray
from kerasmetricloss.studies.cells import Cell, CellStore
from kerasmetricloss.studies.errors import StudyError, StudyStopped
from kerasmetricloss.studies.folds import Fold
from kerasmetricloss.studies.plan import Task

FIRST = "po18, unet-small, fold 1, pre-training, CE, seed 0"
SECOND = "po18, unet-small, fold 1, post-training, sDice, seed 0"


class RayError(Exception):
    def __init__(self, text, cause=None):
        super().__init__(text)
        self.cause = cause


class FakeRay:
    """Answers in the order of the references: what a cell returns, or what is raised for it."""

    exceptions = SimpleNamespace(RayError=RayError)

    def __init__(self, *answers, **resources):
        self.answers, self.resources, self.cancelled = answers, resources, []

    def cluster_resources(self):
        return self.resources

    def wait(self, references, num_returns):
        return references[:num_returns], references[num_returns:]

    def get(self, reference):
        answer = self.answers[reference]
        if isinstance(answer, Exception):
            raise answer
        return answer

    def cancel(self, reference, force):
        self.cancelled.append(reference)


class Listener(studies.Observer):
    def __init__(self):
        self.left = []

    def cell_finished(self, cell, seconds, left):
        self.left.append(left)


@pytest.fixture
def pending(tmp_path):
    """A pre-training and what starts from it."""
    worker, fold = SimpleNamespace(store=CellStore(tmp_path)), Fold(0, (0,), (1,), (1,))
    first = Cell("po18", "unet-small", "CE", 0, 0, "pre", {"a": 1})
    second = Cell("po18", "unet-small", "sDice", 0, 0, "post", {"a": 2})
    return {0: (Task(first, fold, None), worker), 1: (Task(second, fold, first), worker)}


def problems(pending):
    worker, names = pending[0][1], [task.cell.directory_name for task, _ in pending.values()]
    return lambda: [failure["problem"] for failure in worker.store.notes(names)[1]]


def test_a_failure_is_told_in_the_words_of_its_cause_and_kept_for_the_status(pending):
    noted = problems(pending)
    raised = RayError("ray::_cell() (pid=7)\nTraceback", MemoryError("17 GiB"))
    failed = engine_ray._wait(FakeRay(raised, raised), pending, studies.Observer(), 1)
    assert failed == [f"{FIRST}: MemoryError: 17 GiB", f"{SECOND}: its pre-training failed."]
    assert noted() == failed[:1]


@pytest.mark.parametrize(
    ("raised", "said"),
    [
        (RayError("ray::_cell()", StudyError(f"{FIRST}: a file is damaged")), f"{FIRST}: a file is damaged"),
        (RayError("The worker died unexpectedly.\nLook at the logs"), f"{FIRST}: The worker died unexpectedly."),
    ],
)
def test_an_error_of_a_study_and_a_death_are_told_as_they_are(pending, raised, said):
    failed = engine_ray._wait(FakeRay(raised, (None, 2.0)), pending, studies.Observer(), 1)
    assert failed == [said]


def test_a_full_disk_in_one_process_stops_the_rest(pending):
    ray = FakeRay(RayError("ray::_cell()", StudyStopped("no space left")))
    with pytest.raises(StudyStopped, match=r"^no space left$"):
        engine_ray._wait(ray, pending, studies.Observer(), 1)
    assert ray.cancelled == [1]


def test_the_time_left_is_shared_by_the_cells_that_run_at_a_time(pending):
    listener = Listener()
    assert engine_ray._wait(FakeRay((None, 12.0), (None, 12.0)), pending, listener, 3) == []
    assert listener.left == [4.0, 0.0]  # 12 s of the one that is left, by 3


@pytest.mark.parametrize(
    ("cpus", "gpus", "slots"),
    [(1, 0, 16), (4, 0, 4), (1, 1, 2), (1, 0.5, 4), (16, 0.5, 1), (3, 0, 5), (0, 0, 1)],
)
def test_cells_at_a_time_follow_from_the_scarcer_of_processors_and_gpus(cpus, gpus, slots):
    assert engine_ray._slots(FakeRay(CPU=16.0, GPU=2.0), cpus, gpus) == slots
