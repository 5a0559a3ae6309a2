"""Scores of other readings, other folds or other groups do not come into one table."""

import dataclasses
import json

import numpy as np
import pytest
from PIL import Image

from kerasmetricloss import studies
from kerasmetricloss.datasets import write_phantom
from kerasmetricloss.pipelines import inference
from kerasmetricloss.studies import data
from kerasmetricloss.studies.errors import LossError
from kerasmetricloss.studies.folds import Fold, cut_digest
from kerasmetricloss.studies.request import build_loss, loss_configuration


class StopAtFirst(studies.Observer):
    def cell_started(self, cell, epochs):
        raise KeyboardInterrupt


def begin(request):
    """Run a study until its first training, by when everything was checked and written down."""
    with pytest.raises(KeyboardInterrupt):
        studies.run(request, observer=StopAtFirst())
    return json.loads((request.out / "running.json").read_text())


@pytest.fixture
def radiographs(tmp_path):
    """Four 24x20 radiographs; their charts number one object 37 and another 38."""
    root = tmp_path / "radiographs"
    for folder in ("images", "labels"):
        (root / folder).mkdir(parents=True)
    for case in range(1, 5):
        chart = np.zeros((20, 24), np.uint8)
        chart[3:9, 2 + case : 10 + case] = 37
        chart[11:17, 6:14] = 38
        Image.fromarray(chart).save(root / "labels" / f"{case}.png")
        Image.fromarray(np.where(chart > 0, 180, 60 + case).astype("uint8")).save(root / "images" / f"{case}.png")
    return root


@pytest.fixture
def radiograph_study(radiographs, tmp_path, request_for):
    """The function that describes a study of one label of the radiographs."""

    def of(out, **reading):
        tiny = request_for(radiographs, tmp_path / out, folds=2)
        setup = dataclasses.replace(studies.setup("mo17", "small"), network=tiny.setup.network, picture_size=(24, 20))
        setup = dataclasses.replace(setup, reading={"roi": None, **reading}, training=tiny.setup.training)
        return dataclasses.replace(tiny, setup=setup)

    return of


@pytest.mark.parametrize("typed", [{"roi": (217, 217)}, {"absent": "error", "unsqueeze": None}])
def test_a_default_typed_out_is_no_other_reading(typed):
    plain = studies.setup("mo17", "small")
    assert data.reading_settings(dataclasses.replace(plain, reading=typed)) == data.reading_settings(plain) == {}


def test_another_label_of_the_same_charts_is_refused_and_has_cells_of_its_own(radiograph_study):
    first = begin(radiograph_study("out", label=38))
    with pytest.raises(studies.StudyError, match=r'reading was .*"label": 38.* and is now .*"label": 37'):
        studies.run(radiograph_study("out", label=37))
    other = begin(radiograph_study("other", label=37))
    assert first["datasets"]["mo17"]["files"] == other["datasets"]["mo17"]["files"]
    assert not {cell["directory"] for cell in first["cells"]} & {cell["directory"] for cell in other["cells"]}


def test_other_constants_of_normalisation_are_refused(tmp_path, request_for):
    root = write_phantom("wm17", tmp_path / "scans", cases=3, seed=1, size=(36, 32, 33))
    plain = studies.setup("wm17", "small")
    authors = dataclasses.replace(plain, authors_constants=True)
    for first, second in ((plain, authors), (authors, plain)):
        out = tmp_path / f"out{first.authors_constants}"
        for _ in range(2):
            begin(request_for(root, out, setup=first))
        with pytest.raises(studies.StudyError, match=r'preparation was .*"constants": \[\[130.0, 226.0\], \[262'):
            studies.run(request_for(root, out, setup=second))


def test_a_model_tells_how_its_images_were_read(radiograph_study):
    path = studies.run(radiograph_study("out", label=38))
    for model in path.glob("cells/*/model.keras"):
        assert inference.read_trained_on(model).reading == {"roi": None, "label": 38}


