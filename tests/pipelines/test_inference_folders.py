"""Predicting into a folder: which cases are done, which are done again, and what is refused."""

import csv
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from PIL import Image

from kerasmetricloss.datasets import DataError, Volume
from kerasmetricloss.files import lock
from kerasmetricloss.pipelines import Preparation
from kerasmetricloss.pipelines.inference import (
    CasesFailed,
    Network,
    PredictionError,
    Reach,
    Tiling,
    predict_folder,
)

from .conftest import trained
from .stand_ins import bright, case_of


def picture_case(tmp_path, name, seed=0):
    random = np.random.default_rng(seed)
    image = random.normal(10, 3, (14, 11, 1)).astype("float32")
    volume = Volume(image=image, truth=(image > 10).astype("uint8"), mask=np.ones((14, 11), bool))
    file = tmp_path / f"{name.replace('/', '_')}.png"
    file.write_bytes(image.tobytes())
    return case_of(volume, name, file)


def flat(**changes):
    preparation = Preparation(output_size=(14, 11), margin=0)
    return trained(channels=("c0",), shift=(10,), scale=(2,), preparation=preparation, **changes)


def test_pictures_come_out_as_black_and_white(tmp_path):
    case = picture_case(tmp_path, "é 1/2")
    predict_folder([case], bright(Reach.same(2)), flat(), tmp_path / "out", model="m")
    pixels = np.asarray(Image.open(tmp_path / "out" / "é_1_2_l0.png"))
    np.testing.assert_array_equal(pixels, case.read().truth[..., 0] * 255)


def test_finished_cases_are_skipped_and_a_lost_file_is_made_again(tmp_path):
    cases = [picture_case(tmp_path, name, seed) for seed, name in enumerate(("1", "2", "3"))]
    out, calls, seen = tmp_path / "out", [], []
    network = bright(Reach.same(2), calls)
    stopped = Network(lambda i, m: network.run(i, m) if len(calls) < 2 else 1 / 0, network.reach, 1)
    with pytest.raises(ZeroDivisionError):
        predict_folder(cases, stopped, flat(), out, model="m")
    assert len(calls) == 2
    table = predict_folder(cases, network, flat(), out, model="m", progress=lambda *step: seen.append(step))
    assert len(calls) == 3
    assert seen == [("1", 0, 3), ("2", 1, 3), ("3", 2, 3), ("", 3, 3)]
    before = table.read_bytes()
    assert [row["case"] for row in csv.DictReader(table.read_text().splitlines())] == ["1", "2", "3"]
    (out / "2_l0.png").unlink()
    predict_folder(cases, network, flat(), out, model="m")
    assert len(calls) == 4
    assert table.read_bytes() == before
    names = ["1_l0.png", "2_l0.png", "3_l0.png", "predictions.json", "scores.csv"]
    assert sorted(path.name for path in out.glob("[!.]*")) == names


def test_another_group_is_written_without_predicting_again(tmp_path):
    cases, calls = [picture_case(tmp_path, name) for name in "12"], []
    network, out = bright(Reach.same(2), calls), tmp_path / "out"
    table = predict_folder(cases, network, flat(), out, model="m")
    moved = [replace(cases[0], group="patient"), cases[1]]
    predict_folder(moved, network, flat(), out, model="m")
    assert len(calls) == 2
    assert [row["group"] for row in csv.DictReader(table.read_text().splitlines())] == ["patient", cases[1].group]


def test_two_runs_do_not_write_one_folder(tmp_path):
    case, out = picture_case(tmp_path, "1"), tmp_path / "out"
    with lock(out, ValueError), pytest.raises(PredictionError, match="another run works here"):
        predict_folder([case], bright(Reach.same(2)), flat(), out, model="m")
    predict_folder([case], bright(Reach.same(2)), flat(), out, model="m")


def test_cases_that_cannot_be_read_are_told_at_the_end_and_tried_again(tmp_path):
    cases, out, calls = [picture_case(tmp_path, name) for name in "123"], tmp_path / "out", []
    readers = [case.reader for case in cases]

    def broken(case):
        raise DataError("the picture cannot be decoded", file=case.files[0], mend="save it again")

    network = bright(Reach.same(2), calls)
    bad = [replace(cases[0], reader=broken), cases[1], replace(cases[2], reader=broken)]
    with pytest.raises(CasesFailed, match=r"2 of 3 cases .*; the other is done\n  case 1: .*\n  case 3: ") as stop:
        predict_folder(bad, network, flat(), out, model="m")
    assert [error.case for error in stop.value.failed] == ["1", "3"]
    assert [row["case"] for row in csv.DictReader((out / "scores.csv").read_text().splitlines())] == ["2"]
    mended = [replace(case, reader=reader) for case, reader in zip(bad, readers, strict=True)]
    table = predict_folder(mended, network, flat(), out, model="m")
    assert [row["case"] for row in csv.DictReader(table.read_text().splitlines())] == ["1", "2", "3"]
    assert len(calls) == 3


