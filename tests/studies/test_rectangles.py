"""Figure 5: the rectangles of the virtual data sets, which need pictures and no network."""

import dataclasses
import json

import numpy as np
import pytest

from kerasmetricloss import reports, studies

RATIOS = (0.2, 0.34)


@pytest.fixture
def fig5_for(pictures, request_for):
    """The function that describes the figure of one data set."""

    def of(out, dataset="po18", **changes):
        setup = dataclasses.replace(request_for(pictures, out).setup, dataset=dataset, reader="po18")
        recipe = dataclasses.replace(studies.recipe("fig5"), ratios=RATIOS)
        return request_for(pictures, out, recipe=recipe, setup=setup, losses=(), **changes)

    return of


def drawn(out):
    with np.load(out / "rectangles.npz") as file:
        return [(one["dataset"], one["case"]) for one in json.loads(str(file["meta"]))]


def test_the_figure_is_drawn_from_pictures_alone(fig5_for, tmp_path):
    studies.run(fig5_for(tmp_path))
    described = json.loads((tmp_path / "study.json").read_text())
    assert described["recipes"]["fig5"]["datasets"] == ["po18"]
    assert described["datasets"]["po18"]["losses"] == []
    page = reports.build_report(tmp_path)
    assert "<img" in page.read_text()
    assert len(list((tmp_path / "figures").glob("fig5*.png"))) == 4


def test_rectangles_of_other_data_sets_are_kept_and_those_of_the_same_are_replaced(fig5_for, tmp_path):
    studies.run(fig5_for(tmp_path))
    first = drawn(tmp_path)
    studies.run(fig5_for(tmp_path, "mine"))
    assert drawn(tmp_path) == first + [("mine", case) for _, case in first]
    studies.run(fig5_for(tmp_path))
    assert sorted(drawn(tmp_path)) == sorted(first + [("mine", case) for _, case in first])
    reports.build_report(tmp_path)
    assert len(list((tmp_path / "figures").glob("fig5*.png"))) == 8


def test_the_figure_neither_changes_nor_hinders_what_is_trained_beside_it(fig5_for, pictures, tmp_path, request_for):
    studies.run(fig5_for(tmp_path, seed=3))  # the figure has no seed
    studies.run(request_for(pictures, tmp_path, losses=("CE",), folds=2))
    trained = json.loads((tmp_path / "study.json").read_text())["datasets"]["po18"]
    assert (trained["losses"], trained["seed"]) == (["CE"], 0)
    studies.run(fig5_for(tmp_path, seed=3))
    assert json.loads((tmp_path / "study.json").read_text())["datasets"]["po18"] == trained
    reports.build_report(tmp_path)
    assert list((tmp_path / "figures").glob("fig5*.png"))


def test_the_figure_leaves_the_note_of_a_training_that_was_interrupted(fig5_for, pictures, tmp_path, request_for):
    class StopAtFirst(studies.Observer):
        def cell_started(self, cell, epochs):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        studies.run(request_for(pictures, tmp_path), observer=StopAtFirst())
    planned = studies.status(tmp_path).planned
    studies.run(fig5_for(tmp_path))
    studies.run(dataclasses.replace(request_for(pictures, tmp_path), recipe=studies.recipe("fig1")))
    assert studies.status(tmp_path).planned == planned > 0


def test_damaged_rectangles_are_named(fig5_for, tmp_path):
    studies.run(fig5_for(tmp_path))
    whole = (tmp_path / "rectangles.npz").read_bytes()
    (tmp_path / "rectangles.npz").write_bytes(whole[:100] + bytes([whole[100] ^ 255]) + whole[101:])
    with pytest.raises(studies.StudyError, match=r"rectangles\.npz is damaged"):
        studies.run(fig5_for(tmp_path))


def test_a_refused_run_leaves_the_rectangles_as_they_are(pictures, tmp_path, request_for):
    recipe = dataclasses.replace(studies.recipe("table5"), ratios=(0.34,))
    first = request_for(pictures, tmp_path, recipe=recipe, losses=("CE",), folds=2)
    studies.run(first)
    before = (tmp_path / "rectangles.npz").read_bytes()
    other = dataclasses.replace(first, seed=1, recipe=dataclasses.replace(recipe, ratios=RATIOS))
    with pytest.raises(studies.StudyError, match="seed"):
        studies.run(other)

    def refuse(jobs, observer):
        raise studies.StudyError("no cluster")

    with pytest.raises(studies.StudyError, match="no cluster"):
        studies.run(dataclasses.replace(first, recipe=dataclasses.replace(recipe, ratios=(0.2,))), engine=refuse)
    assert (tmp_path / "rectangles.npz").read_bytes() == before