def test_another_mask_is_another_cell_and_another_description(pictures, tmp_path, request_for):
    def reading(**changes):
        patterns = {"images": ("Original/*.png",), "truth": ("Ground Truth/*.png",)}
        setup = dataclasses.replace(request_for(pictures, tmp_path).setup, dataset="folder", reader="folder")
        return dataclasses.replace(setup, reading=patterns | changes)

    def configuration(setup):
        checked = data.check(setup, pictures, observer=studies.Observer())
        found = data.prepare(checked, setup, cache=None, observer=studies.Observer())
        return data.fold_configuration(found, Fold(0, (0, 1), (2,), (2,)))

    plain, masked = configuration(reading()), configuration(reading(mask="all", values={"object": (255,)}))
    assert "reading" not in plain  # so that what was trained without settings of the reader is found again
    assert masked == plain | {"reading": {"mask": "all", "values": {"object": [255]}}}
    assert str(pictures) not in json.dumps(masked)


def splits(path, *folds):
    path.write_text("".join(f"Fold {number}:\n{fold}\n" for number, fold in enumerate(folds)))
    return path


def test_changed_folds_under_the_same_file_name_are_refused(pictures, tmp_path, request_for):
    file = splits(tmp_path / "folds.txt", ["1", "2", "3"], ["4", "5", "6", "7"])
    begin(request_for(pictures, tmp_path / "out", splits=file))
    begin(request_for(pictures, tmp_path / "out", splits=file, only_folds=(2,)))
    splits(file, ["1", "2", "4"], ["3", "5", "6", "7"])
    for only in ((), (1,)):
        with pytest.raises(studies.StudyError, match=r"folds was .*digest.* --splits, --groups"):
            studies.run(request_for(pictures, tmp_path / "out", splits=file, only_folds=only))


def test_changed_groups_are_refused_though_the_folds_are_asked_for_alike(pictures, tmp_path, request_for):
    def grouped(*groups):
        (tmp_path / "groups.csv").write_text("case,group\n" + "".join(f"{i},{g}\n" for i, g in enumerate(groups, 1)))
        setup = dataclasses.replace(
            request_for(pictures, tmp_path).setup, reading={"groups": str(tmp_path / "groups.csv")}
        )
        return request_for(pictures, tmp_path / "out", setup=setup)

    before = begin(grouped(*"aabbccd"))
    assert before["datasets"]["po18"]["reading"].keys() == {"channels", "labels"}
    begin(grouped(*"aabbccd"))
    with pytest.raises(studies.StudyError, match="folds was"):
        studies.run(grouped(*"aabbcdd"))


def test_the_digest_of_a_cut_is_of_the_fold_and_of_the_group_of_each_case():
    cut = [Fold(0, (1, 2), (0,), (0,)), Fold(1, (0,), (1, 2), (1, 2))]
    other = [Fold(0, (2,), (0, 1), (0, 1)), Fold(1, (0, 1), (2,), (2,))]
    cases = ["1", "2", "3"]
    found = {cut_digest(folds, cases, list(groups)) for folds in (cut, other) for groups in ("abb", "abc")}
    assert len(found) == 4
    assert cut_digest(cut[::-1], cases, list("abb")) == cut_digest(cut, cases, list("abb"))


def test_a_study_s_losses_read_its_networks_whatever_the_order_of_axes(channels_first):
    assert loss_configuration("wCE", prior=[0.1])["settings"]["data_format"] == "channels_last"
    assert build_loss("sDice", [0.1]).layout.data_format == "channels_last"


def test_a_loss_of_ones_own_that_changed_since_it_was_imported_is_refused(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    text = "from kerasmetricloss import SoftDice\n\n\nclass Mine(SoftDice):\n    factor = {}\n"
    (tmp_path / "edited_loss.py").write_text(text.format(1))
    first = loss_configuration("edited_loss:Mine", prior=[0.1])
    assert loss_configuration("edited_loss:Mine", prior=[0.1]) == first
    (tmp_path / "edited_loss.py").write_text(text.format(7))
    with pytest.raises(LossError, match=r"edited_loss.py changed since Python imported it.*restart the notebook's"):
        loss_configuration("edited_loss:Mine", prior=[0.1])