def test_a_case_whose_files_or_reading_changed_is_predicted_again(tmp_path):
    cases, out, calls = [picture_case(tmp_path, name) for name in "12"], tmp_path / "out", []
    network = bright(Reach.same(2), calls)

    def scores():
        table = predict_folder(cases, network, flat(), out, model="m")
        return {row["case"]: row for row in csv.DictReader(table.read_text().splitlines())}

    first = scores()
    assert first["1"]["dice"] == "1.0"
    # The truth of case 1 is mended in place: nothing but its file and what is read from it is another.
    volume = replace(cases[0].read(), truth=np.ones((14, 11, 1), "uint8"))
    cases[0].files[0].write_bytes(b"mended")
    cases[0] = replace(cases[0], reader=lambda _: volume)
    mended = scores()
    assert len(calls) == 3
    assert float(mended["1"]["dice"]) < 1
    assert mended["1"]["made_from"] != first["1"]["made_from"]
    assert mended["2"] == first["2"]
    # Another rule for the mask is another setting of the reader.
    cases[1] = replace(cases[1], reader=partial(masked, volume=cases[1].read(), above=10))
    assert scores()["2"]["made_from"] != first["2"]["made_from"]
    assert len(calls) == 4
    scores()
    assert len(calls) == 4


def masked(_, *, volume, above):
    return replace(volume, mask=volume.image[..., 0] > above)


def test_a_table_of_other_columns_is_refused(tmp_path):
    case = picture_case(tmp_path, "1")
    network = bright(Reach.same(2), [])
    table = predict_folder([case], network, flat(), tmp_path / "out", model="m")
    table.write_text("".join(line.rsplit(",", 1)[0] + "\n" for line in table.read_text().splitlines()))
    with pytest.raises(PredictionError, match=r"columns \['case', .*; expected case, .*seen\. Delete it"):
        predict_folder([case], network, flat(), tmp_path / "out", model="m")


def test_labels_in_another_order_than_the_outputs_are_refused_and_other_names_are_not(tmp_path):
    case = picture_case(tmp_path, "1")
    volume = case.read()
    volume = replace(volume, truth=np.repeat(volume.truth, 2, axis=-1))
    two = replace(case, labels=("TC", "WT"), reader=lambda _: volume)
    network = replace(bright(Reach.same(2), []), outputs=2)
    with pytest.raises(PredictionError, match=r"label TC stands where the model predicts WT: .* \(--labels WT,TC\)"):
        predict_folder([two], network, flat(labels=("WT", "TC")), tmp_path / "out", model="m")
    assert not (tmp_path / "out").exists()
    one = bright(Reach.same(2), [])
    predict_folder([case], one, flat(labels=("lesion",)), tmp_path / "out", model="m")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model": "other"}, 'model was "m" and is now "other"'),
        ({"tiling": Tiling(overlap=0.25)}, "tiling was"),
        ({"trained_on": flat(dataset="elsewhere")}, "trained_on was"),
    ],
)
def test_a_folder_of_other_predictions_is_not_added_to(tmp_path, changes, message):
    case = picture_case(tmp_path, "1")
    given = {"network": bright(Reach.same(2)), "trained_on": flat(), "model": "m"}
    predict_folder([case], out=tmp_path / "out", **given)
    with pytest.raises(PredictionError, match=message):
        predict_folder([case], out=tmp_path / "out", **{**given, **changes})
    (tmp_path / "out" / "predictions.json").write_text("[")
    with pytest.raises(PredictionError, match="cannot be read"):
        predict_folder([case], out=tmp_path / "out", **given)


def test_a_smaller_batch_goes_on_where_memory_ran_out(tmp_path):
    cases = [picture_case(tmp_path, name) for name in ("1", "2")]
    given = {"network": bright(Reach.same(2)), "trained_on": flat(), "model": "m", "out": tmp_path / "out"}
    predict_folder(cases[:1], tiling=Tiling(size=(4, 4), batch=8), **given)
    predict_folder(cases, tiling=Tiling(size=(4, 4), batch=1), **given)
    assert len(list((tmp_path / "out").glob("*_l0.png"))) == 2


def test_cases_of_one_file_name_and_outputs_without_labels_are_refused(tmp_path):
    cases = [picture_case(tmp_path, "a_1"), picture_case(tmp_path, "a_1")]
    cases[0] = replace(cases[0], id="a 1")
    with pytest.raises(PredictionError, match="cases a 1 and a_1 would have one file"):
        predict_folder(cases, bright(Reach.same(2)), flat(), tmp_path / "out", model="m")
    cases[0] = replace(cases[0], id="a", labels=("1_l0",))  # a_1_l0.png, as of the case a_1 and its label l0
    with pytest.raises(PredictionError, match="cases a and a_1 would have one file"):
        predict_folder(cases, bright(Reach.same(2)), flat(labels=()), tmp_path / "out", model="m")
    three = replace(bright(Reach.same(2)), outputs=3)
    with pytest.raises(PredictionError, match=r"the model has 3 outputs \(l0\), but the data have the labels l0"):
        predict_folder(cases[1:], three, flat(), tmp_path / "out", model="m")
